"""Search a recipe's settings: ``python -m fer_cnn.tune RECIPE --data PATH --out DIR``.

Stopped at any moment, the same command goes on. The best settings are written as data, which
``python -m fer_cnn.train RECIPE --settings FILE`` reads.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_cnn.recipe import Recipe, training_settings
from fer_cnn.recipes import RECIPES, get_recipe
from fer_cnn.search import BEST, TRIALS, Search, write_best, write_trials
from fer_cnn.start import require_same_fitting
from fer_cnn.train import print_progress
from fer_core.cli import not_negative, run_command
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.options import (
    add_arguments,
    add_split_arguments,
    load_split,
    refuse_votes,
)
from fer_core.datasets.thinning import thinned
from fer_core.errors import FerError
from fer_core.extras import require
from fer_core.files import write_atomically
from fer_core.splits import Split

_SETTINGS = "search.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_cnn.tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", metavar="RECIPE", help=f"one of {', '.join(RECIPES)}")
    add_arguments(parser)
    add_split_arguments(parser, "the recipe's")
    group = parser.add_argument_group("search")
    group.add_argument(
        "--faces", type=int, metavar="N", help="fit on a stratified part of about N faces"
    )
    group.add_argument(
        "--max-epochs", type=int, default=9, help="of the best settings (default: %(default)s)"
    )
    group.add_argument(
        "--rounds", type=int, default=1, help="runs of Hyperband (default: %(default)s)"
    )
    group.add_argument(
        "--max-minutes", type=not_negative, help="stop then; the same command goes on"
    )
    group.add_argument(
        "--out", type=Path, default=Path("runs/tune-cnn"), help="default: %(default)s"
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    recipe = get_recipe(args.recipe)
    for option in ("max_epochs", "rounds", "faces"):
        value = getattr(args, option)
        if value is not None and value < 1:
            raise FerError(f"--{option.replace('_', '-')} must be at least 1. Got {value} instead.")
    refuse_votes(args)
    require("keras", "train")  # before pictures are read
    dataset, split = load_split(args, recipe.scheme)
    require_same_fitting(recipe.init, split.fitting)
    fitting = split.fitting if args.faces is None else thinned(split.fitting, args.faces, args.seed)
    out = args.out / recipe.name
    facts = _facts(recipe, split, fitting, args)
    _require_same(out, facts)
    print(f"searching settings of '{recipe.name}' on {len(fitting)} faces of {dataset.name}")
    print_progress()
    search = Search(
        recipe,
        fitting,
        split.validation,
        out,
        max_epochs=args.max_epochs,
        rounds=args.rounds,
        seed=args.seed,
    )
    finished = search.run(args.max_minutes)
    trials = search.trials()
    if not trials:
        raise FerError("no trial was finished in that time; give the search more --max-minutes")
    write_trials(out / TRIALS, trials)
    write_best(out / BEST, recipe, trials[0], {**facts, "trials": len(trials)})
    print(
        f"{len(trials)} trials{'' if finished else ' so far (the same command goes on)'}; best: "
        f"validation accuracy {trials[0].score:.4f} after {trials[0].epochs} epochs"
    )
    for name, value in trials[0].settings.items():
        print(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")
    print(f"table: {out / TRIALS}; train with: --settings {out / BEST}")


def _facts(
    recipe: Recipe, split: Split, fitting: Dataset, args: argparse.Namespace
) -> dict[str, Any]:
    return {
        "settings before": training_settings(recipe),
        "dataset": split.fitting.name,
        "scheme": split.fitting.scheme.name,
        "protocol": split.protocol,
        "pictures": len(fitting),
        "validation pictures": len(split.validation),
        "fingerprints": [fitting.fingerprint(), split.validation.fingerprint()],
        "max epochs": args.max_epochs,
        "rounds": args.rounds,
        "seed": args.seed,
    }


def _require_same(out: Path, facts: dict[str, Any]) -> None:
    """Refuse to go on with a search of other pictures or of another size."""
    path = out / _SETTINGS
    if path.exists():
        try:
            stored = dict(json.loads(path.read_text()))
        except (TypeError, ValueError):
            raise FerError(f"{path}: damaged; delete {out} or choose another --out") from None
        differing = [name for name in facts if stored.get(name) != facts[name]]
        if differing:
            raise FerError(
                f"{out}: holds another search (different: {', '.join(differing)}); choose another "
                "--out"
            )
        return
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    sys.exit(main())
