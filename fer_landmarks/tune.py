"""Search settings of named pipelines: ``python -m fer_landmarks.tune NAME … --data PATH``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from fer_core.cli import natural, not_negative, run_command, threads
from fer_core.datasets.options import (
    add_arguments,
    add_split_arguments,
    describe,
    load_split,
    refuse_votes,
)
from fer_core.datasets.thinning import thinned
from fer_core.errors import FerError
from fer_core.extras import require
from fer_landmarks.pipelines import classifier_of, list_pipelines
from fer_landmarks.search import Objective, Search, Trial, Workbench
from fer_landmarks.settings import PACKAGED, Settings, load_settings, save_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_landmarks.tune",
        description="Search the settings of named pipelines on the validation part; test pictures "
        "are not looked at. Interrupted, it goes on where it was. What is found is written to "
        "OUT/settings.json, which python -m fer_landmarks.train reads by --settings.",
        epilog=f"Pipelines: {', '.join(list_pipelines())}.",
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="pipelines, see below")
    add_arguments(parser)
    add_split_arguments(parser)
    parser.add_argument(
        "--trials", type=natural, default=30, metavar="N", help="of each pipeline (default: 30)"
    )
    parser.add_argument(
        "--minutes",
        type=not_negative,
        metavar="M",
        help="for each pipeline; no trial is begun later",
    )
    parser.add_argument(
        "--faces", type=int, metavar="N", help="fit on about so many, a part of each class"
    )
    parser.add_argument(
        "--objective", choices=get_args(Objective), default="accuracy", help="default: accuracy"
    )
    parser.add_argument("--jobs", type=threads, default=-1, help="threads of the descriptors")
    parser.add_argument("--out", type=Path, default=Path("runs/tune"), help="default: %(default)s")
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="let make_pipeline use what is found: write it to the package's settings.json too",
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    require("optuna", "tune")
    refuse_votes(args)
    if args.faces is not None and args.faces < 1:
        raise FerError(f"--faces must be at least 1. Got {args.faces} instead.")
    for name in args.names:
        classifier_of(name)  # a wrong name is found before hours of work
    dataset, split = load_split(args)
    fitting = split.fitting if args.faces is None else thinned(split.fitting, args.faces, args.seed)
    for sentence in describe(dataset.in_scheme(fitting.scheme), split):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    if len(fitting) < len(split.fitting):
        console.print(f"fitted on: {len(fitting):,} of them", highlight=False)
    bench = Workbench(fitting, split.validation)
    table = Table("pipeline", "trials", "accuracy", "before", "log loss", "before", "changed")
    found = {}
    for name in args.names:
        search = Search(
            name,
            bench,
            args.out / "trials.log",
            objective=args.objective,
            seed=args.seed,
            n_jobs=args.jobs,
        )
        _run(search, args.trials, args.minutes, console)
        found[name] = search.settings()
        first, best = search.trials()[0], search.best()
        table.add_row(
            name,
            str(len(search.trials())),
            f"{best.accuracy:.4f}",
            f"{first.accuracy:.4f}",
            f"{best.log_loss:.4f}",
            f"{first.log_loss:.4f}",
            _changes(found[name].params, first.params) or "nothing",
        )
        _add(found[name], name, args.out / "settings.json")
        if args.adopt and found[name].params != load_settings()[name].params:
            _add(found[name], name, PACKAGED)
    console.print(table)
    error = (0.25 / len(split.validation)) ** 0.5
    console.print(
        f"Accuracies on {len(split.validation):,} faces have a standard error of up to "
        f"{error:.3f}; differences below that are luck as much as settings.",
        highlight=False,
    )
    console.print(f"Settings: {args.out / 'settings.json'}", highlight=False, soft_wrap=True)


def _run(search: Search, n_trials: int, minutes: float | None, console: Any) -> None:
    deadline = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    earlier = len(search.trials())
    if earlier:
        console.print(f"{search.name}: {earlier} trials were made before", highlight=False)
    with console.status(f"{search.name}: describing faces") as status:
        for trial in search.run(n_trials, deadline):
            n = len(search.trials()) - 1
            if isinstance(trial, str):
                console.print(f"{search.name}: a trial failed: {trial}", markup=False)
                continue
            words = _figures(trial) + (": settings so far" if n == 0 else "")
            console.print(f"{search.name} {n}/{n_trials}: {words}", markup=False, highlight=False)
            status.update(f"{search.name} {n}/{n_trials}, best {_figures(search.best())}")


def _figures(trial: Trial) -> str:
    return f"accuracy {trial.accuracy:.4f}, log loss {trial.log_loss:.4f}, {trial.seconds:.1f} s"


def _changes(params: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    changed = {key: value for key, value in params.items() if before.get(key, ...) != value}
    return ", ".join(f"{key.rpartition('__')[2]} {value}" for key, value in changed.items())


def _add(settings: Settings, name: str, path: Path) -> None:
    known = load_settings(path) if path.exists() else {}
    save_settings({**known, name: settings}, path)


if __name__ == "__main__":
    raise SystemExit(main())
