"""Soft labels from the votes of several annotators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.dataset import Dataset
from fer_core.datasets.ferplus import label_distribution
from fer_core.errors import DataError


def soft_labels_from_votes(dataset: Dataset) -> NDArray[np.float32]:
    """Return what share of a picture's annotators chose each class.

    Parameters
    ----------
    dataset : Dataset
        With `votes`.

    Returns
    -------
    float32 (n, k)
        In the order of the dataset's scheme; a picture's own label where nobody voted for any of
        the scheme's classes.

    Raises
    ------
    DataError
        If the dataset has no votes, or classes of its own.
    """
    if dataset.votes is None:
        raise DataError(f"dataset '{dataset.name}' has no votes; add a table of them with --votes")
    if not dataset.scheme.groups:
        raise DataError(
            f"dataset '{dataset.name}': votes are about FER2013's labels, and its classes are "
            f"{', '.join(dataset.scheme.labels)}"
        )
    shares = label_distribution(dataset.votes)
    groups = dataset.scheme.groups
    chosen = np.stack([shares[:, list(group)].sum(axis=1) for group in groups], axis=1)
    total = chosen.sum(axis=1, keepdims=True)
    own = np.eye(len(groups), dtype=np.float32)[dataset.y]
    return np.where(total > 0, chosen / np.where(total > 0, total, 1), own).astype(np.float32)
