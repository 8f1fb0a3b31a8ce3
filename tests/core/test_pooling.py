import json
from dataclasses import replace

import numpy as np
import pytest

from fer_core.calibration import apply_temperature, fit_temperature, log_loss
from fer_core.errors import DataError
from fer_core.pooling import EnsembleSpec, fit_ensemble, read_spec, save_spec


def informed(y, share, seed, k=5):
    """Probabilities that know the label of `share` of the pictures and guess on the others."""
    rng = np.random.default_rng(seed)
    proba = np.full((len(y), k), 0.1 / (k - 1))
    shown = np.where(rng.uniform(size=len(y)) < share, y, rng.integers(0, k, len(y)))
    proba[np.arange(len(y)), shown] = 0.9
    return proba


@pytest.fixture
def y():
    return np.random.default_rng(9).integers(0, 5, 3000)


@pytest.mark.parametrize("mean", ["geometric", "arithmetic"])
def test_better_members_say_more(y, mean):
    spec = fit_ensemble({"good": informed(y, 0.7, 1), "poor": informed(y, 0.3, 2)}, y, mean=mean)
    # A logit is divided by the temperature and multiplied by the weight.
    said = zip(spec.members, spec.weights, spec.temperatures, strict=True)
    force = {member: weight / temperature for member, weight, temperature in said}
    assert force["good"] > 1.5 * force.get("poor", 0)
    assert sum(spec.weights) == pytest.approx(1)


def test_noise_is_left_out_and_combination_beats_every_member(y):
    probas = {
        "a": informed(y, 0.6, 1),
        "b": informed(y, 0.6, 2),
        "noise": np.random.default_rng(3).dirichlet(np.ones(5), len(y)),
    }
    spec = fit_ensemble(probas, y, pull=0)
    assert set(spec.members) == {"a", "b"}
    assert log_loss(spec.combine(probas), y) < min(log_loss(p, y) for p in probas.values())


@pytest.mark.parametrize("mean", ["geometric", "arithmetic"])
def test_weights_are_where_the_loss_is_least(y, mean):
    probas = {"a": informed(y, 0.6, 1), "b": informed(y, 0.4, 2)}
    spec = fit_ensemble(probas, y, pull=0, mean=mean)
    assert spec.mean == mean

    def loss(w):
        mixed = replace(spec, weights=(w, 1 - w), temperature=1.0)
        combined = mixed.combine(probas)
        if mean == "geometric":  # the sum of the weights is free there: it is a temperature
            combined = apply_temperature(combined, fit_temperature(combined, y))
        return log_loss(combined, y)

    best = min(np.linspace(0, 1, 101), key=loss)
    assert spec.weights[0] == pytest.approx(best, abs=0.011)


@pytest.mark.parametrize("mean", ["geometric", "arithmetic"])
def test_a_strong_pull_gives_equal_weights(y, mean):
    probas = {"a": informed(y, 0.9, 1), "b": informed(y, 0.2, 2)}
    weights = fit_ensemble(probas, y, pull=1e4 * len(y), mean=mean).weights
    assert weights == pytest.approx((0.5, 0.5), abs=1e-3)


def test_the_pull_is_against_all_pictures_together(y):
    probas = {"a": informed(y, 0.9, 1), "b": informed(y, 0.2, 2)}
    twice = {name: np.concatenate([p, p]) for name, p in probas.items()}

    def weights(these, labels, pull):
        return fit_ensemble(these, labels, pull=pull, mean="arithmetic").weights

    pull = 0.5 * len(y)
    once = weights(probas, y, pull)
    assert weights(twice, np.concatenate([y, y]), 2 * pull) == pytest.approx(once, abs=1e-4)
    assert weights(twice, np.concatenate([y, y]), pull)[0] > once[0] + 0.01


def test_weights_are_never_negative(y):
    good = informed(y, 0.7, 1)
    against = good[:, ::-1].copy()  # a negative weight would make use of it
    spec = fit_ensemble({"good": good, "against": against}, y, pull=0)
    assert spec.members == ("good",)


