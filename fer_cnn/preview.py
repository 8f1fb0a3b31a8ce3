"""Draw what a recipe does to faces: ``python -m fer_cnn.preview RECIPE --out sheet.png``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_cnn.augmentation import Augmentation
from fer_cnn.batches import mix
from fer_cnn.recipes import RECIPES, get_recipe
from fer_core.cli import run_command, seed
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.errors import FerError
from fer_core.files import write_atomically

#: Pixels between pictures, and how many times faces are enlarged.
_GAP, _ENLARGED = 4, 2


def augmentation_sheet(
    faces: NDArray[np.uint8],
    augmentation: Augmentation,
    variants: int = 9,
    seed: int = 0,
    mixup: float = 0.0,
) -> NDArray[np.uint8]:
    """Return faces beside random changes of them.

    Parameters
    ----------
    faces : uint8 (n, h, w)
    augmentation : Augmentation
    variants : int
        Changed pictures a face.
    seed : int
    mixup : float
        See `fer_cnn.batches.mix`; 0 doesn't mix faces.

    Returns
    -------
    uint8 (H, W)
        A row a face: the face as it is, a gap, then its variants.
    """
    rng = np.random.default_rng(seed)
    changed = [augmentation.apply(faces, rng) for _ in range(variants)]
    if mixup:
        labels = np.zeros((len(faces), 1), np.float32)
        changed = [mix((pictures, labels), mixup, rng)[0] for pictures in changed]
    n, height, width = faces.shape
    side, across = height * _ENLARGED, width * _ENLARGED
    first = across + 4 * _GAP
    sheet = np.full(
        (n * (side + _GAP) - _GAP, first + variants * (across + _GAP) - _GAP), 255, dtype=np.uint8
    )
    block = np.ones((_ENLARGED, _ENLARGED), dtype=np.uint8)
    for row in range(n):
        top = row * (side + _GAP)
        sheet[top : top + side, :across] = np.kron(faces[row], block)
        for i, variant in enumerate(changed):
            left = first + i * (across + _GAP)
            sheet[top : top + side, left : left + across] = np.kron(variant[row], block)
    return sheet


def choose_faces(dataset: Dataset, count: int, seed: int) -> NDArray[np.uint8]:
    """Return `count` faces, the classes in turn: uint8 (count, 48, 48)."""
    order = np.random.default_rng(seed).permutation(len(dataset))
    turn = np.empty(len(dataset), dtype=np.int64)
    for code in np.unique(dataset.y):
        own = order[dataset.y[order] == code]
        turn[own] = np.arange(len(own))
    first = order[np.lexsort((dataset.y[order], turn[order]))]
    return dataset.faces[first[:count]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m fer_cnn.preview", description=__doc__)
    parser.add_argument("recipe", metavar="RECIPE", help=f"one of {', '.join(RECIPES)}")
    add_arguments(parser)
    parser.add_argument("--faces", type=int, default=7, help="rows (default: %(default)s)")
    parser.add_argument("--variants", type=int, default=9, help="columns (default: %(default)s)")
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--out", type=Path, metavar="PNG", help="default: RECIPE-augmentation.png")
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    import cv2

    recipe = get_recipe(args.recipe)
    for option in ("faces", "variants"):
        if getattr(args, option) < 1:
            raise FerError(f"--{option} must be at least 1. Got {getattr(args, option)} instead.")
    out = args.out or Path(f"{recipe.name}-augmentation.png")
    if out.suffix.lower() != ".png":
        raise FerError(f"--out must end in .png. Got {out} instead.")
    faces = choose_faces(load_dataset(args), args.faces, args.seed)
    sheet = augmentation_sheet(faces, recipe.augmentation, args.variants, args.seed, recipe.mixup)
    with write_atomically(out) as path:
        path.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
    print(f"{out}: each row a face as it is, then as '{recipe.name}' changes it in training")


if __name__ == "__main__":
    sys.exit(main())
