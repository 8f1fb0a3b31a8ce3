import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.calibration import (
    apply_temperature,
    check_probabilities,
    fit_temperature,
    log_loss,
)
from fer_core.errors import DataError


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def drawn(temperature, n=20_000, k=7, seed=0):
    """Labels drawn from honest probabilities, and the same made too sure by `temperature`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(n, k))
    honest = softmax(logits)
    y = (honest.cumsum(axis=1) > rng.uniform(size=(n, 1))).argmax(axis=1)
    return softmax(logits * temperature), y


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 3.0])
def test_finds_the_temperature_that_made_probabilities_dishonest(overconfidence):
    proba, y = drawn(overconfidence)
    assert fit_temperature(proba, y) == pytest.approx(overconfidence, rel=0.03)


def test_few_pictures_ask_for_little():
    proba = np.tile([0.6, 0.3, 0.1], (400, 1))
    few, more, many = (fit_temperature(proba[:n], np.zeros(n, int)) for n in (3, 30, 400))
    assert 1 > few > 0.5 > more > many > 0.05


def test_temperature_is_division_of_logits():
    logits = np.array([[2.0, 0.0, -1.0], [0.5, 0.4, 0.3]])
    np.testing.assert_allclose(
        apply_temperature(softmax(logits), 2.5), softmax(logits / 2.5), rtol=1e-6
    )


@given(st.floats(0.1, 10), st.integers(0, 1000))
def test_temperature_keeps_order_and_sum(temperature, seed):
    proba = softmax(np.random.default_rng(seed).normal(size=(5, 4)))
    changed = apply_temperature(proba, temperature)
    np.testing.assert_allclose(changed.sum(axis=1), 1, atol=1e-5)
    assert (changed.argmax(axis=1) == proba.argmax(axis=1)).all()


def test_a_zero_on_the_true_class_costs_a_finite_loss():
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.isfinite(log_loss(certain, [1, 1]))
    assert np.isfinite(apply_temperature(certain, 0.05)).all()


def test_log_loss_by_hand():
    assert log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1]) == pytest.approx(
        -(np.log(0.5) + np.log(0.75)) / 2
    )


@pytest.mark.parametrize(
    ("proba", "words"),
    [
        (np.ones(3) / 3, "shape"),
        (np.full((2, 3), 0.5), "sum to 1"),
        (np.array([[0.5, 0.5], [np.nan, 1.0]]), "row 1"),
        (np.array([[1.5, -0.5]]), "non-negative"),
    ],
)
def test_refuses_what_are_no_probabilities(proba, words):
    with pytest.raises(DataError, match=words):
        check_probabilities(proba)


def test_refuses_to_fit_on_nothing():
    with pytest.raises(DataError, match="without validation"):
        fit_temperature(np.empty((0, 7)), np.empty(0, dtype=int))


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_temperatures_that_are_none_are_refused(temperature):
    with pytest.raises(ValueError, match="temperature must be above 0"):
        apply_temperature([[0.5, 0.5]], temperature)


@pytest.mark.parametrize("y", [[0], [0, -1], [0, 2], [[0, 1]]])
def test_labels_that_are_no_columns_are_refused(y):
    with pytest.raises(DataError, match="true column, 0 to 1, of 2 rows"):
        fit_temperature([[0.5, 0.5], [0.2, 0.8]], y)
