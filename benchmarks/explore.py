"""Look at a data set before learning from it: ``python -m benchmarks.explore``.

Writes a page for the eye and a table of suggested actions, which a person reviews and gives to
``--drop`` and ``--relabel`` of the training commands and the benchmark.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.explore_page import Findings, write_page
from benchmarks.exploring import (
    counts_of,
    divided,
    find_copy_groups,
    find_faceless,
    merged,
)
from benchmarks.predictions import load_predictions
from benchmarks.progress import say
from benchmarks.results import RunFolder
from benchmarks.suspects import Suggestion, hard_for_all, out_of_fold, suspect_labels
from fer_core.cli import names, run_command, seed
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.errors import DataError
from fer_core.extras import require
from fer_core.files import write_atomically
from fer_core.splits import make_split

#: Quick pipelines that differ: the first tells likely wrong labels, all of them hard pictures.
PIPELINES = ("fusion-kernel", "fusion-lda")
FOLDS = 5

SUGGESTIONS = "suggestions.csv"
_COLUMNS = ("name", "action", "label", "reason", "score")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explore",
        description="Look at the pictures: counts, samples, mean faces, landmarks, copies, "
        "pictures without a face, likely wrong labels, and pictures that are hard for all. Writes "
        "an HTML page and a table of suggestions to review.",
    )
    add_arguments(parser)
    group = parser.add_argument_group("looking")
    group.add_argument(
        "--pipelines",
        type=names,
        metavar="A,B,…",
        help="fitted fold by fold; the first tells likely wrong labels, all of them which "
        f"pictures are hard (default: {','.join(PIPELINES)})",
    )
    group.add_argument("--folds", type=int, metavar="K", help=f"default: {FOLDS}")
    group.add_argument(
        "--no-labels", action="store_true", help="fit nothing: don't look for wrong labels"
    )
    group.add_argument(
        "--run",
        type=Path,
        metavar="DIR",
        help="a benchmark's --out: show the validation and test pictures that all its models get "
        "wrong",
    )
    group.add_argument("--out", type=Path, metavar="DIR", help="default: runs/explore/DATASET")
    group.add_argument("--seed", type=seed, default=0, help="of split and folds (default: 0)")
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    from fer_landmarks import make_pipeline

    console = Console()
    if args.no_labels and (args.pipelines or args.folds is not None):
        raise DataError("--no-labels fits nothing; leave it out, or else --pipelines and --folds")
    pipelines = [] if args.no_labels else args.pipelines or PIPELINES
    for name in pipelines:
        make_pipeline(name)  # a wrong name is found before any work
    if not args.no_labels:
        require("cleanlab", "explore")
    with console.status("reading pictures"):
        dataset = load_dataset(args)
    with console.status("looking") as status:
        findings = look(
            dataset,
            pipelines,
            folds=FOLDS if args.folds is None else args.folds,
            seed=args.seed,
            run=None if args.run is None else RunFolder(args.run),
            notify=status.update,
        )
    out = args.out or Path("runs/explore") / dataset.name
    write_suggestions(out / SUGGESTIONS, findings.suggestions)
    page = write_page(out / "explore.html", findings)
    kinds = Counter(s.reason.partition(":")[0].split(" test")[0] for s in findings.suggestions)
    for reason, count in kinds.most_common():
        say(console, f"{count:6,}  {reason}")
    say(console, f"Page: {page} (shows pictures of the data set: keep it to yourself)")
    say(console, f"Suggestions to review: {out / SUGGESTIONS}")


def look(
    dataset: Dataset,
    pipelines: Sequence[str],
    *,
    folds: int,
    seed: int,
    run: RunFolder | None = None,
    notify: object = None,
) -> Findings:
    """Find everything that the page shows.

    Parameters
    ----------
    dataset : Dataset
    pipelines : sequence of str
        Without any nothing is fitted.
    folds, seed : int
    run : RunFolder or None
    notify : callable
        Told what is done now.
    """
    tell = notify if callable(notify) else lambda text: None
    split = make_split(dataset, seed=seed)
    explored = divided(dataset, split)
    tell("looking for copies")
    copies = find_copy_groups(explored)
    faceless = find_faceless(explored.learning, tell)
    labels: list[Suggestion] = []
    hard = np.array([], dtype=np.int64)
    proba = None
    if pipelines:
        probas = out_of_fold(explored.learning, pipelines, folds, seed, tell)
        proba = probas[pipelines[0]]
        hard = hard_for_all(explored.learning, probas)
        # A label that one of the pipelines expects is not suspected.
        unexpected = set(explored.learning.names[hard].tolist())
        found, _ = suspect_labels(explored.learning, proba)
        labels = [s for s in found if s.name in unexpected]
    return Findings(
        dataset=dataset,
        split=split,
        explored=explored,
        counts=counts_of(dataset, split),
        copies=copies,
        faceless=faceless,
        pipelines=tuple(pipelines),
        proba=proba,
        wrong_labels=labels,
        hard=hard,
        hard_for_run=None if run is None else _hard_for_run(run, dataset),
        suggestions=merged(faceless.suggestions, copies.suggestions, labels),
    )


def _hard_for_run(folder: RunFolder, dataset: Dataset) -> tuple[list[str], int]:
    """Return the pictures that all models of a run get wrong, and the number of models."""
    models = folder.names()
    if not models:
        raise DataError(
            f"{folder.root}: there are no finished models here; --run needs the --out of a "
            "finished python -m benchmarks.run"
        )
    saved = {m: load_predictions(folder.probabilities(m)) for m in models}
    names = {m: np.concatenate([part.names for part in parts]) for m, parts in saved.items()}
    first = names[models[0]]
    if any(not np.array_equal(n, first) for n in names.values()):
        raise DataError(f"{folder.root}: its models were measured on different pictures")
    known = {name: i for i, name in enumerate(dataset.names.tolist())}
    index = np.array([known.get(name, -1) for name in first.tolist()], dtype=np.intp)
    if (index < 0).any():
        raise DataError(f"{folder.root}: this run is of other pictures than '{dataset.name}'")
    probas = {m: np.concatenate([part.proba for part in parts]) for m, parts in saved.items()}
    measured = dataset.subset(index)
    labelled = np.concatenate([part.y for part in saved[models[0]]])
    k = probas[models[0]].shape[1]
    if k != len(dataset.scheme.labels) or not np.array_equal(labelled, measured.y):
        raise DataError(
            f"{folder.root}: this run gave these pictures other labels; give the same --map here"
        )
    found = hard_for_all(measured, probas)
    return first[found].tolist(), len(models)


def write_suggestions(path: Path, suggestions: Sequence[Suggestion]) -> None:
    """Write the table that a person reviews."""
    with (
        write_atomically(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for s in suggestions:
            writer.writerow([s.name, s.action, s.label, s.reason, f"{s.score:.4f}"])


if __name__ == "__main__":
    raise SystemExit(main())
