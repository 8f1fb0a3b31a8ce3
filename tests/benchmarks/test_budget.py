from dataclasses import replace

import numpy as np
import pytest

from benchmarks.budget import Budget, members_within
from benchmarks.predictions import Predictions
from fer_core.errors import DataError, ProtocolError

Y = np.random.default_rng(0).integers(0, 3, 900)


def predictions(name, share, seed):
    """Probabilities that know the label of `share` of the pictures and guess on the others."""
    rng = np.random.default_rng(seed)
    proba = np.full((len(Y), 3), 0.1, dtype=np.float32)
    shown = np.where(rng.uniform(size=len(Y)) < share, Y, rng.integers(0, 3, len(Y)))
    proba[np.arange(len(Y)), shown] = 0.8
    names = np.arange(len(Y)).astype(str)
    return Predictions(name, "validation", proba, Y, names, np.zeros(len(Y), dtype=bool))


@pytest.fixture
def validation():
    return {
        "best": predictions("best", 0.8, 1),
        "good": predictions("good", 0.7, 2),
        "fair": predictions("fair", 0.6, 3),
        "noise": predictions("noise", 0.0, 4),
    }


COSTS = {"best": (9.0, 50.0), "good": (3.0, 5.0), "fair": (1.0, 8.0), "noise": (0.1, 0.1)}


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(), ["best", "good", "fair"]),
        (Budget(max_ms=8), ["good", "fair"]),
        (Budget(max_ms=3.5), ["good"]),
        (Budget(max_mb=7), ["good"]),
        (Budget(max_ms=12), ["best", "good"]),
    ],
)
def test_the_best_that_fit_are_chosen(validation, budget, expected):
    chosen = members_within(validation, COSTS, budget)
    assert [name for name in chosen if name != "noise"] == expected


def test_says_so_when_nothing_fits(validation):
    with pytest.raises(DataError, match="no model fits"):
        members_within(validation, COSTS, Budget(max_ms=0.01))


def test_test_predictions_are_refused(validation):
    validation["good"] = replace(validation["good"], part="test")
    with pytest.raises(ProtocolError):
        members_within(validation, COSTS, Budget())
