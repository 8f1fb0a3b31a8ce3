"""Train named pipelines: ``python -m fer_landmarks.train NAME … --data PATH --out DIR``."""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_core.calibration import fit_temperature, log_loss
from fer_core.cleaning import (
    NOTE,
    add_cleaning_arguments,
    clean_split,
    describe_cleaning,
    read_cleaning,
)
from fer_core.cli import run_command, threads
from fer_core.datasets.options import add_arguments, add_split_arguments, describe, load_split
from fer_core.errors import DataError
from fer_core.lookup import look_up
from fer_core.model_entry import (
    PIPELINE_LOADER,
    ModelEntry,
    describe_model,
)
from fer_core.model_store import ModelStore
from fer_core.replacing import add_replace_argument, refuse_others
from fer_core.soft_labels import VOTES, require_source, teach
from fer_core.splits import Split
from fer_landmarks.pipelines import (
    fit_pipeline,
    licence_of,
    list_pipelines,
    make_pipeline,
    require_soft_labels,
    soft_weight,
    takes_soft_labels,
)
from fer_landmarks.serving import save_pipeline
from fer_landmarks.settings import load_settings

logger = logging.getLogger(__name__)


def train_and_store(
    name: str,
    split: Split,
    out: Path,
    *,
    seed: int = 0,
    soft_labels: str | Path | None = None,
    **options: Any,
) -> ModelEntry:
    """Fit a named pipeline on the fitting part, measure it on the validation part, store it.

    Parameters
    ----------
    name : str
        One of `fer_landmarks.pipelines.list_pipelines`.
    split : Split
    out : Path
        The model store's folder.
    seed : int
    soft_labels : str, Path or None
        Where they come from, see `fer_core.soft_labels.soft_labels_of`; None for the votes that
        the fitting pictures may have, where the pipeline can learn from them.
    **options
        For `make_pipeline`: ``mirror``, ``class_weight``, ``n_jobs``, parameters.

    Returns
    -------
    ModelEntry
        As listed in the manifest.

    Raises
    ------
    DataError
        If soft labels are named for a pipeline that can't learn from them.
    """
    fitting, validation = split.fitting, split.validation
    start = time.perf_counter()
    model = make_pipeline(name, random_state=seed, cache=True, **options)
    if soft_labels is None and fitting.votes is not None and takes_soft_labels(model):
        soft_labels = VOTES
    if soft_labels is not None:
        require_soft_labels(name, model)
    soft, taught_by = teach(fitting, soft_labels, soft_weight(model))
    try:
        fit_pipeline(model, fitting, soft)
        seconds = time.perf_counter() - start
        proba = model.predict_proba(validation.faces)  # some find out here what they lack
    except ValueError as error:  # of scikit-learn: too few faces, or settings out of range
        raise DataError(
            f"'{name}' can't be fitted on these {len(fitting):,} faces with its settings "
            f"({error}); add pictures, change the settings, or take another pipeline"
        ) from error
    correct = model.classes_[proba.argmax(axis=1)] == validation.y
    columns = model.classes_.searchsorted(validation.y)
    # Landmarks of training faces are worth keeping; one photograph's are not.
    pipeline: Any = getattr(model, "estimator_", model)
    pipeline.named_steps["descriptor"].set_params(cache=False)
    entry = describe_model(
        name,
        "landmarks",
        PIPELINE_LOADER,
        split,
        licence_of(model),
        options={key: repr(value) for key, value in options.items()},
        seed=seed,
        seconds=round(seconds, 1),
        **taught_by,
    )
    measured = {
        "accuracy": round(float(correct.mean()), 4),
        "log loss": round(log_loss(proba, columns), 4),
        "temperature": round(fit_temperature(proba, columns), 4),
    }
    entry = replace(entry, metrics={"validation": measured})
    with tempfile.TemporaryDirectory() as folder:
        files = save_pipeline(model, Path(folder))
        return ModelStore(out, trusted=True).add(entry, files, model)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_landmarks.train",
        description="Fit named pipelines of the classical family and store them.",
        epilog="Pipelines: "
        + "; ".join(f"{name}: {description}" for name, description in list_pipelines().items()),
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="pipelines, see below")
    add_arguments(parser)
    add_cleaning_arguments(parser)
    add_split_arguments(parser)
    parser.add_argument(
        "--mirror", action="store_true", help="fit and predict on mirrored faces too"
    )
    parser.add_argument(
        "--class-weight", choices=["balanced"], help="let every class count the same"
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="JSON",
        help="what python -m fer_landmarks.tune found, in place of the packaged settings",
    )
    parser.add_argument(
        "--soft-labels",
        metavar="NPZ|votes",
        help="what kernel pipelines and perceptrons with dropout learn from beside the labels: a "
        "file, or what --votes say of the labels (the default where there are any)",
    )
    parser.add_argument("--jobs", type=threads, default=-1, help="threads; -1: one a core")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/landmarks"), help="default: %(default)s"
    )
    add_replace_argument(parser)
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    options = {
        "mirror": args.mirror,
        "class_weight": args.class_weight,
        "n_jobs": args.jobs,
    }
    settings = _read_settings(args.settings, args.names)
    for name in args.names:  # a wrong name or option is found before hours of work
        try:
            pipeline = make_pipeline(name, **options, **settings[name])
        except ValueError as error:
            # scikit-learn shows the whole pipeline after the first sentence.
            why = str(error).partition(" for estimator")[0]
            raise DataError(f"{args.settings}: '{name}' takes no such setting ({why})") from error
        if args.soft_labels is not None:
            require_soft_labels(name, pipeline)
            require_source(args.soft_labels)
    console = Console()
    if args.out.exists() and not args.out.is_dir():
        raise DataError(f"{args.out}: this is a file; name a folder for the models with --out")
    cleaning = read_cleaning(args)
    dataset, split = load_split(args)
    split = clean_split(split, cleaning, dataset)
    for sentence in describe(dataset.in_scheme(split.fitting.scheme), split):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    if cleaning is not None:
        console.print(describe_cleaning(split.fitting.notes[NOTE]))
    refuse_others(args, args.names, split.fitting)
    table = Table("pipeline", "validation accuracy", "log loss", "MB", "fit s", title=dataset.name)
    for i, name in enumerate(args.names, start=1):
        with console.status(f"[{i}/{len(args.names)}] {name}: {len(split.fitting)} faces"):
            entry = train_and_store(
                name,
                split,
                args.out,
                seed=args.seed,
                soft_labels=args.soft_labels,
                **options,
                **settings[name],
            )
        table.add_row(
            name,
            f"{entry.metrics['validation']['accuracy']:.4f}",
            f"{entry.metrics['validation']['log loss']:.4f}",
            f"{entry.size / 1e6:.1f}",
            f"{entry.trained_on['seconds']:.0f}",
        )
    console.print(table)
    console.print(f"Stored in {args.out}")


def _read_settings(path: Path | None, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the parameters of each pipeline that take the place of the packaged ones."""
    if path is None:
        return {name: {} for name in names}
    known = load_settings(path)
    return {name: dict(look_up(known, name, f"pipeline in {path}").params) for name in names}


if __name__ == "__main__":
    raise SystemExit(main())
