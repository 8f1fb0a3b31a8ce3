"""Train a network: ``python -m fer_cnn.train RECIPE --dataset fer2013 --data PATH --out DIR``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fer_cnn.classifier import CNNClassifier
from fer_cnn.curves import plot_history
from fer_cnn.recipes import RECIPES, Recipe, get_recipe
from fer_cnn.training import CHECKPOINT, read_history
from fer_core.cli import run_command
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.errors import FerError
from fer_core.labels import SCHEMES, get_scheme
from fer_core.model_entry import NETWORK_LICENCE, ONNX_LOADER, ModelEntry, describe_model
from fer_core.model_store import ModelStore
from fer_core.splits import Split, make_split


def train_and_store(
    recipe: Recipe, split: Split, out: Path, *, seed: int = 0, max_minutes: float | None = None
) -> ModelEntry:
    """Train on the fitting part, watch the validation part, and store the network in `out`.

    Raises
    ------
    FerError
        If `max_minutes` is over before the last epoch; the checkpoint in `out` stays.
    """
    fitting, validation = split.fitting, split.validation
    work = out / "training" / recipe.name
    model = CNNClassifier(recipe, seed=seed, out=work, max_minutes=max_minutes).fit(
        fitting.faces, fitting.y, validation=(validation.faces, validation.y)
    )
    files = model.save(work)
    plot_history(model.history_, work / "curve.png", f"{recipe.name} on {fitting.name}")
    last = model.history_[-1]
    entry = describe_model(
        recipe.name,
        "cnn",
        ONNX_LOADER,
        split,
        NETWORK_LICENCE,
        recipe=recipe.name,
        epochs=len(model.history_),
        seed=seed,
    )
    measured = {"validation accuracy": last.val_accuracy, "validation log loss": last.val_loss}
    entry = replace(entry, metrics=measured)
    return ModelStore(out).add(entry, files, model)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m fer_cnn.train", description=__doc__)
    parser.add_argument("recipe", metavar="RECIPE", help=f"one of {', '.join(RECIPES)}")
    add_arguments(parser)
    parser.add_argument("--scheme", default=None, help=f"train on {', '.join(SCHEMES)}")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/cnn"), help="default: %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on with what --out holds")
    parser.add_argument("--max-minutes", type=float, help="stop at a checkpoint before that")
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow tells much at start-up
    recipe = get_recipe(args.recipe)
    if args.epochs is not None:
        if args.epochs < 1:
            raise FerError(f"--epochs must be at least 1. Got {args.epochs} instead.")
        recipe = replace(recipe, epochs=args.epochs)
    work = args.out / "training" / recipe.name
    if (work / CHECKPOINT).exists() and not args.resume:
        raise FerError(
            f"{work}: holds a training already; pass --resume to go on with it, or choose "
            "another --out"
        )
    dataset = load_dataset(args)
    if args.scheme is not None:
        dataset = dataset.in_scheme(get_scheme(args.scheme))
    split = make_split(dataset, seed=args.seed)
    print(f"{split.fitting!r}, validation {len(split.validation)}: {split.description}")
    _print_progress()
    entry = train_and_store(recipe, split, args.out, seed=args.seed, max_minutes=args.max_minutes)
    best = max(read_history(work / "history.csv"), key=lambda record: record.val_accuracy)
    print(
        f"stored '{entry.name}' in {args.out}: validation accuracy "
        f"{entry.metrics['validation accuracy']:.4f} (highest {best.val_accuracy:.4f}, "
        f"epoch {best.epoch})"
    )


def _print_progress() -> None:
    """Print what the library logs of each epoch."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("fer_cnn")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False


if __name__ == "__main__":
    sys.exit(main())
