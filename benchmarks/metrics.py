"""Figures computed from labels and probabilities alone, with scikit-learn's functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    top_k_accuracy_score,
)

from benchmarks.reliability import chance_calibration_error, expected_calibration_error
from benchmarks.resampling import interval_if_any, one_group, resampled_sums, share_interval
from fer_core.calibration import check_probabilities
from fer_core.certainty import accuracy_by_coverage
from fer_core.datasets.ferplus import label_distribution, majority
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, Scheme

#: What one table of figures holds: numbers, None where a figure does not exist, and lists.
Figures = dict[str, Any]

#: Shares of the pictures, from the surest on, at which the accuracy is given.
COVERAGES = tuple(round(0.05 * i, 2) for i in range(1, 21))

#: Persons of each class that intervals of means over classes need: of fewer, a resample that misses
#: them all, and so leaves the class out, is not rare (1 in 150 of five).
LEAST_OF_A_CLASS = 5

#: Persons that the interval of a log loss needs: of ten, 95 % intervals by bootstrap held 0.83 of
#: skewed losses' means, of thirty 0.89.
LEAST_OF_A_MEAN = 30

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


def measure(
    y: ArrayLike,
    proba: ArrayLike,
    labels: Sequence[str],
    source: str,
    groups: NDArray[np.int64] | None = None,
    folds: NDArray[np.int64] | None = None,
) -> Figures:
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
    groups : int64 (n,) or None
        Pictures that are of one person or copies of each other share a number; None where every
        picture stands for itself.
    folds : int64 (n,) or None
        Of a cross-validation, the fold of each picture. Models of different folds rank pictures on
        scales of their own, so the AUC is the mean over folds (Forman and Scholz, "Apples-to-apples
        in cross-validation studies", 2010).

    Returns
    -------
    dict
        ``n``, ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``weighted_f1``, ``auc`` (mean of
        one-vs-rest), ``top2``, ``log_loss``, ``ece`` and ``ece_by_chance`` (what one in twenty
        perfectly calibrated models exceeds), ``binary_accuracy`` (of seven yes-or-no answers at
        0.5, which some projects call accuracy), ``surest_half_accuracy``,
        ``accuracy_by_coverage`` (on the surest 5 %, 10 %, …), ``intervals`` (95 %),
        ``per_class``, ``confusion`` (rows are true classes).

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
    aucs = [_auc(truth == code, p[:, code], folds) for code in codes]
    known_aucs = [a for a in aucs if a is not None]
    by_coverage = accuracy_by_coverage(p, truth, [*COVERAGES, 0.5])
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
        "ece_by_chance": chance_calibration_error(confidence),
        "binary_accuracy": ((p > 0.5) == (truth[:, None] == codes)).mean(),
        "surest_half_accuracy": by_coverage[-1],
        "accuracy_by_coverage": by_coverage[:-1].tolist(),
        "intervals": bootstrap_intervals(truth, p, groups),
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
        "confusion": confusion_matrix(truth, predicted, labels=codes).tolist(),
    }
    return {name: rounded(value) for name, value in figures.items()}


def _auc(
    own: NDArray[np.bool_], score: NDArray[np.float64], folds: NDArray[np.int64] | None
) -> float | None:
    """Return the area under the ROC curve; None where all pictures, or none, are of the class."""
    parts = [slice(None)] if folds is None else [folds == fold for fold in np.unique(folds)]
    known = [roc_auc_score(own[i], score[i]) for i in parts if own[i].any() and not own[i].all()]
    return float(np.mean(known)) if known else None


def bootstrap_intervals(
    y: NDArray[np.int64], p: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> dict[str, list[float] | None]:
    """Return 95 % bootstrap intervals of a model's figures.

    See `resampled_sums`, and `share_interval` for the accuracy.

    Parameters
    ----------
    y : int64 (n,)
    p : float64 (n, k)
    groups : int64 (n,) or None

    Returns
    -------
    dict
        ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``weighted_f1``, ``top2`` and
        ``log_loss``, each as [low, high]; None where all resamples agree, for a log loss
        without upper bound or of few persons, and for means over classes of which one has so few
        pictures that resamples often miss it.
    """
    n, k = p.shape
    shares = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "top2")
    if one_group(groups, np.ones(n, dtype=bool)):
        return {**{name: [0.0, 1.0] for name in shares}, "log_loss": None}
    predicted = p.argmax(axis=1)
    cells = np.zeros((n, k * k))
    cells[np.arange(n), y * k + predicted] = 1
    own = p[np.arange(n), y]
    # Like scikit-learn's: the label is among the first two, the later column first among equals.
    before = p > own[:, None]
    before |= (p == own[:, None]) & (np.arange(k) > y[:, None])
    top2 = before.sum(axis=1) < 2
    losses = -np.log(np.clip(own, np.finfo(p.dtype).eps, 1))
    sums = resampled_sums(np.column_stack([cells, top2, losses]), groups)
    counts = sums[:, : k * k].reshape(-1, k, k)
    total = counts.sum(axis=(1, 2))
    right = np.diagonal(counts, axis1=1, axis2=2)
    true, guessed = counts.sum(axis=2), counts.sum(axis=1)
    there = true > 0
    n_there = there.sum(axis=1)
    f1 = 2 * right / np.maximum(true + guessed, 1)
    samples = {
        "balanced_accuracy": (right / np.maximum(true, 1)).sum(axis=1) / n_there,
        "macro_f1": np.where(there, f1, 0).sum(axis=1) / n_there,
        "weighted_f1": (f1 * true).sum(axis=1) / total,
        "top2": sums[:, -2] / total,
        "log_loss": sums[:, -1] / total,
    }
    intervals = {name: interval_if_any(sample) for name, sample in samples.items()}
    persons = np.arange(n) if groups is None else groups
    if min(len(np.unique(persons[y == code])) for code in np.unique(y)) < LEAST_OF_A_CLASS:
        intervals |= {"balanced_accuracy": None, "macro_f1": None}
    if len(np.unique(persons)) < LEAST_OF_A_MEAN:
        intervals["log_loss"] = None
    return {
        "accuracy": share_interval(predicted == y, groups=groups),
        **intervals,
        "top2": interval_if_any(samples["top2"]) or share_interval(top2, groups=groups),
    }


def evaluate(
    y: NDArray[np.int64],
    proba: NDArray[np.float32],
    copied: NDArray[np.bool_],
    scheme: Scheme,
    wanted: Sequence[Scheme],
    source: str,
    votes: NDArray[np.float32] | None = None,
    groups: NDArray[np.int64] | None = None,
    folds: NDArray[np.int64] | None = None,
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
        FER+ votes; read where `scheme` has the seven classes.
    groups, folds : int64 (n,) or None
        See `measure`.

    Returns
    -------
    dict
        For each scheme's name ``{"all": …, "without_copies": …}`` as `measure` gives (None where
        no picture is left), and under ``ferplus`` the figures of `measure_votes`.
    """
    p = checked(proba, len(y), len(scheme.labels), source)
    result: Figures = {}
    for target in wanted:
        codes, columns = in_scheme(y, p, scheme, target)
        kept = codes >= 0
        every = partial(_measure_those, codes, columns, target, source, groups, folds)
        everything, alone = every(kept), kept & ~copied
        result[target.name] = {
            "all": everything,
            "without_copies": every(alone) if (alone != kept).any() else everything,
        }
    if votes is not None and scheme == SCHEMES["fer7"]:
        result["ferplus"] = measure_votes(p, votes)
    return result


def _measure_those(
    y: NDArray[np.int64],
    p: NDArray[np.floating],
    scheme: Scheme,
    source: str,
    groups: NDArray[np.int64] | None,
    folds: NDArray[np.int64] | None,
    mask: NDArray[np.bool_],
) -> Figures | None:
    if not mask.any():
        return None
    those, parts = (None if of is None else of[mask] for of in (groups, folds))
    return measure(y[mask], p[mask], scheme.labels, source, those, parts)


def in_scheme(
    y: NDArray[np.int64], proba: NDArray[np.floating], scheme: Scheme, target: Scheme
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return codes (-1 where `target` drops a label) and probabilities in another scheme."""
    if target == scheme:
        return y, proba
    return target.encode(y), target.project(proba)


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
        "majority_accuracy": rounded(hits[clear].mean()) if clear.any() else None,
        "n_votes": int(voted.sum()),
        "cross_entropy": rounded(losses[voted].mean()) if voted.any() else None,
    }


def rounded(value: Any) -> Any:
    """Round all numbers inside `value`, so that files stay readable."""
    if isinstance(value, Mapping):
        return {name: rounded(v) for name, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), _DECIMALS)
    return value
