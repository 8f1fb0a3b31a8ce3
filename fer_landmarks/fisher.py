"""Fisher vectors: how gradient histograms all over the face differ from an average face's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.crop import CROP_SIDE
from fer_core.errors import DataError
from fer_landmarks.anchored import (
    GRID,
    HISTOGRAM_MIRRORED,
    N_DIRECTIONS,
    anchored_histograms,
)
from fer_landmarks.features import Features
from fer_landmarks.symmetry import Symmetry, grid_symmetry

#: What mirroring does to one histogram.
HISTOGRAM_SYMMETRY = grid_symmetry((GRID, GRID, N_DIRECTIONS), HISTOGRAM_MIRRORED)
#: The vocabulary that `FisherVectors` uses unless told otherwise.
DEFAULT_VOCABULARY = "fer2013"

#: Logarithm below which a Gaussian's share of a histogram counts as this one: products with
#: numbers too small for single precision take ten times as long.
_LEAST_LOG_SHARE = -16


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Gaussians that the histograms of many faces follow, each with its mirror image.

    A histogram and its place become a word of D numbers: components of the histogram that
    mirroring keeps, y, components whose sign mirroring changes, x.

    Attributes
    ----------
    step : int
        Crop pixels between two histograms.
    scales : tuple of (spacing, sigma)
        See `anchored_histograms`.
    mean : float32 (64,)
        Of the histograms' even halves, see `Symmetry.even_odd`; that of the odd halves is zero.
    even, odd : float32 (k, 64), (D - k - 2, 64)
        Principal directions of both halves.
    place_weight : float
        What x and y, as shares of the crop from its middle, are multiplied with.
    means, variances : float32 (K / 2, D)
        Of half of the Gaussians, whose axes are the word's numbers; the others are their images.
    shares : float32 (K / 2,)
        Of the histograms; they sum to one half.
    """

    step: int
    scales: tuple[tuple[float, float], ...]
    mean: NDArray[np.float32]
    even: NDArray[np.float32]
    odd: NDArray[np.float32]
    place_weight: float
    means: NDArray[np.float32]
    variances: NDArray[np.float32]
    shares: NDArray[np.float32]

    @property
    def sign(self) -> NDArray[np.float32]:
        """What a mirrored word's numbers (D,) are multiplied with."""
        return np.repeat(
            np.array([1, -1], dtype=np.float32), [len(self.even) + 1, len(self.odd) + 1]
        )

    def words(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the words float32 (n, p, D) of faces (n, 48, 48), p of them in each."""
        histograms, points = grid_histograms(faces, self.step, self.scales)
        flat = histograms.reshape(-1, histograms.shape[2])
        words = self.of_histograms(flat, np.tile(points, (len(faces), 1)))
        return words.reshape(len(faces), len(points), words.shape[1])

    def of_histograms(
        self, histograms: NDArray[np.float32], points: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the words (m, D) of histograms (m, 128) taken at points (m, 2)."""
        directions, centre = self._directions
        words: NDArray[np.float32] = histograms @ directions
        words -= centre
        place = self.place(points)
        words[:, -1] += place[:, 0]
        words[:, len(self.even)] += place[:, 1]
        return words

    @cached_property
    def _directions(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What a histogram is multiplied with (128, D), and what is subtracted then (D,)."""
        size = len(HISTOGRAM_SYMMETRY.order)
        even, odd = HISTOGRAM_SYMMETRY.even_odd(np.eye(size, dtype=np.float32))
        n = len(self.even)
        directions = np.zeros((size, n + len(self.odd) + 2), dtype=np.float32)
        directions[:, :n], directions[:, n + 1 : -1] = even @ self.even.T, odd @ self.odd.T
        centre = np.zeros(directions.shape[1], dtype=np.float32)
        centre[:n] = self.even @ self.mean
        return directions, centre

    def place(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weighted places (m, 2) of points (m, 2)."""
        middle = np.float32((CROP_SIDE - 1) / 2)
        return (points - middle) * np.float32(self.place_weight / CROP_SIDE)

    def points(self) -> NDArray[np.float32]:
        """Return where in the crop the Gaussians are: (K, 2), x then y in pixels."""
        means = self.gaussians.means
        place = means[:, [-1, len(self.even)]]
        return place * np.float32(CROP_SIDE / self.place_weight) + np.float32((CROP_SIDE - 1) / 2)

    @cached_property
    def gaussians(self) -> Gaussians:
        """All K Gaussians, the given half first."""
        return Gaussians(
            np.concatenate([self.means, self.means * self.sign]),
            np.concatenate([self.variances, self.variances]),
            np.concatenate([self.shares, self.shares]),
        )


class Gaussians:
    """Gaussians along the axes, and what words have to do with them.

    Parameters
    ----------
    means, variances : float32 (K, D)
    shares : float32 (K,)
    """

    def __init__(
        self,
        means: NDArray[np.float32],
        variances: NDArray[np.float32],
        shares: NDArray[np.float32],
    ) -> None:
        self.means, self.variances, self.shares = means, variances, shares
        self._weights = np.concatenate([means / variances, -0.5 / variances], axis=1).T
        self._constants = np.log(shares) - 0.5 * (means**2 / variances + np.log(variances)).sum(
            axis=1
        )

    def statistics(
        self, words: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Share words (p, D) out among the Gaussians, to each by its probability.

        Returns
        -------
        counts : float32 (K, 1)
            How many words each got.
        sums, squares : float32 (K, D)
            Of the words it got, and of their squares.
        """
        both = np.concatenate([words, words**2], axis=1)
        shares = both @ self._weights
        shares += self._constants
        shares -= shares.max(axis=1, keepdims=True)
        np.maximum(shares, _LEAST_LOG_SHARE, out=shares)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        sums = shares.T @ both
        half = words.shape[1]
        return shares.sum(axis=0)[:, None], sums[:, :half], sums[:, half:]

    def gradients(self, words: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return in which direction words (p, D) would move each mean and each deviation.

        Returns
        -------
        float32 (2, K, D)
            Scaled so that each has unit variance over words that follow the Gaussians.
        """
        counts, sums, squares = self.statistics(words)
        weight = 1 / (np.sqrt(self.shares)[:, None] * np.float32(len(words)))
        moved = (sums - counts * self.means) / np.sqrt(self.variances)
        spread = squares - 2 * sums * self.means + counts * self.means**2
        spread = (spread / self.variances - counts) * np.float32(np.sqrt(0.5))
        return np.stack([moved * weight, spread * weight])


@lru_cache(maxsize=16)
def grid_points(step: int) -> NDArray[np.float32]:
    """Return points (p, 2), x then y in crop pixels, `step` apart and centred in the crop.

    They can't be written to: all who ask get the same.
    """
    count = -(-CROP_SIDE // step)
    line = (np.arange(count) - (count - 1) / 2) * step + (CROP_SIDE - 1) / 2
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float32)
    points.flags.writeable = False
    return points


def grid_histograms(
    faces: NDArray[np.uint8], step: int, scales: tuple[tuple[float, float], ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return histograms (n, p, 128) of faces (n, 48, 48) and the points (p, 2) they are of.

    A face has one of each scale at each of `grid_points`.
    """
    points = grid_points(step)
    everywhere = np.broadcast_to(points, (len(faces), *points.shape))
    histograms = anchored_histograms(faces, everywhere, scales)
    places = np.tile(points, (len(scales), 1))
    size = len(HISTOGRAM_SYMMETRY.order)
    return histograms.reshape(len(faces), len(places), size), places


def fisher_vectors(faces: NDArray[np.uint8], vocabulary: Vocabulary) -> NDArray[np.float32]:
    """Describe faces by how their gradient histograms would change a vocabulary's Gaussians.

    Histograms are taken all over the crop, no landmarks are needed. The improved Fisher vector
    [1]_, with the place as part of each word [2]_: roots that keep the sign, then unit length.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    vocabulary : Vocabulary
        With K Gaussians of words of D numbers.

    Returns
    -------
    float32 (n, 2, K, D)
        Axes: face, mean or deviation, Gaussian, number of the word.

    References
    ----------
    .. [1] Perronnin, Sanchez & Mensink, "Improving the Fisher Kernel for Large-Scale Image
       Classification", ECCV 2010.
    .. [2] Sanchez, Perronnin & de Campos, "Modeling the spatial layout of images beyond spatial
       pyramids", Pattern Recognition Letters 33, 2012; Simonyan, Parkhi, Vedaldi & Zisserman,
       "Fisher Vector Faces in the Wild", BMVC 2013.
    """
    gaussians = vocabulary.gaussians
    out = np.empty((len(faces), 2, *gaussians.means.shape), dtype=np.float32)
    for i, face in enumerate(faces):
        gradients = gaussians.gradients(vocabulary.words(face[None])[0])
        out[i] = np.sign(gradients) * np.sqrt(np.abs(gradients))
        out[i] /= np.linalg.norm(out[i])
    return out


@dataclass(frozen=True)
class FisherFeatures(Features):
    """Fisher vectors over a vocabulary of the package, known by its name."""

    vocabulary: str = DEFAULT_VOCABULARY

    uses_landmarks = False

    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the vectors (n, 2 x Gaussians x numbers of a word)."""
        vectors = fisher_vectors(faces, load_vocabulary(self.vocabulary))
        return vectors.reshape(len(faces), self.n_features)

    @property
    def n_features(self) -> int:
        """How many features a face gets."""
        return int(np.prod(self._shape()))

    def names(self) -> list[str]:
        """Return names such as ``fisher_mean_g17_n3``: what moves, Gaussian, number."""
        _, gaussians, numbers = self._shape()
        return [
            f"fisher_{moved}_g{gaussian}_n{number}"
            for moved in ("mean", "deviation")
            for gaussian in range(gaussians)
            for number in range(numbers)
        ]

    def symmetry(self) -> Symmetry:
        """Return the exchange of Gaussians with their images, and the odd numbers' signs."""
        shape = self._shape()
        half = shape[1] // 2
        images = [*range(half, 2 * half), *range(half)]
        sign = np.ones(shape, dtype=np.float32)
        sign[0] = load_vocabulary(self.vocabulary).sign  # a deviation has no direction
        return Symmetry(grid_symmetry(shape, (None, images, None)).order, sign.ravel())

    def _shape(self) -> tuple[int, int, int]:
        half, numbers = load_vocabulary(self.vocabulary).means.shape
        return 2, 2 * half, numbers


def vocabulary_file(name: str) -> Path:
    """Return where the package keeps the vocabulary `name`."""
    return Path(str(files("fer_landmarks"))) / "vocabularies" / f"{name}.npz"


@lru_cache(maxsize=4)
def load_vocabulary(name: str = DEFAULT_VOCABULARY) -> Vocabulary:
    """Read a vocabulary that `fer_landmarks.vocabulary` wrote.

    Raises
    ------
    DataError
        If there is none of this name.
    """
    path = vocabulary_file(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.npz"))) or "none"
        raise DataError(
            f"there is no vocabulary '{name}' in {path.parent} (there: {known}); make it by "
            f"python -m fer_landmarks.vocabulary {name}, or install the version that has it"
        )
    with np.load(path, allow_pickle=False) as stored:
        arrays: dict[str, Any] = {key: stored[key] for key in stored.files}
    return Vocabulary(
        step=int(arrays.pop("step")),
        scales=tuple((float(a), float(b)) for a, b in arrays.pop("scales")),
        place_weight=float(arrays.pop("place_weight")),
        **arrays,
    )
