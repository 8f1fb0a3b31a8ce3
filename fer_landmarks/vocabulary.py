"""Learn a vocabulary for Fisher vectors: ``python -m fer_landmarks.vocabulary NAME --data PATH``.

Labels are not read, and no pictures but those to fit on. The package has one, learnt on FER2013;
what gradients in faces look like differs little from one set of pictures to the next.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from fer_core.cli import natural, run_command, seed
from fer_core.crop import CROP_SIDE
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.errors import DataError
from fer_core.files import write_atomically
from fer_core.splits import make_split
from fer_landmarks.anchored import SCALES
from fer_landmarks.fisher import (
    HISTOGRAM_SYMMETRY,
    Gaussians,
    Vocabulary,
    grid_histograms,
    vocabulary_file,
)

#: Words taken of each face, which are enough of its thousand to learn from.
_WORDS_A_FACE = 60
_ITERATIONS = 15
#: Words looked at together.
_BLOCK = 20_000
#: The least variance, as a share of the words' mean variance.
_LEAST_VARIANCE = 1e-3


def learn_vocabulary(
    faces: NDArray[np.uint8],
    n_gaussians: int = 256,
    n_components: int = 64,
    *,
    step: int = 3,
    scales: Sequence[tuple[float, float]] = SCALES,
    place_weight: float = 2.0,
    seed: int = 0,
) -> Vocabulary:
    """Learn which gradient histograms faces have, and where.

    A mixture of Gaussians by expectation maximisation, started from k-means, with a mirrored
    Gaussian for each one: as if all faces were there twice.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    n_gaussians : int
        An even number.
    n_components : int
        Numbers that a histogram is reduced to.
    step : int
        Crop pixels between two histograms.
    scales : sequence of (spacing, sigma)
        See `anchored_histograms`.
    place_weight : float
        Standard deviation of x and y, in the root mean square of the components'.
    seed : int

    Returns
    -------
    Vocabulary

    Raises
    ------
    DataError
        If `n_gaussians` is odd, `n_components` not positive, or there are too few faces.
    """
    if n_gaussians % 2 or n_gaussians < 2:
        raise DataError(f"n_gaussians must be even, as each has a mirror image. Got {n_gaussians}.")
    if n_components < 1:
        raise DataError(f"n_components must be 1 or more. Got {n_components}.")
    n_words = len(faces) * _WORDS_A_FACE
    if n_words < 10 * n_gaussians:
        raise DataError(
            f"{len(faces)} faces have too few histograms ({n_words}) for {n_gaussians} Gaussians; "
            "take more faces, or fewer Gaussians"
        )
    rng = np.random.default_rng(seed)
    histograms, place = _sample(faces, step, tuple(scales), rng)
    vocabulary = _reduce(histograms, place, n_components, place_weight, step, tuple(scales))
    words = vocabulary.of_histograms(histograms, place)
    return _mixture(vocabulary, words, n_gaussians // 2, rng)


def _sample(
    faces: NDArray[np.uint8],
    step: int,
    scales: tuple[tuple[float, float], ...],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return some histograms (m, 128) of each face and their places (m, 2)."""
    histograms, places = [], []
    for face in faces:
        (found,), points = grid_histograms(face[None], step, scales)
        chosen = rng.choice(len(found), _WORDS_A_FACE, replace=len(found) < _WORDS_A_FACE)
        histograms.append(found[chosen])
        places.append(points[chosen])
    return np.concatenate(histograms), np.concatenate(places)


def _reduce(
    histograms: NDArray[np.float32],
    points: NDArray[np.float32],
    n_components: int,
    place_weight: float,
    step: int,
    scales: tuple[tuple[float, float], ...],
) -> Vocabulary:
    """Return a vocabulary that makes words of histograms, with no Gaussians yet."""
    even, odd = HISTOGRAM_SYMMETRY.even_odd(histograms)
    mean = even.mean(axis=0)
    even -= mean
    n = len(histograms)
    (even_variance, even_axes), (odd_variance, odd_axes) = (
        (values[::-1], vectors.T[::-1].astype(np.float32))
        for values, vectors in (eigh(half.T @ half / n) for half in (even, odd))
    )
    variances = np.concatenate([even_variance, odd_variance])
    kept = np.argsort(-variances, kind="stable")[:n_components]
    n_even = int((kept < len(even_variance)).sum())
    deviation = float(np.sqrt(variances[kept].clip(0).mean()))
    empty = np.empty((0, n_components + 2), dtype=np.float32)
    from_middle = Vocabulary(
        step=step,
        scales=scales,
        mean=mean,
        even=even_axes[:n_even],
        odd=odd_axes[: len(kept) - n_even],
        place_weight=1.0,
        means=empty,
        variances=empty,
        shares=np.empty(0, dtype=np.float32),
    )
    spread = float(from_middle.place(points).std(axis=0).mean())
    return replace(from_middle, place_weight=place_weight * deviation / spread)


