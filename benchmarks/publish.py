"""Keep a run for good: ``python -m benchmarks.publish DIR [--model STORED=NAME …]``.

Copies result files to ``benchmarks/results/DATASET``, figures without pictures of the dataset to
``docs/figures/DATASET``, and the models asked for into the shipped store under second names.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.models import ENSEMBLE
from benchmarks.report import SHOW_PICTURES, confusion_name
from benchmarks.results import Run, RunFolder, load_results, save_result
from fer_core.cli import run_command
from fer_core.ensemble import Ensemble
from fer_core.errors import DataError
from fer_core.files import write_atomically
from fer_core.model_store import STANDING_NAMES, ModelStore
from fer_core.pipeline_files import KERAS_SUFFIX, serving_files

#: The repository that this file lies in, unless it is installed elsewhere.
CHECKOUT = Path(__file__).parents[1]


def publish(
    folder: RunFolder,
    root: Path,
    models: Sequence[tuple[str, str]] = (),
    *,
    only_these: bool = False,
) -> list[Path]:
    """Copy a run's results, figures and chosen models to where they are committed.

    Parameters
    ----------
    folder : RunFolder
    root : Path
        The repository.
    models : sequence of (str, str)
        A standing name and the run's model that it shall mean. An ensemble takes its members
        along.
    only_these : bool
        Whether results that are kept there of models that the run lacks may go.

    Returns
    -------
    list of Path
        Files and folders written.

    Raises
    ------
    DataError
        If the run is quick or a cross-validation, has no results, or has not finished a model, or
        if what is there under the dataset's name is of other pictures, or of more models.
    ModelStoreError
        If it has no model of a name, or a standing name is another model's own.
    """
    results = folder.results()
    if not results:
        raise DataError(f"{folder.root}: there are no results here to keep")
    run = results[0].run
    if run.quick:
        raise DataError(f"{folder.root}: a quick run's figures are rough; run without --quick")
    if "folds" in run.n:
        raise DataError(
            f"{folder.root}: a cross-validation; it would take the place of the figures that were "
            "measured on the dataset's own test pictures"
        )
    made, store = ModelStore(folder.models, trusted=True), ModelStore(root / "models", trusted=True)
    for standing, name in models:  # what is wrong is found before anything is replaced
        made.entry(name)
        if not folder.finished(name):
            raise DataError(
                f"{folder.root}: '{name}' is not finished, so that what is stored was not "
                "measured; finish it with python -m benchmarks.run --resume"
            )
        store.check_second_name(standing, name)
    kept = root / "benchmarks" / "results" / run.dataset
    drawn = root / "docs" / "figures" / run.dataset
    _require_own(run, kept, drawn)
    if not only_these:
        _require_all(folder, kept)
    for target in (kept, drawn):
        shutil.rmtree(target, ignore_errors=True)
    for result in results:
        save_result(kept / f"{result.name}.json", result)
    studies = {
        path: kept / "studies" / path.name for path in folder.study("").parent.glob("*.json")
    }
    for native in folder.natives():
        place = kept / "native" / native.root.name
        studies |= {native.result(name): place / f"{name}.json" for name in native.names()}
    for path, target in studies.items():
        with write_atomically(target) as temporary:
            shutil.copyfile(path, temporary)
    # A matrix a model is much; the others stay in the run's report.
    matrices = {confusion_name(result.name) for result in results} - {confusion_name(ENSEMBLE)}
    for path in sorted(folder.figures.glob("[!.]*.png")):  # no half-written ones of a killed run
        if path.name not in {*SHOW_PICTURES, *matrices}:
            with write_atomically(drawn / path.name) as temporary:
                shutil.copyfile(path, temporary)
    for standing, name in models:
        _ship(made, store, name)
        if standing != name:
            store.alias(standing, name)
    return [kept, drawn, *([store.root] if models else [])]


def _require_own(run: Run, kept: Path, drawn: Path) -> None:
    """Refuse to put a run in the place of anything but an earlier run on the same pictures."""
    if not run.dataset:
        raise DataError("the pictures lie in a folder without a name, and results need one")
    if not kept.exists() and not drawn.exists():
        return
    standing = load_results(kept)
    if not standing or standing[0].run.fingerprint != run.fingerprint:
        raise DataError(
            f"{kept} or {drawn} holds something else than results on these pictures; remove it "
            f"if it is old, or rename the folder of pictures '{run.dataset}'"
        )


def _require_all(folder: RunFolder, kept: Path) -> None:
    """Refuse to leave out results that are kept of models that a run lacks."""
    groups = {"": folder.names()} | {f.root.name: f.names() for f in folder.natives()}
    there = {"": kept} | {p.name: p for p in kept.glob("native/*/")}
    gone = [
        "/".join(filter(None, (scheme, path.stem)))
        for scheme, place in there.items()
        for path in sorted(place.glob("*.json"))
        if path.stem not in groups.get(scheme, ())
    ]
    if gone:
        raise DataError(
            f"{kept}: has results that {folder.root} lacks ({', '.join(gone)}); measure these "
            "models there as well, or let their results go with --only-these"
        )


def _ship(source: ModelStore, target: ModelStore, name: str) -> None:
    """Copy one stored model, and the members of an ensemble before it."""
    entry = source.entry(name)
    model = source.load(name)
    if isinstance(model, Ensemble):
        for member in model.spec.members:
            _ship(source, target, member)
    names = [file.path for file in entry.files]
    shipped = {n for n in names if n.endswith(KERAS_SUFFIX)}.union(serving_files(names))
    target.add(entry, {name: source.folder(entry) / name for name in sorted(shipped)}, model)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.publish",
        description="Copy a run's results and figures, and models to ship, into the repository.",
    )
    parser.add_argument("folder", type=Path, help="the run's --out")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="STANDING=NAME",
        help=f"ship the run's model NAME as one of {', '.join(STANDING_NAMES)}; may be repeated",
    )
    parser.add_argument(
        "--only-these",
        action="store_true",
        help="remove the kept results of models that the run lacks",
    )
    parser.add_argument("--root", type=Path, default=CHECKOUT, help="the repository")
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    if args.root == CHECKOUT and not (CHECKOUT / "pyproject.toml").is_file():
        raise DataError(f"{CHECKOUT}: this is no repository; name one to publish in as --root")
    pairs = []
    for text in args.model:
        standing, _, name = text.partition("=")
        if standing not in STANDING_NAMES or not name:
            raise DataError(
                f"--model {text}: expected STANDING=NAME with one of {', '.join(STANDING_NAMES)}"
            )
        pairs.append((standing, name))
    for path in publish(RunFolder(args.folder), args.root, pairs, only_these=args.only_these):
        print(path)


if __name__ == "__main__":
    raise SystemExit(main())
