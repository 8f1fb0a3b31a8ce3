"""When to answer "unsure": coverage, and the confidence that a stated accuracy needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.calibration import check_probabilities
from fer_core.errors import DataError

#: Accuracy that sure answers shall have where nothing else is stated.
STATED_ACCURACY = 0.9
#: How certain it shall be that they have it.
LEVEL = 0.95

#: Shares of the pictures, from the surest on, at which a threshold is considered. Fewer than the
#: first would be of little use, and one wrong label among a handful would end the search.
_COVERAGES = np.arange(10, 101) / 100


@dataclass(frozen=True)
class Threshold:
    """The confidence from which an answer is sure, and what that was chosen for.

    Attributes
    ----------
    confidence : float
        Least probability of a label that is called sure.
    accuracy : float
        What was stated: sure answers shall be right at least that often.
    coverage : float
        Share of the validation pictures whose answers are sure.
    """

    confidence: float
    accuracy: float
    coverage: float


def choose_threshold(
    proba: ArrayLike, y: ArrayLike, accuracy: float = STATED_ACCURACY, level: float = LEVEL
) -> Threshold | None:
    """Choose the least confidence whose answers are right at least as often as stated.

    Thresholds are tried from the highest on. Each is kept if so many right answers would be seen
    with a probability of at most ``1 - level`` (exact binomial test) were the accuracy lower than
    stated; the first that fails ends the search. Tests in a fixed order need no correction for
    their number (Angelopoulos et al., "Learn then test", 2021, section 3.1).

    Parameters
    ----------
    proba : float (n, k)
        Calibrated probabilities of validation pictures.
    y : int (n,)
        Column of the true class of each row.
    accuracy : float
        Above 0 and below 1.
    level : float
        Probability that the stated accuracy holds for pictures like these.

    Returns
    -------
    Threshold or None
        None where these pictures can't show that any answers are so accurate.

    Raises
    ------
    DataError
        If `accuracy` is none, or `proba` are no probabilities.

    Notes
    -----
    The probability holds for a model that these pictures did not choose. Where they chose its
    epoch, temperature or weights, as in `benchmarks`, it is a little lower; on few pictures,
    markedly.
    """
    from scipy.stats import binom

    if not 0 < accuracy < 1:
        raise DataError(f"a stated accuracy lies between 0 and 1. Got {accuracy:g} instead.")
    confidence, correct = answers(proba, y)
    n = len(confidence)
    # With fewer, all being right would not show it.
    least = int(np.ceil(np.log(1 - level) / np.log(accuracy)))
    found = None
    for size in np.unique(np.ceil(_COVERAGES * n).astype(int)):
        if size < least:
            continue
        limit = confidence[size - 1]
        sure = confidence >= limit  # all that are equally sure
        hits, total = int(correct[sure].sum()), int(sure.sum())
        if binom.sf(hits - 1, total, accuracy) > 1 - level:
            break
        found = Threshold(float(limit), accuracy, total / n)
    return found


def answers(proba: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidences, highest first, and whether each of these answers is right.

    Parameters
    ----------
    proba : float (n, k)
    y : int (n,)

    Returns
    -------
    confidence : float64 (n,)
    correct : bool (n,)
    """
    p = check_probabilities(proba)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == np.asarray(y)
    order = np.argsort(-confidence, kind="stable")
    return confidence[order], correct[order]


def accuracy_by_coverage(
    proba: ArrayLike, y: ArrayLike, coverages: ArrayLike
) -> NDArray[np.float64]:
    """Return the accuracy on the surest answers, one for each share of the pictures.

    One minus it, over coverage, is the risk-coverage curve (El-Yaniv and Wiener, "On the
    foundations of noise-free selective classification", JMLR 2010). Answers that are equally sure
    count with their mean accuracy, so that their order doesn't matter.

    Parameters
    ----------
    proba : float (n, k)
        At least one row.
    y : int (n,)
    coverages : float (m,)
        Above 0 and up to 1; at least one picture is counted.

    Returns
    -------
    float64 (m,)
    """
    confidence, correct = answers(proba, y)
    _, start, size = np.unique(-confidence, return_index=True, return_counts=True)
    shares = np.add.reduceat(correct.astype(np.float64), start) / size
    hits = np.cumsum(np.repeat(shares, size))
    n = len(confidence)
    sizes = np.clip(np.ceil(np.asarray(coverages) * n - 1e-9).astype(int), 1, n)
    return hits[sizes - 1] / sizes
