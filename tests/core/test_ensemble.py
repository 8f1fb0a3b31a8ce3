from dataclasses import replace

import numpy as np
import pytest

from fer_core.calibration import fit_temperature, log_loss
from fer_core.ensemble import Ensemble, EnsembleSpec, fit_ensemble, read_spec, save_spec
from fer_core.errors import DataError


class Constant:
    """A model that knows the probabilities it gives."""

    def __init__(self, row, classes=(0, 1, 2)):
        self.row = np.array(row, dtype=np.float32)
        self.classes_ = np.array(classes)

    def predict_proba(self, faces):
        return np.tile(self.row, (len(faces), 1))


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


def test_better_members_weigh_more(y):
    spec = fit_ensemble({"good": informed(y, 0.7, 1), "poor": informed(y, 0.3, 2)}, y)
    weights = dict(zip(spec.members, spec.weights, strict=True))
    assert weights["good"] > weights.get("poor", 0) + 0.2
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


def test_weights_are_where_the_loss_is_least(y):
    probas = {"a": informed(y, 0.6, 1), "b": informed(y, 0.4, 2)}
    spec = fit_ensemble(probas, y, pull=0)

    def loss(w):
        mixed = replace(spec, weights=(w, 1 - w), temperature=1.0)
        return log_loss(mixed.combine(probas), y)

    best = min(np.linspace(0, 1, 101), key=loss)
    assert spec.weights[0] == pytest.approx(best, abs=0.011)


def test_a_strong_pull_gives_equal_weights(y):
    probas = {"a": informed(y, 0.9, 1), "b": informed(y, 0.2, 2)}
    assert fit_ensemble(probas, y, pull=1e4).weights == pytest.approx((0.5, 0.5), abs=1e-3)


def test_combination_by_hand():
    spec = EnsembleSpec(("a", "b"), (1.0, 1.0), (0.25, 0.75))
    combined = spec.combine({"a": [[1.0, 0.0]], "b": [[0.2, 0.8]]})
    np.testing.assert_allclose(combined, [[0.25 + 0.15, 0.6]], atol=1e-6)


def test_the_average_is_calibrated(y):
    probas = {"a": informed(y, 0.6, 1), "b": informed(y, 0.6, 2)}
    spec = fit_ensemble(probas, y)
    assert spec.temperature < 0.95  # members that err on different pictures flatten the average
    assert fit_temperature(spec.combine(probas), y) == pytest.approx(1, abs=0.01)


def test_model_and_saved_probabilities_agree(tmp_path):
    models = {"a": Constant([0.2, 0.3, 0.5]), "b": Constant([0.6, 0.2, 0.2])}
    spec = EnsembleSpec(("a", "b"), (1.5, 0.7), (0.4, 0.6), 0.8)
    save_spec(spec, tmp_path / "spec.json")
    faces = np.zeros((3, 48, 48), dtype=np.uint8)
    ensemble = Ensemble(read_spec(tmp_path / "spec.json"), models)
    expected = spec.combine({n: m.predict_proba(faces) for n, m in models.items()})
    np.testing.assert_array_equal(ensemble.predict_proba(faces), expected)
    assert ensemble.predict_proba(faces[:0]).shape == (0, 3)


def test_refuses_members_with_other_classes():
    models = {"a": Constant([0.2, 0.3, 0.5]), "b": Constant([0.2, 0.3, 0.5], classes=(0, 1, 3))}
    with pytest.raises(DataError, match="'b' has classes"):
        Ensemble(EnsembleSpec(("a", "b"), (1, 1), (0.5, 0.5)), models)


def test_names_the_missing_member():
    spec = EnsembleSpec(("a", "b"), (1, 1), (0.5, 0.5))
    with pytest.raises(DataError, match="'b'"):
        spec.combine({"a": [[1.0]]})
    with pytest.raises(DataError, match="'b'"):
        Ensemble(spec, {"a": Constant([1.0], classes=(0,))})


def test_refuses_lengths_that_differ():
    with pytest.raises(DataError, match="2 members, 1 temperatures"):
        EnsembleSpec(("a", "b"), (1,), (0.5, 0.5))
    with pytest.raises(DataError, match="at least one member"):
        fit_ensemble({}, [])
