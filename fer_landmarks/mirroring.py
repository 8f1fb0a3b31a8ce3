"""Mirrored faces for any pipeline, when it is fitted and when it predicts."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from fer_core.datasets.dataset import check_faces


class MirroredClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A pipeline that learns from mirrored faces too, and asks about both when it predicts.

    Works around any pipeline whose first step takes faces; its parameters are reached as
    ``estimator__…``. Landmarks are found anew in the mirrored faces.

    Parameters
    ----------
    estimator : classifier that takes faces
    training : bool
        Fit on each face and its mirror image.
    prediction : bool
        Average the probabilities of each face and its mirror image.
    """

    def __init__(self, estimator: Any, training: bool = True, prediction: bool = True) -> None:
        self.estimator = estimator
        self.training = training
        self.prediction = prediction

    def fit(self, faces: ArrayLike, y: ArrayLike, **params: ArrayLike | None) -> Self:
        """Fit on faces uint8 (n, 48, 48) with labels y (n,).

        `params`, with a row a face, go to the pipeline's ``fit``.
        """
        x: NDArray[np.uint8] = check_faces(faces)
        rows: dict[str, ArrayLike | None] = {"y": y, **params}
        if self.training:
            x = np.concatenate([x, x[:, :, ::-1]])
            rows = {k: None if v is None else np.concatenate([v, v]) for k, v in rows.items()}
        self.estimator_ = clone(self.estimator).fit(x, **rows)
        return self

    def set_output(self, *, transform: str | None = None) -> Self:
        """Let the pipeline's steps pass tables with feature names on, as scikit-learn's do."""
        for estimator in (self.estimator, getattr(self, "estimator_", None)):
            if estimator is not None:
                estimator.set_output(transform=transform)
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes of the fitted pipeline."""
        check_is_fitted(self, "estimator_")
        classes: NDArray[Any] = self.estimator_.classes_
        return classes

    def predict_proba(self, faces: ArrayLike) -> NDArray[np.float32]:
        """Return probabilities float32 (n, k), columns in the order of `classes_`."""
        check_is_fitted(self, "estimator_")
        x = check_faces(faces)
        proba: NDArray[np.float32] = self.estimator_.predict_proba(x)
        if self.prediction:
            proba = (proba + self.estimator_.predict_proba(x[:, :, ::-1])) / np.float32(2)
        return proba

    def predict(self, faces: ArrayLike) -> NDArray[Any]:
        """Return the most likely class (n,)."""
        best = self.predict_proba(faces).argmax(axis=1)
        return self.classes_[best]