def _mixture(
    vocabulary: Vocabulary, words: NDArray[np.float32], half: int, rng: np.random.Generator
) -> Vocabulary:
    """Return the vocabulary with `half` Gaussians and, implied, their images."""
    sign = vocabulary.sign
    means = _k_means(words, half, sign, rng)
    spread = words.var(axis=0)
    found = replace(
        vocabulary,
        means=means,
        variances=np.tile(spread / 4, (half, 1)),
        shares=np.full(half, 0.5 / half, dtype=np.float32),
    )
    least = np.float32(_LEAST_VARIANCE * spread.mean())
    for _ in range(_ITERATIONS):
        counts, sums, squares = _statistics(found.gaussians, words)
        counts = counts[:half] + counts[half:] + 1e-6
        moved = (sums[:half] + sums[half:] * sign) / counts
        variances = (squares[:half] + squares[half:]) / counts - moved**2
        found = replace(
            found,
            means=moved.astype(np.float32),
            variances=np.maximum(variances, least).astype(np.float32),
            shares=(counts[:, 0] / counts.sum() / 2).astype(np.float32),
        )
    return found


def _k_means(
    words: NDArray[np.float32], half: int, sign: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return `half` centres that, with their images, are near to all words."""
    centres = words[rng.choice(len(words), half, replace=False)]
    for _ in range(_ITERATIONS):
        all_centres = np.concatenate([centres, centres * sign])
        norms = (all_centres**2).sum(axis=1)
        sums = np.zeros((2 * half, words.shape[1]))
        counts = np.zeros((2 * half, 1))
        for start in range(0, len(words), _BLOCK):
            block = words[start : start + _BLOCK]
            nearest = (2 * block @ all_centres.T - norms).argmax(axis=1)
            np.add.at(sums, nearest, block)
            counts[:, 0] += np.bincount(nearest, minlength=2 * half)
        together = counts[:half] + counts[half:]
        moved = (sums[:half] + sums[half:] * sign) / np.maximum(together, 1)
        centres = np.where(together > 0, moved, centres).astype(np.float32)
    return centres


def _statistics(
    gaussians: Gaussians, words: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return `Gaussians.statistics` of many words, summed in double precision."""
    counts = np.zeros((len(gaussians.means), 1))
    sums, squares = np.zeros(gaussians.means.shape), np.zeros(gaussians.means.shape)
    for start in range(0, len(words), _BLOCK):
        count, total, square = gaussians.statistics(words[start : start + _BLOCK])
        counts += count
        sums += total
        squares += square
    return counts, sums, squares


def write_vocabulary(vocabulary: Vocabulary, path: Path) -> None:
    """Write what `fer_landmarks.fisher.load_vocabulary` reads."""
    arrays = {field.name: getattr(vocabulary, field.name) for field in fields(vocabulary)}
    with write_atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_landmarks.vocabulary",
        description="Learn a vocabulary of gradient histograms for Fisher vectors.",
    )
    parser.add_argument("name", metavar="NAME", help="what pipelines call it by")
    add_arguments(parser)
    parser.add_argument(
        "--faces", type=natural, default=4000, help="how many to learn from (default: %(default)s)"
    )
    parser.add_argument("--gaussians", type=natural, default=256, help="default: %(default)s")
    parser.add_argument("--components", type=natural, default=64, help="default: %(default)s")
    parser.add_argument(
        "--step",
        type=natural,
        default=3,
        help="crop pixels between two histograms (default: %(default)s)",
    )
    parser.add_argument(
        "--scales",
        type=natural,
        default=len(SCALES),
        help="sizes of histograms, the smallest first (default: all %(default)s)",
    )
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--replace", action="store_true", help="write over one of this name")
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    from rich.console import Console

    if not 1 <= args.step <= CROP_SIDE // 2 or not 1 <= args.scales <= len(SCALES):
        raise DataError(
            f"--step must be 1 to {CROP_SIDE // 2} and --scales 1 to {len(SCALES)}. Got "
            f"{args.step} and {args.scales}."
        )
    path = vocabulary_file(args.name)
    if path.exists() and not args.replace:
        raise DataError(f"{path} exists, and models may need it; take another name, or --replace")
    console = Console()
    fitting = make_split(load_dataset(args), seed=args.seed).fitting
    rng = np.random.default_rng(args.seed)
    chosen = np.sort(rng.permutation(len(fitting))[: args.faces])
    with console.status(f"{len(chosen)} faces, {args.gaussians} Gaussians"):
        vocabulary = learn_vocabulary(
            fitting.faces[chosen],
            args.gaussians,
            args.components,
            step=args.step,
            scales=SCALES[: args.scales],
            seed=args.seed,
        )
    write_vocabulary(vocabulary, path)
    console.print(f"{path}: {args.gaussians} Gaussians, learnt on {len(chosen)} faces")


if __name__ == "__main__":
    raise SystemExit(main())
