import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from benchmarks.metrics import (
    bootstrap_intervals,
    evaluate,
    measure,
    measure_votes,
)
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, own_scheme

LABELS = ("a", "b", "c")
Y = np.array([0, 0, 1, 1, 2])
PROBA = np.array(
    [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.1, 0.3, 0.6]]
)


def test_figures_computed_by_hand():
    f = measure(Y, PROBA, LABELS, "m")
    assert f["n"] == 5
    assert f["confusion"] == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert f["accuracy"] == pytest.approx(3 / 5)
    assert f["balanced_accuracy"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3, abs=1e-6)
    assert f["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3, abs=1e-6)
    assert f["weighted_f1"] == pytest.approx((2 * 2 / 3 + 2 * 1 / 2 + 2 / 3) / 5, abs=1e-6)
    assert f["top2"] == 1.0
    assert f["log_loss"] == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.3, 0.6]).mean(), abs=1e-6)
    # Column a: 0.7 and 0.3 against 0.1, 0.2, 0.1. Column b: 0.8 and 0.3 against 0.2, 0.5, 0.3.
    assert f["per_class"]["a"]["auc"] == 1.0
    assert f["per_class"]["b"]["auc"] == pytest.approx((3 + 1.5) / 6, abs=1e-6)
    # The surest three of five: 0.8 (right), 0.7 (right), 0.6 (right).
    assert f["surest_half_accuracy"] == 1.0


def test_class_without_pictures_is_left_out_of_averages():
    f = measure(np.array([0, 1]), PROBA[[0, 2]], LABELS, "m")
    assert f["balanced_accuracy"] == f["macro_f1"] == 1.0
    empty = f["per_class"]["c"]
    assert empty == {"n": 0, "precision": None, "recall": None, "f1": None, "auc": None}


def test_one_class_only_has_no_auc():
    assert measure(np.array([1, 1]), PROBA[:2], LABELS, "m")["auc"] is None


