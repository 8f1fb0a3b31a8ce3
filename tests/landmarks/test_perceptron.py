"""Tests for fer_landmarks.perceptron."""

import pickle

import numpy as np
import pytest

from fer_landmarks import perceptron
from fer_landmarks.gaussian import softmax
from fer_landmarks.perceptron import DropoutPerceptron, _kept
from fer_landmarks.trained_layer import TrainedLayer


def rings(n=400, seed=0):
    """Two classes that no line divides: the inner disc and the ring around it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 2)).astype(np.float32)
    return x, (np.linalg.norm(x, axis=1) > 0.75).astype(int)


def quick(**settings):
    given = {"hidden": (32, 16), "epochs": 40, "batch_size": 32, "input_dropout": 0, "noise": 0.05}
    return DropoutPerceptron(
        **{**given, "dropout": 0.1, "learning_rate": 1e-2, "random_state": 0, **settings}
    )


def test_learns_what_no_line_divides():
    x, y = rings()
    unseen, truth = rings(seed=1)
    assert (quick().fit(x, y).predict(unseen) == truth).mean() > 0.93


def test_one_seed_gives_one_perceptron():
    x, y = rings()
    first, again = (quick(epochs=3).fit(x, y).predict_proba(x) for _ in range(2))
    other = quick(epochs=3, random_state=1).fit(x, y).predict_proba(x)
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_several_networks_answer_by_their_mean():
    x, y = rings()
    both = quick(epochs=3, n_networks=2).fit(x, y)
    random = np.random.RandomState(0)
    each = [quick(epochs=3, random_state=random).fit(x, y).predict_proba(x) for _ in range(2)]
    assert not np.allclose(*each, atol=1e-3)
    np.testing.assert_allclose(both.predict_proba(x), np.mean(each, axis=0), atol=1e-6)
    again = pickle.loads(pickle.dumps(both))
    assert np.array_equal(again.predict_proba(x), both.predict_proba(x))


def test_small_features_count_as_the_power_says():
    x, y = rings()
    x = np.column_stack([x * np.float32(1e-2), np.random.default_rng(2).normal(size=len(x))])
    right = [(quick(whitening=w, noise=0.3).fit(x, y).predict(x) == y).mean() for w in (0, 1)]
    assert right[1] > right[0] + 0.1


@pytest.mark.parametrize("size", [1e-6, 1e8])
def test_the_size_of_features_changes_no_answer(size):
    x, y = rings()
    plain, other = (quick(epochs=3).fit(x * np.float32(s), y) for s in (1, size))
    expected = plain.predict_proba(x)
    np.testing.assert_allclose(other.predict_proba(x * np.float32(size)), expected, atol=0.02)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1. Got 1.0"),
        ({"input_dropout": -0.1}, "input_dropout must be"),
        ({"batch_size": 0}, "batch_size must be at least 1. Got 0"),
        ({"n_networks": 0}, "n_networks must be at least 1. Got 0"),
        ({"bits": 4}, "bits must be 16 or 8. Got 4"),
        ({"n_odd": 3}, "n_odd must be 0 to the 2 features. Got 3"),
    ],
)
def test_settings_out_of_range_are_one_sentence(settings, words):
    with pytest.raises(ValueError, match=words):
        quick(**settings).fit(*rings(20))


def test_a_row_and_its_mirror_image_get_one_answer():
    x, y = rings()
    tilted = y ^ (x[:, 0] + x[:, 1] > 1)  # more on one side than on the other
    mirrored = x * np.float32([1, -1])
    both = quick(n_odd=1).fit(x, tilted)
    np.testing.assert_allclose(both.predict_proba(x), both.predict_proba(mirrored), atol=1e-6)
    one = quick().fit(x, tilted)
    assert np.abs(one.predict_proba(x) - one.predict_proba(mirrored)).max() > 0.1


def test_soft_labels_are_learnt_in_their_share():
    x, y = rings()
    swapped = np.eye(2, dtype=np.float32)[1 - y]
    assert (quick(soft_weight=1.0).fit(x, y, swapped).predict(x) == 1 - y).mean() > 0.9
    unsure = quick(soft_weight=0.5).fit(x, y, swapped).predict_proba(x)
    assert np.abs(unsure - 0.5).max() < 0.3
    with pytest.raises(ValueError, match="soft_labels must have shape"):
        quick().fit(x, y, swapped[:, :1])


def test_slopes_are_those_of_the_loss():
    """Each weight is moved a little: the loss must change as the gradient says."""
    rng = np.random.default_rng(0)
    perceptron = DropoutPerceptron(dropout=0, input_dropout=0, noise=0, hidden=(5, 4))
    x = rng.normal(size=(12, 3))
    targets = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 12)]
    weight = rng.uniform(0.2, 3, size=(12, 1))
    layers = [
        TrainedLayer.make(*sizes, rng, last=sizes[1] == 2) for sizes in ((3, 5), (5, 4), (4, 2))
    ]
    taken = []
    for layer in layers:
        layer.values = {name: value.astype(np.float64) for name, value in layer.values.items()}
        layer.step = lambda slopes, *_: taken.append(slopes)

    def loss():
        z = x
        for layer in layers[:-1]:
            z = z @ layer.values["weights"]
            z = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
            z = np.maximum(z * layer.values["scale"] + layer.values["shift"], 0)
        proba = softmax(z @ layers[-1].values["weights"] + layers[-1].values["shift"])
        return -(weight * targets * np.log(proba)).sum(axis=1).mean()

    perceptron._descend(layers, x, targets, weight, rng, 1, 0.0)
    for layer, slopes in zip(layers, reversed(taken), strict=True):
        for name, slope in slopes.items():
            value = layer.values[name]
            place = np.unravel_index(np.abs(slope).argmax(), slope.shape)
            kept, losses = value[place], []
            for change in (-1e-5, 1e-5):
                value[place] = kept + change
                losses.append(loss())
            value[place] = kept
            assert (losses[1] - losses[0]) / 2e-5 == pytest.approx(slope[place], rel=1e-3)


def test_it_answers_the_same_after_a_round_trip():
    x, y = rings()
    fitted = quick(epochs=3).fit(x, y)
    stored = pickle.dumps(fitted)
    assert np.array_equal(pickle.loads(stored).predict_proba(x), fitted.predict_proba(x))
    assert fitted.__getstate__()["weights_"][0].dtype == np.float16


def test_in_bytes_it_answers_nearly_the_same_before_and_after_a_round_trip():
    x, y = rings()
    whole, fitted = quick(epochs=3).fit(x, y), quick(epochs=3, bits=8).fit(x, y)
    proba = fitted.predict_proba(x)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(x), proba)
    assert fitted.__getstate__()["weights_"][0][0].dtype == np.int8
    assert not np.array_equal(proba, whole.predict_proba(x))
    np.testing.assert_allclose(proba, whole.predict_proba(x), atol=0.02)


def test_rows_that_are_all_alike_are_no_error():
    x, y = np.ones((20, 3), np.float32), np.arange(20) % 2
    np.testing.assert_allclose(quick(epochs=5).fit(x, y).predict_proba(x), 0.5, atol=0.2)


def test_what_is_kept_makes_up_for_what_is_dropped():
    kept = _kept((400, 500), 0.2, np.random.default_rng(0))
    assert set(np.unique(kept)) == {0, np.float32(1.25)}
    assert (kept == 0).mean() == pytest.approx(0.2, abs=0.005)
    assert kept.mean() == pytest.approx(1, abs=0.005)


def test_inputs_and_hidden_layers_are_dropped_from(monkeypatch):
    x, y = rings(n=32)
    asked = set()

    def spy(shape, dropped, rng):
        asked.add((shape[1], dropped))
        return np.float32(1)

    monkeypatch.setattr(perceptron, "_kept", spy)
    quick(epochs=1, input_dropout=0.25, dropout=0.5).fit(x, y)
    assert asked == {(2, 0.25), (32, 0.5), (16, 0.5)}


def test_weights_of_every_layer_decay():
    x, y = rings()
    sizes = [
        [np.linalg.norm(w) for w in quick(epochs=30, weight_decay=decay).fit(x, y).weights_]
        for decay in (0.0, 3.0)
    ]
    # Normalised layers are folded, so of two the last alone shows its size as it was learnt.
    assert sizes[1][-1] < 0.8 * sizes[0][-1]


def test_a_training_that_diverges_is_refused():
    with pytest.raises(ValueError, match="diverged; lower learning_rate"):
        quick(epochs=5, learning_rate=1e30).fit(*rings())


def test_parameters_that_are_changed_later_are_for_the_next_fit():
    x, y = rings()
    model = quick(epochs=3).fit(x, y)
    before = model.predict_proba(x)
    model.set_params(n_networks=4, bits=8)
    for same in (model, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(same.predict_proba(x), before)
        assert same.n_networks == 4
