"""Fit, measure, combine and compare: ``python -m benchmarks.run``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.budget import LIVE_BUDGET, Budget
from benchmarks.candidates import Candidate
from benchmarks.cleaned import cleaned_candidates
from benchmarks.folding import run_folds
from benchmarks.models import (
    ENSEMBLE,
    ENSEMBLE_CNN,
    ENSEMBLE_LANDMARKS,
    ENSEMBLE_LIVE,
    augmented_at_test,
    choose_models,
    known_models,
    require_chosen,
)
from benchmarks.native import by_scheme, native_job, write_native_study
from benchmarks.other_data import measure_all
from benchmarks.other_pictures import check_test_on, load_others
from benchmarks.preparing import cleaned_job, prepare, prepare_folds
from benchmarks.progress import say
from benchmarks.report import write_report
from benchmarks.results import RunFolder
from benchmarks.run_options import DEFAULT_MODELS, all_but_own, make_parser
from benchmarks.running import run
from benchmarks.runs import Run
from benchmarks.stored import StoredModels
from benchmarks.tables import models_table
from benchmarks.worker import TaskError
from fer_core.cleaning import (
    NOTE,
    Cleaning,
    describe_cleaning,
    read_cleaning,
)
from fer_core.cli import run_command
from fer_core.datasets.options import notes_in_words
from fer_core.errors import DataError
from fer_core.labels import Scheme, get_scheme
from fer_core.model_entry import MANIFEST
from fer_core.model_store import ModelStore
from fer_core.soft_labels import require_source

#: Options that say something where stored models are measured and nothing is fitted.
_FOR_STORED = {
    "test_on",
    "map",
    "crop",
    "detector",
    "groups",
    "skip_broken",
    "models",
    "store",
    "out",
}

#: Columns of the report's table that fit on a terminal.
_SHOWN = ("model", "accuracy", "95 % interval", "with missed", "log loss", "ms / face")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0, or 2 where the input is wrong or a model failed, or 130 for Ctrl-C.
    """
    return run_command(make_parser(), _command, argv)


def _command(args: argparse.Namespace) -> None:
    console = Console()
    if args.test_on and args.dataset is None and not args.download:
        _measure_stored(args, console)
        return
    small = args.quick or (args.dataset in (None, "demo") and not args.download)
    # Names and tables first: what is misspelt should not wait for the pictures.
    cleaning = read_cleaning(args)
    known = known_models(
        seed=args.seed,
        small=small,
        soft_labels=dict(args.soft_labels),
        stored=args.stored,
        store=ModelStore(args.store),
    )
    candidates, left_out = choose_models(args.models or args.stored or None, known, DEFAULT_MODELS)
    for option, names in (("stored", args.stored), ("soft-labels", dict(args.soft_labels))):
        require_chosen(option, names, known, candidates)
    for source in dict(args.soft_labels).values():
        require_source(source)
    check_test_on(args)
    if args.store is not None and not args.stored:
        raise DataError("--store says where the models of --stored are; name some")
    augmented_at_test(candidates, args.tta, known, ModelStore())  # refuses unknown names
    named_schemes = [get_scheme(name) for name in args.schemes or ()]
    also = [get_scheme(name) for name in all_but_own(args.native)]
    if args.folds is not None:
        _cross_validate(args, candidates, named_schemes, cleaning, console)
        return
    with console.status("reading pictures"):
        whole, loaded = prepare(args, named_schemes)
        others = load_others(args, whole.scheme)
    job = cleaned_job(whole, cleaning, loaded)
    candidates, natives = by_scheme(candidates, job.scheme, also)
    job.folder.open(job.run)
    candidates = cleaned_candidates(candidates, job.split.fitting, job.folder)
    candidates = [*candidates, *augmented_at_test(candidates, args.tta, known, job.store())]
    _introduce(job.run, console)
    if NOTE in job.split.fitting.notes:
        say(console, describe_cleaning(job.split.fitting.notes[NOTE]))
    for sentence in left_out:
        say(console, f"Left out: {sentence}")
    jobs = [("", job, candidates)]
    for scheme, own in natives.items():  # what can't be trained on is found before anything is
        native = cleaned_job(native_job(whole, scheme), cleaning, loaded)
        own = cleaned_candidates(own, native.split.fitting, native.folder)
        jobs.append((scheme.name, native, own))
    ensembles, failures = _ensembles(args), []
    options = {"resume": args.resume, "console": console, "timing": args.time_again}
    try:
        for name, one, models in jobs:
            if name:
                say(console, f"Trained on the classes of {name}")
            try:
                target = run(one, models, ensembles, **options)
            except TaskError as error:
                if not job.folder.names():  # nothing for others to stand beside
                    raise
                failures.append(f"{name}: {error}" if name else str(error))
        if job.folder.natives():  # of an earlier run, too, whose models stand beside these
            write_native_study(job.folder)
        if job.folder.natives() or failures:
            target = write_report(job.folder)
    except KeyboardInterrupt:
        say(console, f"What is finished is in {job.folder.root}; go on with --resume.")
        raise
    finally:
        job.folder.tidy()
    _show(console, job.folder)
    say(console, f"Report: {target}")
    if args.test_on:
        fitted = np.concatenate([job.split.fitting.faces, job.split.validation.faces])
        # The store may hold models of an earlier run that this one has forgotten.
        fitted_models = StoredModels(job.store(), job.folder.names())
        measure_all(fitted_models, others, job.folder.root / "other", console, fitted)
    if failures:
        raise TaskError("; ".join(failures))


