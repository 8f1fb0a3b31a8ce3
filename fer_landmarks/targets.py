"""What classifiers learn: one-hot labels, with soft labels mixed in where there are any."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array


def encode_labels(labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the classes, sorted, and each label's place among them.

    Raises
    ------
    ValueError
        If the labels are no classes, or of one class alone.
    """
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y must hold at least 2 classes. Got one class, {classes[0]!r}, instead.")
    return classes, codes


def mixed_targets(
    codes: NDArray[np.int64],
    n_classes: int,
    soft_labels: ArrayLike | None,
    weight: float,
    dtype: DTypeLike = np.float64,
) -> NDArray[Any]:
    """Return one-hot labels with a share `weight` of soft ones: `dtype` (n, n_classes).

    Raises
    ------
    ValueError
        If the soft labels have another shape, or `weight` is no share.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"soft_weight must be from 0 to 1. Got {weight} instead.")
    targets: NDArray[Any] = np.eye(n_classes, dtype=dtype)[codes]
    if soft_labels is not None:
        soft = check_array(soft_labels, dtype=dtype)
        if soft.shape != targets.shape:
            raise ValueError(
                f"soft_labels must have shape {targets.shape}. Got {soft.shape} instead."
            )
        targets += targets.dtype.type(weight) * (soft - targets)
    return targets
