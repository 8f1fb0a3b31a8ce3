"""Wrappers that give a classifier probabilities and gapless codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data


class _Wrapper(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier around another one, with its tags."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most likely class (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = self.estimator.__sklearn_tags__()
        tags.input_tags = inner.input_tags
        tags.input_tags.sparse = tags.input_tags.allow_nan = False
        tags.classifier_tags = inner.classifier_tags
        tags.classifier_tags.multi_label = False  # codes are of one label a face
        return tags


class SoftmaxScores(_Wrapper):
    """Turns a classifier's decision scores into probabilities by a softmax.

    Scikit-learn's support vector machines have none of their own but by
    ``SVC(probability=True)``, which is deprecated and fits five times over. These are ordered
    rightly, and `temperature` gives them their sharpness; `fer_core.calibration` finds what fits
    on validation faces.

    Parameters
    ----------
    estimator : classifier with ``decision_function``
    temperature : float
        What scores are divided by first.
    """

    def __init__(self, estimator: Any, temperature: float = 1.0) -> None:
        super().__init__(estimator)
        self.temperature = temperature

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the classifier to features X (n, d) with labels y (n,)."""
        x, labels = validate_data(self, X, y)
        check_classification_targets(labels)
        self.estimator_ = clone(self.estimator).fit(x, labels)
        self.classes_ = self.estimator_.classes_
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the classifier's scores (n, k), or (n,) for two classes."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, ensure_min_samples=0)
        if len(x) == 0:
            shape = (0,) if len(self.classes_) == 2 else (0, len(self.classes_))
            return np.empty(shape, dtype=np.float32)
        scores: NDArray[np.floating] = self.estimator_.decision_function(x)
        return scores

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return probabilities float32 (n, k), columns in the order of `classes_`."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        return softmax(scores / self.temperature, axis=1).astype(np.float32)


class Probabilities(_Wrapper):
    """Gives a classifier codes 0..k-1, and takes its probabilities as float32.

    XGBoost refuses labels with gaps. No faces give no rows, which most classifiers refuse.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the classifier to features X (n, d) with labels y (n,)."""
        x, labels = validate_data(self, X, y)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must hold at least 2 classes. Got one class, {self.classes_[0]!r}, instead."
            )
        inner = clone(self.estimator)
        for name, weights in inner.get_params().items():
            if name.split("__")[-1] == "class_weight" and isinstance(weights, Mapping):
                coded = {c: weights.get(y, 1.0) for c, y in enumerate(self.classes_.tolist())}
                inner.set_params(**{name: coded})
        self.estimator_ = inner.fit(x, codes)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return probabilities float32 (n, k), columns in the order of `classes_`."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, ensure_min_samples=0)
        if len(x) == 0:
            return np.empty((0, len(self.classes_)), dtype=np.float32)
        proba = np.asarray(self.estimator_.predict_proba(x), dtype=np.float32)
        return proba / proba.sum(axis=1, keepdims=True)