def _ensembles(args: argparse.Namespace) -> dict[str, Budget]:
    most = Budget(args.max_ms, args.max_mb)
    return {
        ENSEMBLE: most,
        ENSEMBLE_LIVE: LIVE_BUDGET.within(most),
        # A budget may leave out a family, which is no failure of the run.
        ENSEMBLE_LANDMARKS: replace(most, family="landmarks", strict=False),
        ENSEMBLE_CNN: replace(most, family="cnn", strict=False),
    }


def _cross_validate(
    args: argparse.Namespace,
    candidates: Sequence[Candidate],
    schemes: Sequence[Scheme],
    cleaning: Cleaning | None,
    console: Console,
) -> None:
    """Run every fold and report on all of them."""
    for option in ("native", "test_on", "soft_labels", "stored", "tta"):
        if getattr(args, option):
            raise DataError(
                f"--{option.replace('_', '-')} needs models fitted once; run it without --folds"
            )
    with console.status("reading pictures"):
        folder, jobs = prepare_folds(args, schemes, cleaning)
    candidates, made_for = by_scheme(candidates, jobs[0].scheme, ())
    if made_for:
        names = ", ".join(c.name for group in made_for.values() for c in group)
        raise DataError(f"{names}: made for other classes, which --folds doesn't train on")
    # What a fold holds of an earlier run must have been cleaned in the same way.
    renamed = [cleaned_candidates(candidates, job.split.fitting, job.folder) for job in jobs]
    candidates = renamed[0]
    _introduce(folder.run(), console)
    try:
        target = run_folds(
            folder,
            jobs,
            candidates,
            _ensembles(args),
            resume=args.resume,
            console=console,
            timing=args.time_again,
        )
    except KeyboardInterrupt:
        say(console, f"What is finished is in {folder.root}; go on with --resume.")
        raise
    _show(console, folder)
    say(console, f"Report: {target}")


def _measure_stored(args: argparse.Namespace, console: Console) -> None:
    """Measure the models of a finished run, or the shipped ones, on other data."""
    if args.data is not None:
        raise DataError("--data needs --dataset fer2013 or --dataset folder to say what it holds")
    for option, default in vars(make_parser().parse_args([])).items():
        if option not in _FOR_STORED and getattr(args, option) != default:
            raise DataError(
                f"--{option.replace('_', '-')} changes nothing where --test-on measures models "
                "that are there already, which --models chooses; leave it out, or say with "
                "--dataset what to fit on"
            )
    own = RunFolder(args.out) if args.out is not None else None
    names = args.models
    if own is not None and own.models.is_dir() and args.store is None:
        store, target = ModelStore(own.models, trusted=True), own.root / "other"
        names = names or own.names() or None  # the store may hold others that the run has forgotten
    else:
        store, target = ModelStore(args.store), args.out or Path("runs/other")
    if (target / MANIFEST).exists():
        raise DataError(
            f"{target}: this is a folder of models; name it with --store to measure them, and "
            "another one with --out"
        )
    say(console, f"Models: {store.root}")
    models = StoredModels(store, names)
    with console.status("reading pictures"):
        others = load_others(args, models.scheme())
    measure_all(models, others, target, console)


def _introduce(run: Run, console: Console) -> None:
    """Say what the pictures of a run are for, and what was left out."""
    missed = run.n.get("missed", 0)
    say(
        console,
        f"{run.dataset}: {run.n['fitting']:,} pictures to fit, {run.n['validation']:,} to choose, "
        f"{run.n['test']:,} to measure"
        + (f" and {missed:,} more in which no face was found" if missed else "")
        + f" ({run.description})",
    )
    for sentence in notes_in_words(run.notes):
        say(console, sentence)


def _show(console: Console, folder: RunFolder) -> None:
    table = models_table(folder.results())
    names = [name for name, _ in table.columns]
    chosen = [names.index(name) for name in _SHOWN if name in names]
    shown = RichTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i in chosen:
        shown.add_column(names[i], justify="left" if i == 0 else "right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*(row[i].text for i in chosen))
    console.print(shown)


if __name__ == "__main__":
    raise SystemExit(main())
