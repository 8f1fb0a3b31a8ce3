"""The base of every scikit-learn transformer that takes faces."""

from __future__ import annotations

import os
from abc import abstractmethod
from inspect import Parameter, signature
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from fer_core.datasets.dataset import check_faces
from fer_core.landmarks import LandmarkPredictor
from fer_landmarks.features import Features, describe_faces
from fer_landmarks.landmark_cache import cached_landmarks
from fer_landmarks.symmetry import Symmetry


class FaceStage(TransformerMixin, BaseEstimator):
    """First step of a pipeline: turns faces uint8 (n, 48, 48) into features float32 (n, d).

    A subclass says in `features` which. It learns nothing from data.

    Parameters
    ----------
    predictor : path or None
        The landmark predictor's file, see `fer_core.landmarks.find_predictor`.
    n_jobs : int or None
        Threads; -1 for one a core. dlib holds Python's lock, OpenCV does not.
    cache : bool
        Keep landmarks on disk and read them from there the next time, see
        `fer_landmarks.landmark_cache`: they are most of the work.
    looks : int
        Over how many looks at a face its landmarks are averaged, see
        `fer_core.landmarks.LandmarkPredictor`.
    """

    def __init__(
        self,
        *,
        predictor: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
        looks: int = 1,
    ) -> None:
        self.predictor = predictor
        self.n_jobs = n_jobs
        self.cache = cache
        self.looks = looks

    @abstractmethod
    def features(self) -> Features:
        """Return the features that this stage's parameters ask for."""

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names (d,) of the features; `input_features` is not used."""
        return np.array(self.features().names(), dtype=object)

    def symmetry(self) -> Symmetry:
        """Return what mirroring the face does to the features."""
        return self.features().symmetry()

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Check the faces `X` and the parameters; there is nothing to learn."""
        check_faces(X)
        self.features()
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the features of faces.

        Parameters
        ----------
        X : uint8 (n, 48, 48)

        Returns
        -------
        float32 (n, d)

        Raises
        ------
        DataError
            If `X` is something else.
        """
        faces = check_faces(X)
        features = self.features()
        reads = self.cache and features.uses_landmarks
        known = cached_landmarks(faces, self.predictor, self.looks) if reads else None
        predictor = LandmarkPredictor(self.predictor, self.looks)
        return describe_faces(features, faces, predictor, known, effective_n_jobs(self.n_jobs))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Give a stage that an older version stored the defaults of parameters added since."""
        parameters = signature(type(self).__init__).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not Parameter.empty}
        super().__setstate__({**defaults, **state})

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
