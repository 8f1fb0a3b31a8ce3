from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.pairs import compare, compare_all, holm, mcnemar
from benchmarks.predictions import Predictions


def predictions(model, right, copied=None, groups=None):
    n = len(right)
    y = np.arange(n) % 3
    shown = np.where(right, y, (y + 1) % 3)
    proba = np.full((n, 3), 0.1, dtype=np.float32)
    proba[np.arange(n), shown] = 0.8
    names = np.array([f"p{i}" for i in range(n)])
    copied = np.zeros(n, bool) if copied is None else copied
    return Predictions(model, "test", proba, y, names, copied, groups)


def mid_p(only_first, only_second, groups=None):
    """Return what `mcnemar` says of as many pictures that tell two models apart, and ten others."""
    first = np.repeat([True, False], [only_first + 10, only_second])
    second = np.repeat([False, True], [only_first, only_second + 10])
    return mcnemar(first, second, groups)


def test_mid_p_by_hand():
    # One against five of six: 2 (1 + 6) / 64 less the 6 / 64 of one against five itself.
    assert mid_p(1, 5) == mid_p(5, 1) == pytest.approx(2 * 7 / 64 - 6 / 64)
    assert mid_p(3, 3) == 1
    assert mid_p(0, 0) == 1


def test_pictures_of_one_person_change_sides_together():
    # Six pictures in which the first model alone is right: of six persons, of three, of one.
    others = np.arange(10) + 6
    assert mid_p(6, 0, np.r_[np.arange(6), others]) == mid_p(6, 0) == pytest.approx(1 / 64)
    assert mid_p(6, 0, np.r_[np.arange(6) // 2, others]) == pytest.approx(1 / 8)
    assert mid_p(6, 0, np.r_[np.zeros(6), others]) == pytest.approx(1 / 2)
    # Sums of 3 and -1: totals are 4, 2, -2 and -4, and 2 was seen.
    assert mid_p(3, 1, np.r_[0, 0, 0, 1, others]) == pytest.approx(1 / 2 + 1 / 4)


def test_persons_with_favourites_raise_no_more_alarms():
    rng = np.random.default_rng(0)
    persons = np.repeat(np.arange(30), 8)
    alarms = {True: 0, False: 0}
    for _ in range(300):
        chance = 0.5 + 0.4 * rng.choice([-1, 1], 30)[persons]  # each person suits one model
        first = rng.uniform(size=240) < chance
        for known in alarms:
            alarms[known] += mcnemar(first, ~first, persons if known else None) < 0.05
    assert alarms[True] < 0.08 * 300 < 0.2 * 300 < alarms[False]


@pytest.mark.parametrize(("a", "b"), [(0, 4), (3, 9), (40, 70)])
def test_mid_p_lies_below_the_exact_form(a, b):
    exact = binomtest(a, a + b, 0.5).pvalue
    assert mid_p(a, b) == pytest.approx(exact - binomial(a, a + b))


def binomial(k, n):
    from math import comb

    return comb(n, k) / 2**n


def test_false_alarms_are_as_rare_as_stated():
    # Twelve pictures on which either of two equal models alone is right.
    alarms = [mid_p(sum(t), 12 - sum(t)) < 0.05 for t in product((0, 1), repeat=12)]
    assert 0.03 < np.mean(alarms) <= 0.05


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.5: times 4, 3, 2, 1, never less than the one before.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_comparison_by_hand():
    first = np.array([True] * 60 + [False] * 40)
    second = np.array([True] * 50 + [False] * 45 + [True] * 5)
    found = compare(first, second)
    assert (found["difference"], found["only_first"], found["only_second"]) == (0.05, 10, 5)
    assert found["p"] == pytest.approx(mid_p(10, 5), rel=1e-3)
    low, high = found["interval"]
    half = 1.96 * np.sqrt(0.15 - 0.05**2) / 10
    assert (low, high) == pytest.approx((0.05 - half, 0.05 + half), abs=0.015)


def test_all_pairs_with_and_without_copies():
    right = np.random.default_rng(0).uniform(size=(3, 300)) < [[0.9], [0.6], [0.59]]
    copied = np.arange(300) < 100
    found = compare_all({m: predictions(m, r, copied) for m, r in zip("abc", right, strict=True)})
    assert [(f["first"], f["second"]) for f in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    for f in found:
        one, other = (right["abc".index(f[x])] for x in ("first", "second"))
        for name, kept in (("all", slice(None)), ("without_copies", slice(100, None))):
            expected = compare(one[kept], other[kept])
            assert f[name].pop("interval") == pytest.approx(expected.pop("interval"))
            assert {k: f[name][k] for k in expected} == pytest.approx(expected)
    corrected = holm([f["all"]["p"] for f in found])
    assert [f["all"]["p_holm"] for f in found] == pytest.approx(corrected, rel=1e-3)
    assert found[2]["all"]["p_holm"] > 0.05


def test_one_person_leaves_the_difference_open():
    right = np.arange(30) < 20
    tests = {m: predictions(m, r, groups=np.zeros(30)) for m, r in (("a", right), ("b", ~right))}
    assert compare_all(tests)[0]["all"]["interval"] == [-1, 1]


def test_nothing_is_left_without_copies():
    tests = {m: predictions(m, np.arange(6) < 3, np.ones(6, bool)) for m in "ab"}
    assert compare_all(tests)[0]["without_copies"] is None
