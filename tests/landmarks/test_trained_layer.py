import numpy as np
import pytest

from fer_landmarks.trained_layer import TrainedLayer


@pytest.mark.parametrize("last", [False, True])
def test_a_step_without_slope_only_decays(last):
    layer = TrainedLayer.make(3, 4, np.random.default_rng(0), last=last)
    before = {name: value.copy() for name, value in layer.values.items()}
    layer.step({name: np.zeros_like(v) for name, v in before.items()}, 0.1, 0.5, 1)
    np.testing.assert_allclose(layer.values["weights"], before["weights"] * (1 - 0.1 * 0.5))
    for name in set(before) - {"weights"}:
        np.testing.assert_array_equal(layer.values[name], before[name])
