"""How far confidence is from accuracy, and how far it would be by chance alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Bins of the expected calibration error, as in Guo et al. (2017).
CALIBRATION_BINS = 15

_SIMULATIONS = 1000


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


def chance_calibration_error(
    confidence: NDArray[np.float64], bins: int = CALIBRATION_BINS, seed: int = 0
) -> float:
    """Return the calibration error that one in twenty perfectly calibrated models exceeds.

    Even a model that is right exactly as often as it says has an error above zero on few
    pictures. Answers are drawn to be right with the probability that is their confidence, and
    the 95th percentile of the resulting errors is returned (consistency resampling: Bröcker and
    Smith, "Increasing the reliability of reliability diagrams", 2007).

    Parameters
    ----------
    confidence : float (n,)
    bins : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    members = [confidence[m] for m in confidence_bins(confidence, bins) if m.any()]
    gaps = np.zeros(_SIMULATIONS)
    for inside in members:
        # Sums of many draws: a row a simulation, as many at once as fit into a few megabytes.
        step = max(1, 2_000_000 // len(inside))
        for start in range(0, _SIMULATIONS, step):
            rows = slice(start, min(start + step, _SIMULATIONS))
            drawn = rng.random((rows.stop - start, len(inside)), dtype=np.float32) < inside
            gaps[rows] += np.abs(drawn.sum(axis=1) - inside.sum())
    return float(np.percentile(gaps / len(confidence), 95))