def test_independent_views_are_best_combined_by_their_logits():
    """Two views that err independently, given the class: their product is the truth's odds."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 4000)
    views = {}
    for name in "ab":
        logits = 2 * (rng.normal(size=(4000, 3)) + 0.8 * np.eye(3)[y])
        logits *= 0.8 / 2  # the true log odds of a normal shift of 0.8
        powers = np.exp(logits)
        views[name] = powers / powers.sum(axis=1, keepdims=True)
    half = slice(0, 2000), slice(2000, None)
    losses = {}
    for mean in ("geometric", "arithmetic"):
        spec = fit_ensemble({m: p[half[0]] for m, p in views.items()}, y[half[0]], mean=mean)
        losses[mean] = log_loss(spec.combine({m: p[half[1]] for m, p in views.items()}), y[half[1]])
    product = views["a"] * views["b"]
    ideal = log_loss((product / product.sum(axis=1, keepdims=True))[half[1]], y[half[1]])
    assert losses["geometric"] == pytest.approx(ideal, abs=0.005)
    assert losses["arithmetic"] > losses["geometric"]


def test_models_that_guess_make_an_ensemble_that_guesses(y):
    rng = np.random.default_rng(0)
    spec = fit_ensemble({m: rng.dirichlet(np.ones(5), len(y)) for m in "ab"}, y)
    assert sum(spec.weights) == pytest.approx(1)
    guess = spec.combine({m: rng.dirichlet(np.ones(5), 50) for m in spec.members})
    assert np.abs(guess - 0.2).max() < 0.1


def test_combination_by_hand():
    spec = EnsembleSpec(("a", "b"), (1.0, 1.0), (0.25, 0.75))
    combined = spec.combine({"a": [[1.0, 0.0]], "b": [[0.2, 0.8]]})
    np.testing.assert_allclose(combined, [[0.25 + 0.15, 0.6]], atol=1e-6)
    even = EnsembleSpec(("a", "b"), (1.0, 1.0), (0.5, 0.5), mean="geometric")
    combined = even.combine({"a": [[0.8, 0.2]], "b": [[0.2, 0.8]]})
    np.testing.assert_allclose(combined, [[0.5, 0.5]], atol=1e-6)
    combined = even.combine({"a": [[0.8, 0.2]], "b": [[0.5, 0.5]]})
    np.testing.assert_allclose(combined, [[2 / 3, 1 / 3]], atol=1e-6)  # odds of 2, root of 4
    # No member alone rules a class out.
    assert even.combine({"a": [[1.0, 0.0]], "b": [[0.1, 0.9]]})[0, 1] > 0.02


def test_the_average_is_calibrated(y):
    probas = {"a": informed(y, 0.6, 1), "b": informed(y, 0.6, 2)}
    spec = fit_ensemble(probas, y, mean="arithmetic")
    assert spec.temperature < 0.95  # members that err on different pictures flatten the average
    assert fit_temperature(spec.combine(probas), y) == pytest.approx(1, abs=0.01)


def test_files_that_name_no_mean_are_of_arithmetic_ones(tmp_path):
    path = tmp_path / "spec.json"
    save_spec(EnsembleSpec(("a",), (1.0,), (1.0,)), path)
    content = json.loads(path.read_text())
    del content["mean"]
    path.write_text(json.dumps(content))
    assert read_spec(path).mean == "arithmetic"


def test_refuses_lengths_that_differ():
    with pytest.raises(DataError, match="2 members, 1 temperatures"):
        EnsembleSpec(("a", "b"), (1,), (0.5, 0.5))
    with pytest.raises(DataError, match="at least one member"):
        fit_ensemble({}, [])


def test_names_the_missing_member():
    with pytest.raises(DataError, match="'b'"):
        EnsembleSpec(("a", "b"), (1, 1), (0.5, 0.5)).combine({"a": [[1.0]]})
