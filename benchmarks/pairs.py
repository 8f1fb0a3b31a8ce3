"""Whether two models differ by more than chance: paired tests on the same test pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from benchmarks.metrics import Figures, rounded
from benchmarks.predictions import Predictions
from benchmarks.resampling import (
    difference_interval,
    resampled_means,
    sampled_difference_interval,
)

#: Corrected probabilities below this are called a difference.
SIGNIFICANCE = 0.05


def mcnemar(
    first: NDArray[np.bool_], second: NDArray[np.bool_], groups: NDArray[np.int64] | None = None
) -> float:
    """Return McNemar's mid-p: how likely a difference as large is if both models err equally often.

    Only the pictures that one of two models labels right tell them apart. The mid-p form counts
    half of the probability of what was observed. It keeps the stated rate of false alarms nearly
    always, where the exact form falls far below it and so misses differences, and the
    chi-squared form needs many pictures (Fagerland, Lydersen and Laake, "The McNemar test for
    binary matched-pairs data: mid-p and asymptotic are better than exact conditional", BMC
    Medical Research Methodology 13:91, 2013).

    Pictures of one person, or copies of each other, stand for themselves no more here than in
    intervals: the sums of their differences change sign as wholes. Where every picture is of
    another person, that is McNemar's test.

    Parameters
    ----------
    first, second : bool (n,)
        Which pictures each model labels right.
    groups : int64 (n,) or None
    """
    sums = first.astype(np.int64) - second
    if groups is not None:
        _, index = np.unique(groups, return_inverse=True)
        sums = np.bincount(index, weights=sums).astype(np.int64)
    observed = abs(int(sums.sum()))
    if observed == 0:
        return 1.0
    # How likely each total is, from the least to the largest, if every sign is a coin's toss.
    chance = np.ones(1)
    for size, count in zip(*np.unique(np.abs(sums[sums != 0]), return_counts=True), strict=True):
        tosses = np.zeros(2 * size * count + 1)
        tosses[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chance = np.convolve(chance, tosses)
    total = np.arange(len(chance)) - len(chance) // 2
    tail = chance[total > observed].sum() + chance[total == observed].sum() / 2
    return float(min(1.0, 2 * tail))


def holm(probabilities: Sequence[float]) -> list[float]:
    """Correct probabilities for their number, so that one false alarm in all of them is as rare.

    Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return corrected.tolist()


def compare(
    first: NDArray[np.bool_], second: NDArray[np.bool_], groups: NDArray[np.int64] | None = None
) -> Figures:
    """Compare two models by which of the same pictures they label right.

    Parameters
    ----------
    first, second : bool (n,)
    groups : int64 (n,) or None
        Pictures of one person, and copies, share a number.

    Returns
    -------
    dict
        ``difference`` of the accuracies (first less second), ``interval`` (95 %, paired
        bootstrap), ``only_first``, ``only_second`` (pictures), ``p`` (McNemar's mid-p).
    """
    return {
        **_counted(first, second, groups),
        "interval": rounded(difference_interval(first, second, groups)),
    }


def _counted(
    first: NDArray[np.bool_], second: NDArray[np.bool_], groups: NDArray[np.int64] | None
) -> Figures:
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return {
        "difference": rounded((only_first - only_second) / len(first)),
        "only_first": only_first,
        "only_second": only_second,
        "p": float(f"{mcnemar(first, second, groups):.4g}"),
    }


def compare_all(tests: Mapping[str, Predictions]) -> list[Figures]:
    """Compare every model with every other, on all test pictures and on those without copies.

    Parameters
    ----------
    tests : dict of str to Predictions
        Test predictions of the same pictures, the best model first.

    Returns
    -------
    list of dict
        For each pair ``first``, ``second``, and under ``all`` and ``without_copies`` what `compare`
        gives, with ``p_holm`` corrected for the number of pairs (None where no picture is left).
    """
    one = next(iter(tests.values()))
    sets = {"all": np.ones(len(one), dtype=bool), "without_copies": ~one.copied}
    pairs: list[Figures] = [{"first": a, "second": b} for a, b in combinations(tests, 2)]
    for name, kept in sets.items():
        if not kept.any():
            for pair in pairs:
                pair[name] = None
            continue
        right = {model: p.correct[kept] for model, p in tests.items()}
        # All models at once: the resamples are the same.
        groups = None if one.groups is None else one.groups[kept]
        means = resampled_means(np.column_stack(list(right.values())), groups)
        sampled = dict(zip(right, means.T, strict=True))
        for pair in pairs:
            a, b = str(pair["first"]), str(pair["second"])
            low_high = sampled_difference_interval(
                sampled[a] - sampled[b], right[a].astype(np.int64) - right[b], groups
            )
            pair[name] = {**_counted(right[a], right[b], groups), "interval": rounded(low_high)}
        found = [pair[name] for pair in pairs]
        for figures, p in zip(found, holm([f["p"] for f in found]), strict=True):
            figures["p_holm"] = float(f"{p:.4g}")
    return pairs
