"""Local binary patterns, counted in the cells of a grid over the crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_core.crop import CROP_SIDE
from fer_landmarks.features import Features
from fer_landmarks.symmetry import Symmetry, grid_symmetry

#: (row, column) of the eight neighbours, clockwise from the upper left; bit k is neighbour k.
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
#: The neighbour that each one becomes in the mirrored picture.
_MIRRORED_BITS = (2, 1, 0, 7, 6, 5, 4, 3)

_BITS = (np.arange(256)[:, None] >> np.arange(8)) & 1
_CHANGES = (np.roll(_BITS, 1, axis=1) != _BITS).sum(axis=1)
UNIFORM_CODES = np.flatnonzero(_CHANGES <= 2)
#: 58 uniform patterns, and one for all others.
N_PATTERNS = len(UNIFORM_CODES) + 1
_PATTERN = np.full(256, N_PATTERNS - 1, dtype=np.uint8)
_PATTERN[UNIFORM_CODES] = np.arange(N_PATTERNS - 1)


def lbp_codes(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return each pixel's uniform local binary pattern [1]_.

    Parameters
    ----------
    faces : uint8 (n, h, w)

    Returns
    -------
    uint8 (n, h, w)
        0..57 for the patterns of at most two changes around the circle, in order of their
        8-bit codes; 58 for all others. A neighbour's bit is set where it is at least as bright
        as the pixel; outside the picture, the edge's pixels are repeated.

    References
    ----------
    .. [1] Ojala, Pietikainen & Maenpaa, "Multiresolution Gray-Scale and Rotation Invariant
       Texture Classification with Local Binary Patterns", PAMI 24, 2002.
    """
    height, width = faces.shape[1:]
    padded = np.pad(faces, ((0, 0), (1, 1), (1, 1)), mode="edge")
    code = np.zeros(faces.shape, dtype=np.uint8)
    for bit, (dy, dx) in enumerate(NEIGHBOURS):
        neighbour = padded[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        code |= (neighbour >= faces).astype(np.uint8) << np.uint8(bit)
    return _PATTERN[code]


def lbp_histograms(faces: NDArray[np.uint8], cell: int = 8) -> NDArray[np.float32]:
    """Count local binary patterns in each cell of a grid.

    Parameters
    ----------
    faces : uint8 (n, h, w)
        Sides are multiples of `cell`.
    cell : int
        Side of a cell in pixels.

    Returns
    -------
    float32 (n, h / cell, w / cell, 59)
        Square roots of the patterns' shares of their cell.
    """
    n, height, width = faces.shape
    rows, columns = height // cell, width // cell
    codes = lbp_codes(faces).reshape(n, rows, cell, columns, cell)
    place = np.arange(n * rows * columns).reshape(n, rows, 1, columns, 1) * N_PATTERNS
    counts = np.bincount((place + codes).ravel(), minlength=n * rows * columns * N_PATTERNS)
    shares = counts.reshape(n, rows, columns, N_PATTERNS) / np.float32(cell * cell)
    return np.sqrt(shares, dtype=np.float32)


@dataclass(frozen=True)
class LbpFeatures(Features):
    """Histograms of uniform local binary patterns in the cells of the crop."""

    cell: int = 8

    uses_landmarks = False

    def __post_init__(self) -> None:
        if self.cell < 1 or CROP_SIDE % self.cell:
            raise ValueError(f"cell must divide {CROP_SIDE} pixels. Got {self.cell} instead.")

    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the histograms (n, cells x 59)."""
        return lbp_histograms(faces, self.cell).reshape(len(faces), self.n_features)

    @property
    def n_features(self) -> int:
        """How many features a face gets."""
        return int(np.prod(self._shape()))

    def names(self) -> list[str]:
        """Return names such as ``lbp_r0_c5_n17``: row and column of the cell, pattern."""
        return [f"lbp_r{r}_c{c}_n{k}" for r, c, k in np.ndindex(self._shape())]

    def symmetry(self) -> Symmetry:
        """Return the exchange of cell columns and of mirrored patterns."""
        swapped = (_BITS[:, list(_MIRRORED_BITS)] << np.arange(8)).sum(axis=1)
        patterns = [*_PATTERN[swapped[UNIFORM_CODES]].tolist(), N_PATTERNS - 1]
        shape = self._shape()
        return grid_symmetry(shape, (None, range(shape[1] - 1, -1, -1), patterns))

    def _shape(self) -> tuple[int, ...]:
        cells = CROP_SIDE // self.cell
        return (cells, cells, N_PATTERNS)
