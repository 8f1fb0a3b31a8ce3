"""Fit, measure, combine and compare: ``python -m benchmarks.run``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks import figures, report
from benchmarks.budget import LIVE_BUDGET, Budget
from benchmarks.measuring import (
    Job,
    combine_and_measure,
    evaluate_again,
    fit_and_measure,
    load_back,
    time_again,
)
from benchmarks.models import CNN, ENSEMBLE, ENSEMBLE_LIVE, Candidate, choose_models, known_models
from benchmarks.predictions import load_predictions
from benchmarks.progress import Progress, say
from benchmarks.results import RunFolder, describe_run, load_result, save_result
from benchmarks.tables import models_table
from benchmarks.thinning import QUICK_PICTURES, thinned
from benchmarks.worker import TaskError, run_task
from fer_core.cli import run_command
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, Scheme, get_scheme
from fer_core.splits import make_split

#: Fitted when no models are named: the simplest pipelines of the classical family and the network.
DEFAULT_MODELS = ("geometry-svm", "hog-svm", "fusion-svm", "fusion-xgb", CNN)

#: Columns of the report's table that fit on a terminal.
_SHOWN = ("model", "accuracy", "95 % interval", "macro F1", "log loss", "ms / face", "fit s")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0, or 2 where the input is wrong or a model failed, or 130 for Ctrl-C.
    """
    return run_command(_parser(), _command, argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-bench",
        description="Fit models of both families and their ensemble on one split, measure them "
        "and write a report. Without options: on the demo faces, in minutes.",
    )
    add_arguments(parser)
    group = parser.add_argument_group("run")
    group.add_argument(
        "--models", type=_names, metavar="A,B,…", help=f"default: {','.join(DEFAULT_MODELS)}"
    )
    group.add_argument(
        "--schemes", type=_names, metavar="A,B,…", help="label schemes to measure in (default: all)"
    )
    group.add_argument("--out", type=Path, metavar="DIR", help="default: runs/DATASET")
    group.add_argument(
        "--quick", action="store_true", help="a part of the pictures and the small network"
    )
    group.add_argument("--resume", action="store_true", help="keep models that are finished")
    group.add_argument(
        "--max-ms", type=float, metavar="MS", help="of the ensemble's members for one face"
    )
    group.add_argument(
        "--max-mb", type=float, metavar="MB", help="of the files of the ensemble's members"
    )
    group.add_argument(
        "--time-again", action="store_true", help="measure the speed of finished models anew"
    )
    group.add_argument("--seed", type=int, default=0, help="of splits and fits (default: 0)")
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _command(args: argparse.Namespace) -> None:
    console = Console()
    small = args.quick or (args.dataset in (None, "demo") and not args.download)
    # Names first: a misspelt one should not wait for the pictures.
    candidates, left_out = choose_models(
        args.models, known_models(seed=args.seed, small=small), DEFAULT_MODELS
    )
    named_schemes = [get_scheme(name) for name in args.schemes or ()]
    with console.status("reading pictures"):
        job = prepare(args, named_schemes)
    say(console, f"{job.run.dataset}: {job.run.description}")
    for sentence in left_out:
        say(console, f"Left out: {sentence}")
    try:
        ensembles = {ENSEMBLE: Budget(args.max_ms, args.max_mb), ENSEMBLE_LIVE: LIVE_BUDGET}
        target = run(
            job,
            candidates,
            ensembles,
            resume=args.resume,
            console=console,
            timing=args.time_again,
        )
    except KeyboardInterrupt:
        say(console, f"What is finished is in {job.folder.root}; go on with --resume.")
        raise
    finally:
        job.folder.tidy()
    _show(console, job)
    say(console, f"Report: {target}")


