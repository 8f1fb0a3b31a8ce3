"""What a face is described by: functions with their settings, without scikit-learn.

`fer_landmarks.stage` makes scikit-learn transformers of them; `fer_landmarks.serving` uses them as
they are, because importing scikit-learn takes longer than labelling a photograph.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fer_core.landmarks import LandmarkPredictor
from fer_landmarks.symmetry import Symmetry, join

#: Faces described at a time by one thread: few enough for the processor's cache.
_CHUNK = 64


@dataclass(frozen=True)
class Features(ABC):
    """Numbers that describe a face; learns nothing from data.

    Attributes
    ----------
    uses_landmarks : bool
        Whether `describe` reads its landmarks.
    """

    uses_landmarks: ClassVar[bool] = True

    @abstractmethod
    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the features (n, d) of faces (n, 48, 48) with landmarks (n, 68, 2)."""

    @property
    @abstractmethod
    def n_features(self) -> int:
        """How many features a face gets."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names (d,) of the features."""

    @abstractmethod
    def symmetry(self) -> Symmetry:
        """Return what mirroring the face does to the features."""


@dataclass(frozen=True)
class JoinedFeatures(Features):
    """The features of several kinds side by side."""

    parts: tuple[Features, ...]

    @property
    def uses_landmarks(self) -> bool:  # type: ignore[override]
        """Whether any part reads landmarks."""
        return any(part.uses_landmarks for part in self.parts)

    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the features (n, d) of all parts, in their order."""
        return np.concatenate([part.describe(faces, landmarks) for part in self.parts], axis=1)

    @property
    def n_features(self) -> int:
        """How many features a face gets."""
        return sum(part.n_features for part in self.parts)

    def names(self) -> list[str]:
        """Return the names of all parts' features, in their order."""
        return [name for part in self.parts for name in part.names()]

    def symmetry(self) -> Symmetry:
        """Return the parts' symmetries, each with blocks of its own."""
        return join([part.symmetry() for part in self.parts])


def describe_faces(
    features: Features,
    faces: NDArray[np.uint8],
    predictor: LandmarkPredictor,
    landmarks: NDArray[np.float32] | None = None,
    n_threads: int = 1,
) -> NDArray[np.float32]:
    """Return the features of face crops, a few at a time.

    Parameters
    ----------
    features : Features
    faces : uint8 (n, 48, 48)
    predictor : LandmarkPredictor
    landmarks : float32 (n, 68, 2) or None
        Where they are known already.
    n_threads : int
        dlib holds Python's lock, OpenCV does not.

    Returns
    -------
    float32 (n, d)
    """
    out = np.empty((len(faces), features.n_features), dtype=np.float32)

    def work(rows: slice) -> None:
        if not features.uses_landmarks:
            found = np.empty((len(faces[rows]), 0, 2), dtype=np.float32)
        else:
            found = predictor.predict_crops(faces[rows]) if landmarks is None else landmarks[rows]
        out[rows] = features.describe(faces[rows], found)

    parts = list(chunks(len(faces)))
    if min(n_threads, len(parts)) > 1:
        from threadpoolctl import threadpool_limits

        # Threads of BLAS beside these would only get in each other's way.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, parts))
    else:
        for rows in parts:
            work(rows)
    return out


def chunks(n: int) -> Iterator[slice]:
    """Return the rows of `n` faces a few at a time."""
    return (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK))
