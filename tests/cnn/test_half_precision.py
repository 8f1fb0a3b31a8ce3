import numpy as np

from fer_cnn.architectures import build
from fer_cnn.half_precision import save_to_go_on_from
from fer_cnn.start import load_network


def _weights(model):
    return {v.path: np.asarray(v.value) for v in model.weights}


def test_a_network_is_kept_to_float16_in_half_the_space(tmp_path):
    model = build("compact", 7)
    model.compile("adam", "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "whole.keras", include_optimizer=False)
    save_to_go_on_from(model, tmp_path / "model.keras")
    again = load_network(str(tmp_path / "model.keras"))
    before, after = _weights(model), _weights(again)
    assert before.keys() == after.keys()
    for name, values in before.items():
        assert after[name].dtype == np.float32
        np.testing.assert_array_equal(after[name], values.astype(np.float16))
    assert (tmp_path / "model.keras").stat().st_size < (
        tmp_path / "whole.keras"
    ).stat().st_size * 0.6


def test_what_float16_cant_hold_stays(tmp_path):
    model = build("tiny", 3)
    norm = next(v for v in model.weights if "moving_variance" in v.path)
    norm.assign(np.full(norm.shape, 1e6, dtype=np.float32))
    save_to_go_on_from(model, tmp_path / "model.keras")
    again = _weights(load_network(str(tmp_path / "model.keras")))
    assert (again[norm.path] == 1e6).all()
