"""Tests for fer_landmarks.layers."""

from dataclasses import replace

import numpy as np
import pytest

from fer_landmarks.compact import rounded
from fer_landmarks.gaussian import softmax
from fer_landmarks.layers import LayerScores


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    sizes = [(6, 5), (5, 4), (4, 3)]
    return LayerScores(
        mean=np.array([1, 2, 3, 0, 0, 0], np.float32),
        scale=rng.uniform(0.5, 2, 6).astype(np.float32),
        weights=[rng.normal(size=size).astype(np.float16).astype(np.float32) for size in sizes],
        shifts=[rng.normal(size=size[1]).astype(np.float32) for size in sizes],
        n_odd=2,
    )


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(10, 6)).astype(np.float32)


def test_answers_are_the_mean_of_a_row_and_its_mirror_image(scores, x):
    def plain(rows):
        hidden = (rows - scores.mean) * scores.scale
        for weights, shift in zip(scores.weights[:-1], scores.shifts[:-1], strict=True):
            hidden = np.maximum(hidden @ weights + shift, 0)
        return softmax(hidden @ scores.weights[-1] + scores.shifts[-1])

    mirrored = x * np.float32([1, 1, 1, 1, -1, -1])
    proba = scores.probabilities(x)
    np.testing.assert_allclose(proba, (plain(x) + plain(mirrored)) / 2, atol=1e-6)
    np.testing.assert_allclose(proba, scores.probabilities(mirrored), atol=1e-6)
    assert np.abs(plain(x) - plain(mirrored)).max() > 0.1


def test_no_layer_in_between_is_a_linear_model(x):
    weights = np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32)
    zero, one = np.zeros(6, np.float32), np.ones(6, np.float32)
    linear = LayerScores(zero, one, [weights], [np.zeros(3, np.float32)], 0)
    np.testing.assert_allclose(linear.probabilities(x), softmax(x @ weights), atol=1e-6)


def test_networks_are_averaged(scores, x):
    others = [weights[:, ::-1] for weights in scores.weights[:-1]]
    shifts = [shift[::-1] for shift in scores.shifts[:-1]]
    other = replace(
        scores, weights=[*others, scores.weights[-1]], shifts=[*shifts, scores.shifts[-1]]
    )
    both = replace(
        scores,
        weights=[*scores.weights, *other.weights],
        shifts=[*scores.shifts, *other.shifts],
        n_networks=2,
    )
    expected = (scores.probabilities(x) + other.probabilities(x)) / 2
    assert not np.allclose(expected, scores.probabilities(x), atol=0.01)
    np.testing.assert_allclose(both.probabilities(x), expected, atol=1e-6)
    again = LayerScores.from_arrays(both.arrays(), both.settings())
    np.testing.assert_array_equal(again.probabilities(x), both.probabilities(x))


def test_arrays_and_settings_say_all(scores, x):
    again = LayerScores.from_arrays(scores.arrays(), scores.settings())
    np.testing.assert_array_equal(again.probabilities(x), scores.probabilities(x))
    assert scores.arrays()["weights_0"].dtype == np.float16


def test_weights_in_bytes_are_stored_as_they_are(scores, x):
    in_bytes = replace(scores, weights=[rounded(w, 8) for w in scores.weights], bits=8)
    arrays = in_bytes.arrays()
    assert arrays["weights_0"].dtype == np.int8
    again = LayerScores.from_arrays(arrays, in_bytes.settings())
    assert again.bits == 8
    np.testing.assert_array_equal(again.probabilities(x), in_bytes.probabilities(x))
