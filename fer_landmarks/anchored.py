"""Gradient histograms anchored at landmarks, read from smoothed orientation maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.crop import CROP_SIDE
from fer_core.landmarks import MIRROR_ORDER, N_LANDMARKS
from fer_landmarks.features import Features
from fer_landmarks.symmetry import Symmetry, grid_symmetry, join

N_DIRECTIONS = 8
#: Cells along each side of the grid around a landmark.
GRID = 4

#: The order of a histogram's rows, columns and directions in the mirrored face (None: as they
#: are): direction a becomes 180 degrees minus a.
HISTOGRAM_MIRRORED = (
    None,
    range(GRID - 1, -1, -1),
    [(N_DIRECTIONS // 2 - d) % N_DIRECTIONS for d in range(N_DIRECTIONS)],
)

#: Spacing and smoothing lengths are given in pixels of a crop this wide.
_REFERENCE_SIDE = 96

#: All landmarks but the jaw's, which FER2013's tight crops often cut off.
INNER_POINTS = tuple(range(17, 68))

#: (spacing, sigma) of a small, a middle and a large neighbourhood.
SCALES: tuple[tuple[float, float], ...] = ((4.0, 2.0), (6.0, 3.0), (9.0, 4.5))

#: Added to a landmark's sum of gradients (grey levels a pixel), so that flat skin stays near zero.
_FLAT = 1e-3


def orientation_maps(picture: NDArray[np.floating]) -> NDArray[np.float32]:
    """Share out each pixel's gradient among eight directions.

    Parameters
    ----------
    picture : float (h, w)
        Grey levels.

    Returns
    -------
    float32 (h, w, 8)
        The length of the central-difference gradient, linearly divided between the two nearest
        of the directions 0, 45, …, 315 degrees (0 = brighter to the right, 90 = brighter
        downwards).
    """
    source = np.asarray(picture, dtype=np.float32)
    gx, gy = (
        cv2.Sobel(
            source, cv2.CV_32F, dx, 1 - dx, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE
        )
        for dx in (1, 0)
    )
    length, angle = cv2.cartToPolar(gx, gy)
    position = angle.ravel() * np.float32(N_DIRECTIONS / (2 * np.pi))
    low = position.astype(np.int64)
    share = position - low
    maps = np.zeros((source.size, N_DIRECTIONS), dtype=np.float32)
    pixel = np.arange(source.size)
    maps[pixel, low % N_DIRECTIONS] = length.ravel() * (1 - share)
    maps[pixel, (low + 1) % N_DIRECTIONS] = length.ravel() * share
    return maps.reshape(*source.shape, N_DIRECTIONS)


def anchored_histograms(
    faces: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    scales: Sequence[tuple[float, float]] = SCALES,
    side: int = CROP_SIDE,
) -> NDArray[np.float32]:
    """Describe the neighbourhood of each landmark by gradient directions on a 4 x 4 grid.

    The idea is SIFT's [1]_ without its scale and rotation, computed as in DAISY [2]_: gradients
    are divided among directions, each direction's map is smoothed once, and the histograms of
    all landmarks are then read from the maps. A landmark's values at one scale are divided by
    their sum, and square roots taken (Hellinger kernel [3]_).

    Parameters
    ----------
    faces : uint8 (n, h, w)
        Square gray crops.
    landmarks : float32 (n, p, 2)
        Crop pixels, x then y; any number of points.
    scales : sequence of (spacing, sigma)
        Distance of the grid's points and standard deviation of the smoothing, in pixels of a
        crop 96 wide; sigma rising.
    side : int
        Width in pixels at which gradients are taken. 96 is what FER2013's crops were first
        described at; 48, their own size, gave the same accuracy in a third of the time.

    Returns
    -------
    float32 (n, len(scales), p, 4, 4, 8)
        Axes: face, scale, landmark, grid row, grid column, direction.

    References
    ----------
    .. [1] Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 60, 2004.
    .. [2] Tola, Lepetit & Fua, "DAISY", PAMI 32, 2010.
    .. [3] Arandjelovic & Zisserman, "Three things everyone should know to improve object
       retrieval", CVPR 2012.
    """
    n, n_points = landmarks.shape[:2]
    out = np.empty((n, len(scales), n_points, GRID, GRID, N_DIRECTIONS), dtype=np.float32)
    steps = np.arange(GRID, dtype=np.float32) - np.float32((GRID - 1) / 2)
    unit = side / _REFERENCE_SIDE
    for face, points, values in zip(faces, landmarks, out, strict=True):
        # Pixel centres lie half a pixel inside the edge, whatever the pixel's size.
        centres = (points + np.float32(0.5)) * np.float32(side / len(face)) - np.float32(0.5)
        picture = face if len(face) == side else cv2.resize(face, (side, side))
        maps: NDArray = orientation_maps(picture)
        smoothed = 0.0
        for (spacing, sigma), histograms in zip(scales, values, strict=True):
            # Gaussians add up by their variances, so each scale starts from the one before.
            more = float(np.sqrt(sigma**2 - smoothed**2)) * unit
            maps = cv2.GaussianBlur(maps, (0, 0), more, borderType=cv2.BORDER_REPLICATE)
            smoothed = sigma
            offsets = steps * np.float32(spacing * unit)
            x = np.tile(centres[:, :1] + offsets, (1, GRID))
            y = np.repeat(centres[:, 1:] + offsets, GRID, axis=1)
            read = cv2.remap(maps, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            histograms[...] = read.reshape(histograms.shape)
    out /= out.sum(axis=(3, 4, 5), keepdims=True) + np.float32(_FLAT)
    return np.sqrt(out, out=out)


@dataclass(frozen=True)
class AnchoredFeatures(Features):
    """Gradient histograms around `points`, a set of landmarks that mirroring keeps."""

    points: tuple[int, ...] = INNER_POINTS
    scales: tuple[tuple[float, float], ...] = SCALES
    side: int = CROP_SIDE

    def __post_init__(self) -> None:
        known = {point for point in self.points if point in range(N_LANDMARKS)}
        if not known or known != set(self.points) or {MIRROR_ORDER[p] for p in known} != known:
            raise ValueError(
                f"points must be landmarks, 0 to {N_LANDMARKS - 1}, with the mirror image of each. "
                f"Got {self.points} instead."
            )
        spacings, sigmas = zip(*self.scales, strict=True) if self.scales else ((), ())
        if not sigmas or min(*spacings, *sigmas) <= 0 or list(sigmas) != sorted(set(sigmas)):
            raise ValueError(
                "scales must be pairs of spacing and sigma, above 0, sigma rising. "
                f"Got {self.scales} instead."
            )

    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the histograms (n, scales x points x 128)."""
        chosen = landmarks[:, list(self.points)]
        histograms = anchored_histograms(faces, chosen, self.scales, self.side)
        return histograms.reshape(len(faces), self.n_features)

    @property
    def n_features(self) -> int:
        """How many features a face gets."""
        return len(self.scales) * len(self.points) * GRID * GRID * N_DIRECTIONS

    def names(self) -> list[str]:
        """Return names such as ``anchored_s6_p36_r0_c3_d45``."""
        return [
            f"anchored_s{spacing:g}_p{point}_r{row}_c{column}_d{45 * direction}"
            for spacing, _ in self.scales
            for point in self.points
            for row in range(GRID)
            for column in range(GRID)
            for direction in range(N_DIRECTIONS)
        ]

    def symmetry(self) -> Symmetry:
        """Return the exchange of points, grid columns and directions, a block a scale."""
        place = {point: i for i, point in enumerate(self.points)}
        points = [place[MIRROR_ORDER[point]] for point in self.points]
        shape = (len(self.points), GRID, GRID, N_DIRECTIONS)
        one = grid_symmetry(shape, (points, *HISTOGRAM_MIRRORED))
        return join([one] * len(self.scales))