def test_two_classes():
    f = measure(np.array([0, 1, 1]), [[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], ("no", "yes"), "m")
    assert f["top2"] == 1.0
    assert f["accuracy"] == pytest.approx(2 / 3, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(1, 60))
def test_agrees_with_scikit_learn_and_stays_in_range(seed, k, n):
    rng = np.random.default_rng(seed)
    y, proba = rng.integers(0, k, n), rng.dirichlet(np.ones(k), n)
    f = measure(y, proba, tuple("abcdefg"[:k]), "m")
    predicted = proba.argmax(axis=1)
    present = np.unique(y)
    macro = f1_score(y, predicted, labels=present, average="macro", zero_division=0)
    assert f["macro_f1"] == pytest.approx(macro, abs=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predicted classes without pictures
        balanced = balanced_accuracy_score(y, predicted)
    assert f["balanced_accuracy"] == pytest.approx(balanced, abs=1e-5)
    assert 0 <= f["ece"] <= 1
    assert f["accuracy"] <= f["top2"] <= 1
    low, high = f["intervals"]["accuracy"]
    assert 0 <= low <= f["accuracy"] + 1e-6
    assert f["accuracy"] - 1e-6 <= high <= 1
    assert np.sum(f["confusion"]) == n


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_pictures_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    y, proba = rng.integers(0, 3, 40), rng.dirichlet(np.ones(3), 40)
    order = rng.permutation(40)
    a, b = measure(y, proba, LABELS, "m"), measure(y[order], proba[order], LABELS, "m")
    for key in ("accuracy", "macro_f1", "log_loss", "auc", "confusion", "accuracy_by_coverage"):
        assert a[key] == b[key]
    assert a["ece_by_chance"] == pytest.approx(b["ece_by_chance"], abs=0.02)


def answered(n, right, k=2):
    """Pictures of alternating classes, of which the first `right` are labelled right."""
    y = np.arange(n) % k
    shown = np.where(np.arange(n) < right, y, (y + 1) % k)
    return y, np.eye(k)[shown] * 0.8 + 0.2 / k


def test_interval_of_accuracy_is_that_of_the_binomial_distribution():
    low, high = bootstrap_intervals(*answered(500, 375))["accuracy"]
    half = 1.96 * np.sqrt(0.75 * 0.25 / 500)
    assert low == pytest.approx(0.75 - half, abs=0.006)
    assert high == pytest.approx(0.75 + half, abs=0.006)


def test_interval_is_wide_for_few_pictures_even_if_all_are_right():
    low, high = bootstrap_intervals(*answered(6, 6))["accuracy"]
    assert high == 1.0
    assert low == pytest.approx(0.025 ** (1 / 6))  # 0.54
    low, high = bootstrap_intervals(*answered(6, 5))["accuracy"]
    assert (low, high) == pytest.approx((0.3588, 1), abs=1e-3)  # low: Clopper and Pearson


def test_intervals_of_the_other_figures():
    rng = np.random.default_rng(1)
    y, proba = rng.integers(0, 3, 400), rng.dirichlet(np.ones(3), 400)
    figures = measure(y, proba, LABELS, "m")
    losses = -np.log(proba[np.arange(400), y])
    low, high = figures["intervals"]["log_loss"]
    half = 1.96 * losses.std() / 20
    assert (low, high) == pytest.approx((losses.mean() - half, losses.mean() + half), rel=0.05)
    for name in ("balanced_accuracy", "macro_f1", "weighted_f1", "top2"):
        low, high = figures["intervals"][name]
        assert low < figures[name] < high
        assert 0.05 < high - low < 0.15
    recall = np.array([f["recall"] for f in figures["per_class"].values()])
    n = np.array([f["n"] for f in figures["per_class"].values()])
    half = 1.96 * np.sqrt((recall * (1 - recall) / n).sum()) / 3
    low, high = figures["intervals"]["balanced_accuracy"]
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)


def test_pictures_of_one_person_widen_intervals():
    y, proba = answered(400, 300)
    alone = bootstrap_intervals(y, proba)["accuracy"]
    # Twenty pictures of each person, all of them right or all wrong: twenty throws of a coin.
    persons = bootstrap_intervals(y, proba, np.arange(400) // 20)["accuracy"]
    assert persons[1] - persons[0] > 3.5 * (alone[1] - alone[0])
    assert persons[0] == pytest.approx(0.75 - 1.96 * np.sqrt(0.75 * 0.25 / 20), abs=0.04)
    one = bootstrap_intervals(y, proba, np.zeros(400, int))
    assert one["accuracy"] == one["macro_f1"] == [0.0, 1.0]
    assert one["log_loss"] is None


def test_binary_accuracy_is_not_accuracy():
    # Of five pictures and three classes, fifteen yes-or-no answers at a half.
    answers = (PROBA > 0.5) == (Y[:, None] == np.arange(3))
    assert measure(Y, PROBA, LABELS, "m")["binary_accuracy"] == pytest.approx(
        answers.mean(), abs=1e-6
    )
    nothing = np.full((5, 3), 1 / 3)
    assert measure(Y, nothing, LABELS, "m")["binary_accuracy"] == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("proba", "words"),
    [
        (PROBA[:, :2], "shape"),
        (PROBA[:4], "4 rows of probabilities for 5 pictures"),
        (np.where(PROBA == 0.8, np.nan, PROBA), "row 2 holds NaN"),
        (PROBA * 2, "sum to 1"),
        (PROBA - [[0.4, -0.2, -0.2]], "non-negative"),
    ],
)
def test_what_are_no_probabilities_is_refused(proba, words):
    with pytest.raises(DataError, match=words) as caught:
        measure(Y, proba, LABELS, "model 'm'")
    assert "model 'm'" in str(caught.value)


def test_no_pictures_are_refused():
    with pytest.raises(DataError, match="no pictures"):
        measure([], np.empty((0, 3)), LABELS, "m")


def test_copies_are_left_out_in_every_scheme():
    y = np.arange(70) % 7
    proba = np.full((70, 7), 0.1 / 6)
    proba[np.arange(70), np.where(np.arange(70) < 35, y, (y + 1) % 7)] = 0.9
    copied = np.arange(70) < 35
    result = evaluate(y, proba, copied, SCHEMES["fer7"], list(SCHEMES.values()), "m")
    assert list(result) == list(SCHEMES)
    assert result["fer7"]["all"]["accuracy"] == 0.5
    assert result["fer7"]["without_copies"]["accuracy"] == 0
    assert result["fer7"]["without_copies"]["n"] == 35
    # Of the wrong half, angry → disgust is right once both are merged.
    assert result["merged6"]["without_copies"]["accuracy"] == pytest.approx(1 / 7, abs=1e-6)
    assert result["active5"]["all"]["n"] == 50


def test_all_pictures_copied_gives_none_and_no_wrong_figure():
    scheme = own_scheme(LABELS)
    result = evaluate(Y, PROBA, np.ones(5, dtype=bool), scheme, [scheme], "m")
    assert result["own"]["without_copies"] is None


def test_votes_by_hand():
    # Columns: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF.
    votes = np.array(
        [[0, 10, 0, 0, 0, 0, 0, 0, 0, 0], [5, 0, 0, 5, 0, 0, 0, 0, 0, 0], [0] * 9 + [10]],
        dtype=np.float32,
    )
    proba = np.full((3, 7), 0.02)
    proba[:, 3] = 0.88
    figures = measure_votes(proba, votes)
    assert figures["n_majority"] == 1
    assert figures["majority_accuracy"] == 1.0
    assert figures["n_votes"] == 2
    expected = (-np.log(0.88) - np.log(0.02)) / 2
    assert figures["cross_entropy"] == pytest.approx(expected, abs=1e-5)


def test_the_interval_of_top_2_counts_ties_as_the_figure_does():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 7, 400)
    certain = np.eye(7)[rng.integers(0, 7, 400)]  # six classes share the second place
    figures = measure(y, certain, tuple("abcdefg"), "m")
    low, high = figures["intervals"]["top2"]
    assert low < figures["top2"] < high


def test_a_perfect_handful_has_wide_intervals_or_none():
    y = np.arange(14) % 7
    found = bootstrap_intervals(y, np.eye(7)[y])
    assert found["accuracy"] == found["top2"] == [pytest.approx(0.7684, abs=1e-4), 1]
    assert found["macro_f1"] is found["balanced_accuracy"] is None


def test_means_over_classes_of_a_few_pictures_have_no_interval():
    y = np.repeat([0, 1], [5, 30])
    proba = np.eye(2)[np.r_[0, 0, 0, 1, 1, np.ones(30, int)]]
    for groups, told in ((None, True), (np.arange(35) // 2, False)):  # three persons of class 0
        found = bootstrap_intervals(y, proba, groups)
        assert (found["balanced_accuracy"] is not None) is told
        assert (found["macro_f1"] is not None) is told
        assert found["accuracy"] is not None
    assert bootstrap_intervals(y[1:], proba[1:])["macro_f1"] is None


def test_the_mean_of_a_few_losses_has_no_interval():
    y, proba = answered(400, 300)
    for persons, known in ((29, False), (30, True)):
        found = bootstrap_intervals(y, proba, np.arange(400) % persons)
        assert (found["log_loss"] is not None) == known
        assert found["accuracy"][0] < 0.75 < found["accuracy"][1]
