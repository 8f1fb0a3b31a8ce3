import os
import pickle
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fer_core.errors import DataError, ModelStoreError
from fer_core.onnx_model import OnnxClassifier


@pytest.fixture(scope="module")
def network():
    """A network whose class 1 gets more probable the brighter the face."""
    nodes = [
        helper.make_node("Cast", ["faces"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axis"], ["column"]),
        helper.make_node("MatMul", ["column", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", 48, 48])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [
            onnx.numpy_helper.from_array(np.array([[0, 0.01]], dtype=np.float32), "weights"),
            onnx.numpy_helper.from_array(np.array([1]), "axis"),
        ],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8
    ).SerializeToString()


@pytest.fixture
def faces():
    return np.random.default_rng(0).integers(0, 256, (7, 48, 48)).astype(np.uint8)


def test_probabilities_are_those_of_the_network(network, faces):
    proba = OnnxClassifier(network, [3, 5]).predict_proba(faces)
    expected = 1 / (1 + np.exp(-0.01 * faces.mean(axis=(1, 2), dtype=np.float64)))
    np.testing.assert_allclose(proba[:, 1], expected, rtol=1e-4)
    assert proba.dtype == np.float32


def test_batches_make_no_difference(network, faces):
    whole = OnnxClassifier(network, [3, 5]).predict_proba(faces)
    split = OnnxClassifier(network, [3, 5], batch_size=3, threads=1).predict_proba(faces)
    np.testing.assert_allclose(split, whole, atol=1e-6)
    assert OnnxClassifier(network, [3, 5]).predict_proba(faces[:0]).shape == (0, 2)


def test_labels_are_codes(network):
    bright = np.full((2, 48, 48), 255, dtype=np.uint8)
    assert OnnxClassifier(network, [3, 5]).predict(bright).tolist() == [5, 5]


def test_a_copy_by_pickle_answers_the_same(network, faces, tmp_path):
    (tmp_path / "net.onnx").write_bytes(network)
    model = OnnxClassifier(tmp_path / "net.onnx", [3, 5])
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(faces), model.predict_proba(faces))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 48, 48), dtype=np.float32),
        np.zeros((48, 48), dtype=np.uint8),
        np.zeros((1, 47, 48), dtype=np.uint8),
    ],
)
def test_refuses_what_are_no_faces(network, wrong):
    with pytest.raises(DataError, match=r"uint8 array of shape \(n, 48, 48\)\. Got"):
        OnnxClassifier(network, [3, 5]).predict_proba(wrong)


def test_refuses_files_that_are_no_network_for_these_classes(network, tmp_path):
    with pytest.raises(ModelStoreError, match="2 outputs for 3 classes"):
        OnnxClassifier(network, [0, 1, 2])
    (tmp_path / "bad.onnx").write_bytes(network[:50])
    with pytest.raises(ModelStoreError, match=r"bad\.onnx"):
        OnnxClassifier(tmp_path / "bad.onnx", [0, 1])


def test_nothing_is_kept_or_sent_for_the_makers_of_the_runtime(tmp_path):
    code = "import fer_live, onnxruntime; fer_live.EmotionRecognizer.load('cnn')"
    own = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = {**own, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not [path for path in tmp_path.rglob("*") if "microsoft" in path.name.lower()]
