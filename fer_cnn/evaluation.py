"""Figures of a network on validation pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import FerError


class DivergedError(FerError):
    """A training whose figures are no numbers any more."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: the training has diverged; lower the learning rate or raise the batch size"
        )


def measure(proba: NDArray[np.floating], y: NDArray[np.int64]) -> dict[str, float]:
    """Return what is logged after every epoch.

    Besides log loss and accuracy these are the figures that Keras shows when a softmax network is
    compiled with `Precision`, `Recall`, `AUC` and `BinaryAccuracy`: every class of every picture
    is a yes-or-no question, answered yes where its probability is above one half. Published
    "accuracies" near 0.9 on seven classes are most likely `binary_accuracy`: whoever always says
    no is right in six questions of seven.

    Parameters
    ----------
    proba : float (n, k)
    y : int (n,)
        Codes 0..k-1.

    Returns
    -------
    dict
        ``loss``, ``accuracy``; over all questions ``precision``, ``recall``, ``f1`` (their
        harmonic mean), ``auc`` and ``binary_accuracy``.

    Raises
    ------
    DivergedError
        If a probability is no number.
    """
    from sklearn.metrics import roc_auc_score

    p = np.asarray(proba, dtype=np.float64)
    if not np.isfinite(p).all():
        raise DivergedError("the network's probabilities are no numbers")
    truth = np.arange(p.shape[1]) == np.asarray(y)[:, None]
    yes = p > 0.5
    right = float((yes & truth).sum())
    precision = right / max(int(yes.sum()), 1)
    recall = right / len(y)
    return {
        "loss": float(-np.log(np.maximum(p[truth], 1e-12)).mean()),
        "accuracy": float((p.argmax(axis=1) == y).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-12),
        "auc": float(roc_auc_score(truth.ravel(), p.ravel())),
        "binary_accuracy": float((yes == truth).mean()),
    }
