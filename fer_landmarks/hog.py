"""Dense histograms of oriented gradients over the whole crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.crop import CROP_SIDE
from fer_landmarks.features import Features
from fer_landmarks.symmetry import Symmetry, grid_symmetry

#: Unsigned orientations, 20 degrees each, and cells along a block's side (Dalal & Triggs).
N_ORIENTATIONS = 9
BLOCK = 2


def dense_hog(
    faces: NDArray[np.uint8], cell: int = 8, engine: str = "opencv"
) -> NDArray[np.float32]:
    """Return histograms of oriented gradients [1]_ of whole pictures.

    Parameters
    ----------
    faces : uint8 (n, h, w)
        Gray pictures whose sides are multiples of `cell`.
    cell : int
        Side of a cell in pixels.
    engine : {"opencv", "skimage"}
        ``"opencv"`` (``cv2.HOGDescriptor``) shares each pixel out between neighbouring cells
        and orientations; ``"skimage"`` (``skimage.feature.hog``) counts it in one of each, and
        is many times slower.

    Returns
    -------
    float32 (n, rows, columns, 2, 2, 9)
        Axes: face, block row, block column, cell row, cell column, orientation of the gradient
        (bin k spans 20 k to 20 (k + 1) degrees). Blocks of 2 x 2 cells overlap by one cell and
        are normalised by L2-Hys.

    Raises
    ------
    ValueError
        If `engine` is unknown, or the pictures are not whole cells.

    References
    ----------
    .. [1] Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
    """
    if engine not in _ENGINES:
        raise ValueError(f"engine must be one of {', '.join(_ENGINES)}. Got {engine!r} instead.")
    n, height, width = faces.shape
    _check_cell(cell, height, width)
    shape = (height // cell - BLOCK + 1, width // cell - BLOCK + 1, BLOCK, BLOCK, N_ORIENTATIONS)
    out = np.empty((n, *shape), dtype=np.float32)
    describe = _ENGINES[engine](height, width, cell)
    for face, histograms in zip(faces, out, strict=True):
        histograms[...] = describe(face)
    return out


def _opencv(height: int, width: int, cell: int) -> Callable[[NDArray[np.uint8]], NDArray]:
    block = (BLOCK * cell, BLOCK * cell)
    step = (cell, cell)
    # OpenCV centres a block's Gaussian half a pixel off, which would tell left from right; this
    # wide it is flat.
    flat = 1e6
    descriptor = cv2.HOGDescriptor((width, height), block, step, step, N_ORIENTATIONS, 1, flat)
    columns_first = (width // cell - 1, height // cell - 1, BLOCK, BLOCK, N_ORIENTATIONS)

    def describe(face: NDArray[np.uint8]) -> NDArray:
        # OpenCV lists blocks and the cells in them column by column.
        values = np.asarray(descriptor.compute(face))
        return values.reshape(columns_first).transpose(1, 0, 3, 2, 4)

    return describe


def _skimage(height: int, width: int, cell: int) -> Callable[[NDArray[np.uint8]], NDArray]:
    from skimage.feature import hog

    def describe(face: NDArray[np.uint8]) -> NDArray:
        return hog(
            face,
            orientations=N_ORIENTATIONS,
            pixels_per_cell=(cell, cell),
            cells_per_block=(BLOCK, BLOCK),
            block_norm="L2-Hys",
            feature_vector=False,
        )

    return describe


_ENGINES = {"opencv": _opencv, "skimage": _skimage}


def _check_cell(cell: int, height: int, width: int) -> None:
    if cell < 1 or height % cell or width % cell or min(height, width) < BLOCK * cell:
        raise ValueError(
            f"cell must divide the pictures' sides {height} x {width} and fit twice. "
            f"Got {cell} instead."
        )


@dataclass(frozen=True)
class HogFeatures(Features):
    """Histograms of oriented gradients over the whole crop."""

    cell: int = 8
    engine: str = "opencv"

    uses_landmarks = False

    def __post_init__(self) -> None:
        _check_cell(self.cell, CROP_SIDE, CROP_SIDE)

    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the histograms (n, d)."""
        return dense_hog(faces, self.cell, self.engine).reshape(len(faces), self.n_features)

    @property
    def n_features(self) -> int:
        """How many features a face gets."""
        return int(np.prod(self._shape()))

    def names(self) -> list[str]:
        """Return names such as ``hog_b0_4_c1_0_d20``: block, cell, start of the bin."""
        return [
            f"hog_b{by}_{bx}_c{cy}_{cx}_d{180 // N_ORIENTATIONS * k}"
            for by, bx, cy, cx, k in np.ndindex(self._shape())
        ]

    def symmetry(self) -> Symmetry:
        """Return the exchange of block columns, cell columns and orientations."""
        shape = self._shape()
        backwards = [range(length - 1, -1, -1) for length in shape]
        mirrored = (None, backwards[1], None, backwards[3], backwards[4])
        return grid_symmetry(shape, mirrored)

    def _shape(self) -> tuple[int, ...]:
        blocks = CROP_SIDE // self.cell - BLOCK + 1
        return (blocks, blocks, BLOCK, BLOCK, N_ORIENTATIONS)
