"""Train a network: ``python -m fer_cnn.train RECIPE --dataset fer2013 --data PATH --out DIR``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from fer_cnn.checkpoint import CHECKPOINT, HISTORY
from fer_cnn.classifier import CNNClassifier, TrainingStopped
from fer_cnn.curves import plot_history
from fer_cnn.history import read_history
from fer_cnn.recipe import Recipe, Views, read_settings, with_settings
from fer_cnn.recipes import RECIPES, get_recipe
from fer_cnn.start import find_network, require_same_classes, require_same_fitting
from fer_cnn.weights import NONE, check_weights
from fer_core.cleaning import (
    NOTE,
    add_cleaning_arguments,
    clean_split,
    describe_cleaning,
    read_cleaning,
)
from fer_core.cli import positive, run_command, seed
from fer_core.datasets.options import add_arguments, add_split_arguments, load_split
from fer_core.errors import FerError
from fer_core.extras import require
from fer_core.model_entry import (
    LICENCE,
    ONNX_LOADER,
    TRAINING,
    ModelEntry,
    describe_model,
)
from fer_core.model_store import ModelStore
from fer_core.replacing import add_replace_argument, refuse_others
from fer_core.soft_labels import VOTES, require_source, teach
from fer_core.splits import Split

#: The recipe for --init where none is named.
FINE_TUNE = "fine-tune"


def train_and_store(
    recipe: Recipe,
    split: Split,
    out: Path,
    *,
    seed: int = 0,
    max_minutes: float | None = None,
    soft_labels: str | Path | None = None,
) -> ModelEntry:
    """Train on the fitting part, watch the validation part, and store the network in `out`.

    Soft labels come from where `soft_labels` says (see `fer_core.soft_labels.soft_labels_of`), or
    else from the votes that the fitting pictures have.

    Raises
    ------
    TrainingStopped
        If `max_minutes` is over before the last epoch; the checkpoint in `out` stays.
    """
    fitting, validation = split.fitting, split.validation
    work = out / "training" / recipe.name
    if soft_labels is None and fitting.votes is not None and recipe.labels != "sparse":
        soft_labels = VOTES
    soft, taught_by = teach(fitting, soft_labels, recipe.soft_weight)
    require_same_classes(recipe, fitting.scheme.labels)
    model = CNNClassifier(recipe, seed=seed, out=work, max_minutes=max_minutes)
    curve = work / "curve.png", f"{recipe.name} on {fitting.name}"
    try:
        model.fit(
            fitting.faces,
            fitting.y,
            validation=(validation.faces, validation.y),
            soft_labels=soft,
        )
    except TrainingStopped:
        if (work / HISTORY).exists():
            plot_history(read_history(work / HISTORY), *curve)
        raise
    files = model.save(work)
    plot_history(read_history(work / HISTORY), *curve)  # before weights are averaged, if they are
    entry = describe_model(
        recipe.name,
        "cnn",
        ONNX_LOADER,
        split,
        LICENCE,
        seed=seed,
        **model.facts(),
        **taught_by,
    )
    entry = replace(entry, metrics={TRAINING: model.summary()})
    return ModelStore(out).add(entry, files, model)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    return run_command(make_parser(), _command, argv)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(prog="python -m fer_cnn.train", description=__doc__)
    parser.add_argument(
        "recipe",
        metavar="RECIPE",
        nargs="?",
        help=f"one of {', '.join(RECIPES)}; with --init it may be left out ({FINE_TUNE})",
    )
    add_arguments(parser)
    add_split_arguments(parser, "what the recipe is made for")
    add_cleaning_arguments(parser)
    group = parser.add_argument_group("training")
    group.add_argument("--epochs", type=int, help="instead of the recipe's")
    group.add_argument(
        "--weights",
        metavar="imagenet|vggface|FILE|none",
        help="of the backbone (default: the recipe's)",
    )
    group.add_argument(
        "--init",
        metavar="MODEL",
        help="go on from a shipped network or a .keras file: a new head first, then all layers",
    )
    group.add_argument("--head-epochs", type=int, help="epochs that train the head alone")
    group.add_argument(
        "--settings",
        type=Path,
        metavar="JSON",
        help="settings that fer_cnn.tune found, or of your own: fields of the recipe",
    )
    group.add_argument(
        "--class-weight",
        choices=("balanced", "none"),
        help="let every class count the same, or every picture (default: the recipe's)",
    )
    group.add_argument(
        "--soft-labels",
        metavar="NPZ|votes",
        help="probabilities of the fitting pictures, as python -m fer_landmarks.left_out writes "
        "them, or what --votes say of the labels (the default where there are any)",
    )
    group.add_argument(
        "--soft-weight", type=float, help="their share in the labels (default: the recipe's)"
    )
    group.add_argument(
        "--views", choices=get_args(Views), help="what the served network averages over"
    )
    group.add_argument(
        "--network-seed",
        type=seed,
        help="added to --seed for the network alone (default: the recipe's), so that several "
        "differ on one split",
    )
    group.add_argument("--out", type=Path, default=Path("runs/cnn"), help="default: %(default)s")
    group.add_argument("--resume", action="store_true", help="go on with what --out holds")
    group.add_argument(
        "--max-minutes",
        type=positive,
        help="stop at a checkpoint before that, if the next epoch takes no longer than the last",
    )
    add_replace_argument(parser)
    return parser


def recipe_from(args: argparse.Namespace) -> Recipe:
    """Return the recipe that the command line names, with what its options change.

    Raises
    ------
    FerError
        If there is no recipe or network of a name, or a value is refused.
    """
    if args.recipe is None and args.init is None:
        raise FerError(f"name a recipe: {', '.join(RECIPES)}; or a network with --init")
    recipe = get_recipe(args.recipe or FINE_TUNE)
    if args.init is not None:
        recipe = replace(recipe, init=args.init)
    if args.settings is not None:
        recipe = with_settings(
            recipe, read_settings(args.settings, recipe.name), str(args.settings)
        )
    if args.init is not None:  # whatever settings say
        recipe = replace(recipe, init=args.init)
    if args.weights is not None and recipe.init:
        raise FerError(
            f"--weights {args.weights} are for a new network, and this training goes on from "
            f"'{recipe.init}'; leave one of both out"
        )
    if args.epochs is not None and args.epochs < 1:
        raise FerError(f"--epochs must be at least 1. Got {args.epochs} instead.")
    names = ("epochs", "weights", "head_epochs", "views", "soft_weight", "network_seed")
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.class_weight is not None:
        changes["class_weights"] = args.class_weight == "balanced"
    if args.weights == NONE:
        changes.setdefault("head_epochs", 0)  # a random body has nothing to be spared
    epochs = changes.get("epochs", recipe.epochs)
    if (args.init is not None and not recipe.head_epochs) or recipe.head_epochs >= epochs:
        # A random head would spoil the body that it is put on, and the body must have its turn.
        changes.setdefault("head_epochs", min(max(1, epochs // 3), epochs - 1))
    recipe = replace(recipe, **changes)
    # Wrong names are refused before pictures are read; what goes on reads neither.
    if recipe.init and (recipe.blend or not _goes_on(args, recipe)):
        find_network(recipe.init)
    elif not recipe.init and not args.resume:
        check_weights(recipe.weights, recipe.architecture)
    return recipe


def _goes_on(args: argparse.Namespace, recipe: Recipe) -> bool:
    """Return whether a training is there that the command line asks to go on."""
    return bool(args.resume and (_workplace(args, recipe) / CHECKPOINT).exists())


def _workplace(args: argparse.Namespace, recipe: Recipe) -> Path:
    place: Path = args.out / "training" / recipe.name
    return place


def _command(args: argparse.Namespace) -> None:
    recipe = recipe_from(args)
    if args.soft_labels is not None:
        require_source(args.soft_labels)
    require("keras", "train")  # before pictures are read
    work, goes_on = _workplace(args, recipe), _goes_on(args, recipe)
    if args.resume and not goes_on:
        print(f"{work}: there is no training to go on with; beginning anew")
    if (work / CHECKPOINT).exists() and not args.resume:
        raise FerError(
            f"{work}: holds a training already; pass --resume to go on with it, or choose "
            "another --out"
        )
    cleaning = read_cleaning(args)
    dataset, split = load_split(args, recipe.scheme)
    if not goes_on:  # else the checkpoint knows its pictures
        require_same_fitting(recipe.init, split.fitting)
    split = clean_split(split, cleaning, dataset)
    refuse_others(args, [recipe.name], split.fitting)
    print(
        f"{dataset.name}: {len(split.fitting)} pictures to fit on, {len(split.validation)} to "
        f"validate, classes {', '.join(split.fitting.scheme.labels)}: {split.description}"
    )
    if cleaning is not None:
        print(describe_cleaning(split.fitting.notes[NOTE]))
    print_progress()
    try:
        entry = train_and_store(
            recipe,
            split,
            args.out,
            seed=args.seed,
            max_minutes=args.max_minutes,
            soft_labels=args.soft_labels,
        )
    except TrainingStopped as stopped:
        print(f"{stopped}; repeat the command with --resume")
        return
    print(
        f"stored '{entry.name}' in {args.out}, weights of epoch {entry.trained_on['epoch']} of "
        f"{entry.trained_on['epochs']}"
    )
    for name, value in entry.metrics[TRAINING].items():
        print(f"  {name}: {value:.4g}")
    print(
        "precision, recall, F1, AUC and accuracy per label are of yes-or-no questions, one a "
        "class, yes from 0.5 on"
    )


def print_progress() -> None:
    """Print what the library logs of each epoch, from now on in this place alone."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("fer_cnn")
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    logger.handlers = [handler]
    logger.propagate = False


if __name__ == "__main__":
    sys.exit(main())
