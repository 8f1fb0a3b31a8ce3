"""Fast training steps: the same network, and nothing of it in the file."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from fer_cnn.architectures import build  # noqa: E402
from fer_cnn.arithmetic import fuse_normalisation, has_bfloat16, set_arithmetic  # noqa: E402

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends are left alone"
)


@pytest.fixture
def faces():
    return np.random.default_rng(0).integers(0, 256, (32, 48, 48), np.uint8)


def step(model, faces):
    """Return the weights after a step, and the loss."""
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
    loss = model.train_on_batch(faces, np.eye(7, dtype=np.float32)[np.arange(32) % 7])
    return [np.array(weight) for weight in model.get_weights()], float(np.ravel(loss)[0])


@on_tensorflow
@pytest.mark.parametrize(
    ("architecture", "options"),
    [("tiny", {"dropout": 0}), ("residual", {"widths": (8, 8, 8, 8), "dropout": 0})],
)
def test_fused_normalisation_takes_the_same_step(faces, architecture, options):
    plain = build(architecture, 7, **options)
    fused = build(architecture, 7, **options)
    fused.set_weights(plain.get_weights())
    fuse_normalisation(fused)
    calls = [layer.call for layer in fused.layers if "norm" in layer.name]
    assert calls
    assert all(type(call).__name__ == "_FusedCall" for call in calls)
    expected, loss = step(plain, faces)
    found, same_loss = step(fused, faces)
    assert same_loss == pytest.approx(loss, rel=1e-4)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.02, atol=2e-3)
    # At prediction, and in the file, there is nothing to be seen of it.
    np.testing.assert_allclose(plain(faces), fused(faces), atol=0.01)


@on_tensorflow
def test_frozen_layers_keep_their_averages(faces):
    model = build("tiny", 7)
    for layer in model.layers:
        layer.trainable = "norm" not in layer.name
    fuse_normalisation(model)
    before = {w.path: np.array(w) for w in model.weights if "moving" in w.path}
    step(model, faces)
    for weight in model.weights:
        if weight.path in before:
            np.testing.assert_array_equal(weight, before[weight.path])


@on_tensorflow
def test_a_saved_model_is_a_plain_one(faces, tmp_path):
    model = build("tiny", 7)
    set_arithmetic(model, "bfloat16")
    step(model, faces)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert {str(weight.dtype) for weight in loaded.weights} <= {"float32", "uint32", "int64"}
    assert all(layer.dtype_policy.name == "float32" for layer in loaded.layers)
    assert not any(type(layer.call).__name__ == "_FusedCall" for layer in loaded.layers)
    set_arithmetic(model, "float32")


def test_the_processor_is_asked(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nflags\t\t: fpu avx2 avx512_bf16 sse\n")
    assert has_bfloat16(file)
    file.write_text("processor : 0\nflags\t\t: fpu avx2 avx512f\n")
    assert not has_bfloat16(file)
    assert not has_bfloat16(tmp_path / "none")
