"""Figures computed from labels and probabilities alone, with scikit-learn's functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    top_k_accuracy_score,
)

from fer_core.calibration import check_probabilities
from fer_core.datasets.ferplus import label_distribution, majority
from fer_core.errors import DataError
from fer_core.labels import Scheme

#: What one table of figures holds: numbers, None where a figure does not exist, and lists.
Figures = dict[str, object]

#: Bins of the expected calibration error, as in Guo et al. (2017).
CALIBRATION_BINS = 15

_RESAMPLES = 2000
_DECIMALS = 6


def checked(proba: ArrayLike, n: int, k: int, source: str) -> NDArray[np.float64]:
    """Return probabilities as float64 with rows that sum to 1 to the last digit.

    Parameters
    ----------
    proba : float (n, k)
    n, k : int
        Pictures and classes that there must be.
    source : str
        Where they come from, for messages.

    Raises
    ------
    DataError
        If the shape is another, a value is not a number from 0 to 1, or a row does not sum to 1.
    """
    try:
        p = check_probabilities(proba, k)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    if len(p) != n:
        raise DataError(f"{source}: there are {len(p)} rows of probabilities for {n} pictures")
    return p / p.sum(axis=1, keepdims=True)


def measure(y: ArrayLike, proba: ArrayLike, labels: Sequence[str], source: str) -> Figures:
    """Compute every figure for one model on one set of pictures.

    Averages over classes run over the classes that have test pictures; the others get None.

    Parameters
    ----------
    y : int (n,)
        Codes 0..k-1.
    proba : float (n, k)
    labels : sequence of str
        The k class names.
    source : str
        Whose probabilities they are, for messages.

    Returns
    -------
    dict
        ``n``, ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``weighted_f1``, ``auc`` (mean of
        one-vs-rest), ``top2``, ``log_loss``, ``ece``, ``surest_half_accuracy``, ``intervals``
        (95 %), ``per_class``, ``confusion`` (rows are true classes).

    Raises
    ------
    DataError
        If there are no pictures, or the probabilities are not what they should be.
    """
    truth = np.asarray(y, dtype=np.int64)
    n, k = len(truth), len(labels)
    if n == 0:
        raise DataError(f"{source}: there are no pictures to measure on")
    p = checked(proba, n, k, source)
    codes = np.arange(k)
    predicted = p.argmax(axis=1)
    confidence = p.max(axis=1)
    correct = predicted == truth
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=codes, zero_division=0
    )
    present = support > 0
    aucs = [
        float(roc_auc_score(truth == code, p[:, code])) if 0 < support[code] < n else None
        for code in codes
    ]
    known_aucs = [a for a in aucs if a is not None]
    matrix = confusion_matrix(truth, predicted, labels=codes)
    surest = np.argsort(-confidence, kind="stable")[: (n + 1) // 2]
    figures = {
        "n": n,
        "accuracy": correct.mean(),
        "balanced_accuracy": recall[present].mean(),
        "macro_f1": f1[present].mean(),
        "weighted_f1": np.average(f1, weights=support),
        "auc": float(np.mean(known_aucs)) if known_aucs else None,
        # scikit-learn's function takes no (n, 2) probabilities; of two classes, one is right.
        "top2": top_k_accuracy_score(truth, p, k=2, labels=codes) if k > 2 else 1.0,
        "log_loss": log_loss(truth, p, labels=codes),
        "ece": expected_calibration_error(confidence, correct),
        "surest_half_accuracy": correct[surest].mean(),
        "intervals": bootstrap_intervals(matrix),
        "per_class": {
            label: {
                "n": int(support[i]),
                "precision": precision[i] if present[i] else None,
                "recall": recall[i] if present[i] else None,
                "f1": f1[i] if present[i] else None,
                "auc": aucs[i],
            }
            for i, label in enumerate(labels)
        },
        "confusion": matrix.tolist(),
    }
    return {name: _rounded(value) for name, value in figures.items()}


def evaluate(
    y: NDArray[np.int64],
    proba: NDArray[np.float32],
    copied: NDArray[np.bool_],
    scheme: Scheme,
    wanted: Sequence[Scheme],
    source: str,
    votes: NDArray[np.float32] | None = None,
) -> Figures:
    """Measure one model in every wanted scheme, with and without copied pictures.

    Parameters
    ----------
    y, proba, copied
        Codes (n,), probabilities (n, k) in `scheme`, and whether a copy of the picture was among
        those fitted or chosen on (n,).
    scheme : Scheme
        The scheme of `y` and `proba`.
    wanted : sequence of Scheme
        Schemes to measure in; those other than `scheme` are derived from seven classes.
    source : str
        Whose probabilities they are, for messages.
    votes : float32 (n, 10) or None
        FER+ votes.

    Returns
    -------
    dict
        For each scheme's name ``{"all": …, "without_copies": …}`` as `measure` gives (None where
        no picture is left), and under ``ferplus`` the figures of `measure_votes`.
    """
    p = checked(proba, len(y), len(scheme.labels), source)
    result: Figures = {}
    for target in wanted:
        derived = target != scheme
        codes = target.encode(y) if derived else y
        columns = target.project(p) if derived else p
        kept = codes >= 0
        sets = {"all": kept, "without_copies": kept & ~copied}
        result[target.name] = {
            name: measure(codes[mask], columns[mask], target.labels, source) if mask.any() else None
            for name, mask in sets.items()
        }
    if votes is not None:
        result["ferplus"] = measure_votes(p, votes)
    return result


def measure_votes(proba: ArrayLike, votes: NDArray[np.float32]) -> Figures:
    """Compare 7-class probabilities with FER+ annotators.

    Returns
    -------
    dict
        ``majority_accuracy`` over the ``n_majority`` pictures with one clear label among the
        seven, and ``cross_entropy`` (nats) to the vote shares over the ``n_votes`` pictures with
        any vote for one of the seven (Barsoum et al., 2016); None where there are none.
    """
    p = np.asarray(proba, dtype=np.float64)
    label, shares = majority(votes), label_distribution(votes)
    clear, voted = label >= 0, shares.sum(axis=1) > 0
    floor = np.finfo(np.float32).eps  # a zero would make one picture's loss infinite
    losses = -(shares * np.log(np.clip(p, floor, 1))).sum(axis=1)
    hits = p.argmax(axis=1) == label
    return {
        "n_majority": int(clear.sum()),
        "majority_accuracy": _rounded(hits[clear].mean()) if clear.any() else None,
        "n_votes": int(voted.sum()),
        "cross_entropy": _rounded(losses[voted].mean()) if voted.any() else None,
    }


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins.

    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, eq. 5.

    Parameters
    ----------
    confidence : float (n,)
        Probability of the predicted class.
    correct : bool (n,)
    bins : int
        Bins (i/bins, (i+1)/bins] of the confidence.
    """
    gaps = [
        abs(confidence[members].sum() - correct[members].sum())
        for members in confidence_bins(confidence, bins)
    ]
    return float(sum(gaps) / len(confidence))


