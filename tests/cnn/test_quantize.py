"""Networks in 8-bit integers: smaller, and of the same opinion."""

from dataclasses import replace

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from fer_cnn import CNNClassifier  # noqa: E402
from fer_cnn.quantize import quantize_onnx  # noqa: E402
from fer_core.onnx_model import OnnxClassifier  # noqa: E402


@pytest.fixture(scope="module")
def fitted(striped, quick_recipe):
    return CNNClassifier(replace(quick_recipe, epochs=6, views="mirror")).fit(*striped)


def test_a_network_answers_as_it_did(fitted, striped, tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(fitted.onnx_file_)
    kept = quantize_onnx(file, striped[0])
    assert file.stat().st_size < 0.5 * len(fitted.onnx_file_)
    network = OnnxClassifier(file, fitted.classes_)
    expected, found = (m.predict_proba(striped[0]) for m in (fitted, network))
    assert np.abs(found - expected).max() < 0.1
    assert (found != expected).any()
    compared = np.random.default_rng(0).permutation(len(found))[:256]
    assert kept == (found.argmax(1) == expected.argmax(1))[compared].mean()
    assert network.predict_proba(striped[0][:1]) == pytest.approx(found[:1], abs=1e-5)
    mirrored = network.predict_proba(np.ascontiguousarray(striped[0][:, :, ::-1]))
    assert mirrored == pytest.approx(found, abs=1e-3)


def test_weights_have_seven_bits(fitted, striped, tmp_path):
    """Two products of 8 bits would overflow the sums of processors without such instructions."""
    file = tmp_path / "model.onnx"
    file.write_bytes(fitted.onnx_file_)
    quantize_onnx(file, striped[0])
    integers = [
        onnx.numpy_helper.to_array(t)
        for t in onnx.load(file).graph.initializer
        if t.data_type == onnx.TensorProto.INT8
    ]
    weights = [w for w in integers if w.ndim == 4]
    assert len(weights) == 4
    assert max(np.abs(w.astype(int)).max() for w in weights) in (63, 64)


def test_activations_of_one_batch_are_held_at_a_time(fitted, striped, tmp_path, monkeypatch):
    from onnxruntime.quantization.calibrate import HistogramCollector

    held = []
    collect = HistogramCollector.collect

    def counted(self, outputs):
        held.append(max(sum(map(len, arrays)) for arrays in outputs.values()))
        return collect(self, outputs)

    monkeypatch.setattr(HistogramCollector, "collect", counted)
    file = tmp_path / "model.onnx"
    file.write_bytes(fitted.onnx_file_)
    quantize_onnx(file, np.concatenate([striped[0]] * 3))
    views = 2  # mirrored faces, too
    assert len(held) == 3
    assert max(held) <= 64 * views


def test_a_recipe_asks_for_it(striped, quick_recipe, tmp_path):
    model = CNNClassifier(replace(quick_recipe, epochs=1, quantized=True)).fit(*striped)
    nodes = {node.op_type for node in onnx.load_from_string(model.onnx_file_).graph.node}
    assert "QuantizeLinear" in nodes
    assert (
        model.facts()["arithmetic"] == f"8-bit integers, {model.kept_:.1%} of labels as in float32"
    )


def test_a_network_of_another_opinion_is_told(fitted, striped, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("fer_cnn.quantize._LEAST_KEPT", 1.1)
    file = tmp_path / "model.onnx"
    file.write_bytes(fitted.onnx_file_)
    quantize_onnx(file, striped[0])
    assert "leave quantized out of the recipe" in caplog.text
