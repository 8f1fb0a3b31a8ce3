"""The shape of the 68 landmarks: aligned coordinates, distances and angles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.crop import CROP_SIDE, MEAN_LANDMARKS
from fer_core.landmarks import MIRROR_ORDER, N_LANDMARKS, mirror_landmarks
from fer_landmarks.features import Features
from fer_landmarks.symmetry import Symmetry

#: Landmarks that move with expression, all pairs of which give a distance: the brows' ends and
#: middles, the eyes' corners and lids, nose tip, wings and chin, the lips' corners and middles.
_KEY_POINTS = (
    *(17, 19, 21, 22, 24, 26),
    *(36, 37, 39, 41, 42, 44, 45, 46),
    *(30, 31, 35, 8),
    *(48, 51, 54, 57, 62, 66),
)

#: Angles at the middle one of three landmarks: brows, inner and outer eye corners, lips.
_ANGLES = (
    *((17, 19, 21), (22, 24, 26)),
    *((37, 36, 41), (44, 45, 46), (38, 39, 40), (43, 42, 47)),
    *((51, 48, 57), (51, 54, 57), (62, 60, 66), (62, 64, 66)),
    *((48, 51, 54), (48, 57, 54), (48, 33, 54), (31, 48, 60), (35, 54, 64)),
    *((21, 27, 22), (36, 48, 8), (45, 54, 8)),
)

#: Coordinates, distances and angles.
N_FEATURES = 2 * N_LANDMARKS + len(_KEY_POINTS) * (len(_KEY_POINTS) - 1) // 2 + len(_ANGLES)

_FIRST, _SECOND = np.array(list(combinations(_KEY_POINTS, 2))).T


def align(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Take position, size and rotation out of landmarks (Procrustes alignment [1]_).

    Every face is moved, scaled and turned to lie on one fixed shape, FER2013's mean landmarks
    made symmetric, with the least sum of squares.

    Parameters
    ----------
    landmarks : float (n, 68, 2)
        Pixels, x then y.

    Returns
    -------
    float32 (n, 68, 2)
        Mean zero and unit norm a face.

    References
    ----------
    .. [1] Gower, "Generalized Procrustes Analysis", Psychometrika 40, 1975.
    """
    points = np.asarray(landmarks, dtype=np.float32)
    z = points[..., 0] + 1j * points[..., 1]
    z -= z.mean(axis=1, keepdims=True)
    z /= np.maximum(np.linalg.norm(z, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    # As complex numbers, the best rotation is the phase of the inner product with the shape.
    product = z.conj() @ _mean_shape()
    z = z * np.exp(1j * np.angle(product))[:, None]
    return np.stack([z.real, z.imag], axis=-1).astype(np.float32)


def landmark_geometry(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Return the geometry features of landmarks.

    Parameters
    ----------
    landmarks : float (n, 68, 2)
        Pixels, x then y.

    Returns
    -------
    float32 (n, 430)
        136 aligned coordinates, 276 distances between 24 key points in the aligned face, 18 angles
        in radians; `feature_names` names them. Unchanged by moving, scaling and turning the face.
    """
    points = align(landmarks)
    distances = np.linalg.norm(points[:, _FIRST] - points[:, _SECOND], axis=-1)
    a, apex, b = (points[:, list(index)] for index in zip(*_ANGLES, strict=True))
    u, v = a - apex, b - apex
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    angles = np.abs(np.arctan2(cross, (u * v).sum(axis=-1)))
    return np.concatenate([points.reshape(len(points), -1), distances, angles], axis=1)


def feature_names() -> list[str]:
    """Return the names of `landmark_geometry`'s features."""
    coordinates = [f"{axis}_{i}" for i in range(N_LANDMARKS) for axis in "xy"]
    distances = [f"distance_{i}_{j}" for i, j in zip(_FIRST, _SECOND, strict=True)]
    return coordinates + distances + [f"angle_{i}_{j}_{k}" for i, j, k in _ANGLES]


@dataclass(frozen=True)
class GeometryFeatures(Features):
    """Aligned coordinates, and distances and angles unless `coordinates_only`."""

    coordinates_only: bool = False

    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return geometry (n, 430), or coordinates (n, 136)."""
        if self.coordinates_only:
            return align(landmarks).reshape(len(landmarks), -1)
        return landmark_geometry(landmarks)

    @property
    def n_features(self) -> int:
        """How many features a face gets."""
        return 2 * N_LANDMARKS if self.coordinates_only else N_FEATURES

    def names(self) -> list[str]:
        """Return ``x_0``, ``y_0``, …, ``distance_17_19``, …, ``angle_17_19_21``, …."""
        return feature_names()[: self.n_features]

    def symmetry(self) -> Symmetry:
        """Return the exchange of left and right points; x coordinates change sign."""
        point = np.array(MIRROR_ORDER)
        pairs = _order_of(zip(_FIRST, _SECOND, strict=True), point)
        triples = _order_of(_ANGLES, point)
        coordinates = (2 * point[:, None] + [0, 1]).ravel()
        order = np.concatenate(
            [coordinates, 2 * N_LANDMARKS + pairs, 2 * N_LANDMARKS + len(pairs) + triples]
        )
        sign = np.ones(len(order), dtype=np.float32)
        sign[: 2 * N_LANDMARKS : 2] = -1
        return Symmetry(order[: self.n_features], sign[: self.n_features])


def _order_of(groups: Iterable[Sequence[int]], point: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each pair or triple of landmarks, the place of the one it becomes when mirrored."""

    def key(group: Sequence[int]) -> tuple[int, frozenset[int]]:
        apex = group[1] if len(group) == 3 else -1
        return int(apex), frozenset(int(i) for i in group)

    listed = list(groups)
    place = {key(group): i for i, group in enumerate(listed)}
    return np.array([place[key([point[i] for i in group])] for group in listed])


@cache
def _mean_shape() -> NDArray[np.complex64]:
    mean = MEAN_LANDMARKS + mirror_landmarks(MEAN_LANDMARKS[None], CROP_SIDE)[0]
    z = mean[:, 0] + 1j * mean[:, 1]
    z -= z.mean()
    return (z / np.linalg.norm(z)).astype(np.complex64)
