import numpy as np
import pytest

from fer_core.calibration import apply_temperature
from fer_core.ensemble import Ensemble
from fer_core.errors import DataError
from fer_core.pooling import EnsembleSpec, read_spec, save_spec


class Constant:
    """A model that knows the probabilities it gives."""

    def __init__(self, row, classes=(0, 1, 2)):
        self.row = np.array(row, dtype=np.float32)
        self.classes_ = np.array(classes)

    def predict_proba(self, faces):
        return np.tile(self.row, (len(faces), 1))


def test_model_and_saved_probabilities_agree(tmp_path):
    models = {"a": Constant([0.2, 0.3, 0.5]), "b": Constant([0.6, 0.2, 0.2])}
    spec = EnsembleSpec(("a", "b"), (1.5, 0.7), (0.4, 0.6), 0.8, "geometric")
    save_spec(spec, tmp_path / "spec.json")
    faces = np.zeros((3, 48, 48), dtype=np.uint8)
    ensemble = Ensemble(read_spec(tmp_path / "spec.json"), models)
    expected = spec.combine({n: m.predict_proba(faces) for n, m in models.items()})
    np.testing.assert_array_equal(ensemble.predict_proba(faces), expected)
    assert ensemble.predict_proba(faces[:0]).shape == (0, 3)


def test_a_member_asked_alone_is_as_sure_as_by_itself():
    models = {"a": Constant([0.2, 0.3, 0.5]), "b": Constant([0.6, 0.2, 0.2])}
    spec = EnsembleSpec(("a", "b"), (1.5, 0.7), (0.4, 0.6), 0.8, "geometric")
    faces = np.zeros((1, 48, 48), dtype=np.uint8)
    alone = Ensemble(spec, models).only(["b"]).predict_proba(faces)
    expected = apply_temperature(models["b"].predict_proba(faces), 0.7)
    np.testing.assert_allclose(alone, expected, atol=1e-6)


def test_refuses_members_with_other_classes():
    models = {"a": Constant([0.2, 0.3, 0.5]), "b": Constant([0.2, 0.3, 0.5], classes=(0, 1, 3))}
    with pytest.raises(DataError, match="'b' has classes"):
        Ensemble(EnsembleSpec(("a", "b"), (1, 1), (0.5, 0.5)), models)


def test_names_the_missing_member():
    spec = EnsembleSpec(("a", "b"), (1, 1), (0.5, 0.5))
    with pytest.raises(DataError, match="'b'"):
        Ensemble(spec, {"a": Constant([1.0], classes=(0,))})