def prepare(args: argparse.Namespace, schemes: Sequence[Scheme] = ()) -> Job:
    """Load and divide the pictures and open the output folder, refusing what is wrong.

    Raises
    ------
    DataError
        If pictures, options or the output folder are not what they should be.
    """
    dataset = load_dataset(args)
    if args.quick:
        dataset = thinned(dataset, QUICK_PICTURES, args.seed)
    derivable = SCHEMES.values() if dataset.scheme in SCHEMES.values() else [dataset.scheme]
    for scheme in schemes:
        if scheme not in derivable:
            raise DataError(
                f"scheme '{scheme.name}' joins FER2013's labels; the classes of "
                f"'{dataset.name}' are others ({', '.join(dataset.scheme.labels)})"
            )
    wanted = dict.fromkeys([dataset.scheme, *(schemes or derivable)])
    split = make_split(dataset, seed=args.seed)
    root = args.out or Path("runs") / (dataset.name + ("-quick" if args.quick else ""))
    folder = RunFolder(root)
    described = describe_run(dataset, split, seed=args.seed, quick=args.quick)
    folder.open(described)
    return Job(described, split, tuple(wanted), folder)


def run(
    job: Job,
    candidates: Sequence[Candidate],
    ensembles: Mapping[str, Budget],
    *,
    resume: bool,
    console: Console,
    timing: bool = False,
) -> Path:
    """Fit and measure what is not finished, combine everything, and write the report.

    Parameters
    ----------
    job : Job
    candidates : sequence of Candidate
    ensembles : dict of str to Budget
        What the members of each ensemble may cost.
    resume : bool
        Whether finished models are kept; else those asked for are fitted anew. Other models that
        the folder holds stay in either case and are measured again from their probabilities.
    console : Console
    timing : bool
        Whether the speed of all finished models is measured anew.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    TaskError
        If a model failed; the others are finished and reported all the same.
    """
    folder = job.folder
    progress = Progress(console, total=len(candidates) + len(ensembles))
    failures = []
    for candidate in candidates:
        name = candidate.name
        if resume and folder.finished(name):
            progress.skip(name, "finished before")
            continue
        # An interrupted training, which has no result yet, goes on in any case.
        if folder.finished(name):
            folder.forget(name)
        try:
            with progress.task(name) as notify:
                run_task(partial(fit_and_measure, job, candidate), folder.log(name), notify)
        except TaskError as error:
            progress.say(f"{name}: {error}")
            failures.append(f"{name} ({error})")
        finally:
            folder.tidy()
    for name in ensembles:
        folder.forget(name)
    members = _evaluate_all(job)
    for name in members if timing else ():
        run_task(partial(time_again, job, name), folder.log(name), progress.say)
    if not members:
        raise TaskError(f"no model could be fitted: {'; '.join(failures)}")
    names = list(members)
    for name, budget in ensembles.items():
        if len(members) < 2:
            progress.skip(name, "left out, it needs at least two models")
            continue
        try:
            with progress.task(name) as notify:
                combine = partial(combine_and_measure, job, name, members, budget)
                run_task(combine, folder.log(name), notify)
            names.append(name)
        except TaskError as error:
            progress.say(f"{name}: {error}")
            failures.append(f"{name} ({error})")
    run_task(partial(load_back, job, names), folder.log("load-back"), progress.say)
    _draw_mistakes(job)
    target = report.write_report(folder)
    if failures:
        raise TaskError(
            f"{len(failures)} of {len(candidates)} models failed: {'; '.join(failures)}; the "
            f"report on the others is {target}; --resume tries the failed ones again"
        )
    return target


def _evaluate_all(job: Job) -> list[str]:
    """Compute all finished models' figures from their probabilities; return their names."""
    names = []
    for path in sorted(job.folder.result("").parent.glob("*.json")):
        result = load_result(path)
        if result.model["family"] != "ensemble":
            save_result(path, replace(evaluate_again(job, result), run=job.run))
            names.append(result.name)
    return names


def _draw_mistakes(job: Job) -> None:
    """Draw the best model's mistakes: the one figure that needs the pictures themselves."""
    best = job.folder.results()[0]
    _, test = load_predictions(job.folder.probabilities(best.name))
    figure = figures.mistakes_figure(job.split.test.faces, test, job.scheme.labels)
    path = job.folder.figures / report.MISTAKES
    if figure is None:
        path.unlink(missing_ok=True)
    else:
        figures.save_figure(figure, path)


def _show(console: Console, job: Job) -> None:
    table = models_table(job.folder.results())
    names = [name for name, _ in table.columns]
    chosen = [names.index(name) for name in _SHOWN]
    shown = RichTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i in chosen:
        shown.add_column(names[i], justify="left" if i == 0 else "right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*(row[i].text for i in chosen))
    console.print(shown)


if __name__ == "__main__":
    raise SystemExit(main())
