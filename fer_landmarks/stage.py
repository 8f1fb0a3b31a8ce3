"""The base of every stage that takes faces: checks, landmarks, threads, feature names."""

from __future__ import annotations

import os
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from fer_core.crop import CROP_SIDE
from fer_core.datasets.cache import cached, content_key
from fer_core.errors import DataError
from fer_core.landmarks import LandmarkPredictor, find_predictor
from fer_landmarks.symmetry import Symmetry

#: Faces described at a time by one thread: few enough for the processor's cache.
_CHUNK = 64


def check_faces(faces: ArrayLike) -> NDArray[np.uint8]:
    """Return `faces` as an array if they are face crops.

    Raises
    ------
    DataError
        If they are not uint8 of shape (n, 48, 48).
    """
    array = np.asarray(faces)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[1:] != (CROP_SIDE, CROP_SIDE):
        raise DataError(
            f"faces must be a uint8 array of shape (n, {CROP_SIDE}, {CROP_SIDE}). "
            f"Got {array.dtype} {array.shape} instead."
        )
    return np.ascontiguousarray(array)


class FaceStage(TransformerMixin, BaseEstimator):
    """First step of a pipeline: turns faces uint8 (n, 48, 48) into features float32 (n, d).

    A subclass says in `describe` how, names its features, and tells in `symmetry` what mirroring
    does to them. It learns nothing from data.

    Parameters
    ----------
    predictor : path or None
        The landmark predictor's file, see `fer_core.landmarks.find_predictor`.
    n_jobs : int or None
        Threads; -1 for one a core. dlib holds Python's lock, OpenCV does not.
    cache : bool
        Keep landmarks on disk, keyed by the faces' bytes and by the predictor's file, and read
        them from there the next time: they are most of the work.
    """

    uses_landmarks: ClassVar[bool] = True

    def __init__(
        self,
        *,
        predictor: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
    ) -> None:
        self.predictor = predictor
        self.n_jobs = n_jobs
        self.cache = cache

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
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names (d,) of the features; `input_features` is not used."""

    @abstractmethod
    def symmetry(self) -> Symmetry:
        """Return what mirroring the face does to the features."""

    def fit(self, faces: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Check `faces`; there is nothing to learn."""
        check_faces(faces)
        return self

    def transform(self, faces: ArrayLike) -> NDArray[np.float32]:
        """Return the features of faces.

        Parameters
        ----------
        faces : uint8 (n, 48, 48)

        Returns
        -------
        float32 (n, d)

        Raises
        ------
        DataError
            If `faces` are something else.
        """
        faces = check_faces(faces)
        out = np.empty((len(faces), self.n_features), dtype=np.float32)
        known = self._cached_landmarks(faces) if self.cache and self.uses_landmarks else None
        find = LandmarkPredictor(self.predictor).predict_crops

        def work(start: int) -> None:
            rows = slice(start, start + _CHUNK)
            if not self.uses_landmarks:
                landmarks = np.empty((len(faces[rows]), 0, 2), dtype=np.float32)
            else:
                landmarks = find(faces[rows]) if known is None else known[rows]
            out[rows] = self.describe(faces[rows], landmarks)

        starts = range(0, len(faces), _CHUNK)
        n_threads = min(effective_n_jobs(self.n_jobs), len(starts))
        if n_threads > 1:
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(work, starts))
        else:
            for start in starts:
                work(start)
        return out

    def _cached_landmarks(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        file = find_predictor(self.predictor)
        kind = f"landmarks 1 {file.name} {file.stat().st_size}"
        found = cached(
            content_key(kind, [faces.tobytes()]),
            lambda: {"landmarks": LandmarkPredictor(file).predict_crops(faces)},
        )
        return found["landmarks"]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