def confidence_bins(
    confidence: NDArray[np.float64], bins: int = CALIBRATION_BINS
) -> list[NDArray[np.bool_]]:
    """Return for each equal-width bin which of the confidences fall into it."""
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [index == i for i in range(bins)]


def bootstrap_intervals(
    confusion: NDArray[np.int64], seed: int = 0, resamples: int = _RESAMPLES
) -> dict[str, list[float]]:
    """Return 95 % percentile bootstrap intervals (Efron and Tibshirani, 1993, chapter 13).

    Drawing n pictures with replacement and counting them by cell of the confusion matrix is one
    draw from a multinomial distribution, so all resamples are made at once, exactly. Where every
    picture is right (or wrong) all resamples are alike, and the interval of the accuracy takes the
    exact binomial bound of Clopper and Pearson (1934) instead of a width of zero.

    Parameters
    ----------
    confusion : int (k, k)
        Rows are true classes.

    Returns
    -------
    dict
        ``accuracy``, ``balanced_accuracy`` and ``macro_f1``, each as [low, high].
    """
    n, k = int(confusion.sum()), len(confusion)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n, confusion.ravel() / n, size=resamples).reshape(-1, k, k)
    right = np.diagonal(draws, axis1=1, axis2=2)
    true, predicted = draws.sum(axis=2), draws.sum(axis=1)
    there = true > 0
    recall = right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(true + predicted, 1)
    n_there = there.sum(axis=1)
    samples = {
        "accuracy": right.sum(axis=1) / n,
        "balanced_accuracy": recall.sum(axis=1) / n_there,
        "macro_f1": np.where(there, f1, 0).sum(axis=1) / n_there,
    }
    intervals = {name: np.percentile(s, [2.5, 97.5]).tolist() for name, s in samples.items()}
    hits = int(np.trace(confusion))
    exact = 0.025 ** (1 / n)
    if hits == n:
        intervals["accuracy"] = [exact, 1.0]
    elif hits == 0:
        intervals["accuracy"] = [0.0, 1 - exact]
    return intervals


def _rounded(value: object) -> object:
    """Round all numbers inside `value`, so that files stay readable."""
    if isinstance(value, Mapping):
        return {name: _rounded(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), _DECIMALS)
    return value
