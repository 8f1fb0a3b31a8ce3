"""What Keras's other backends train goes on in TensorFlow, and is served the same."""

import importlib.util
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from fer_cnn.export import export_onnx
from fer_cnn.training import train
from fer_core.extras import require
from fer_core.onnx_model import OnnxClassifier

_CHILD = """
import pickle, sys
import numpy as np
from fer_cnn import training
from fer_core.extras import require

recipe, faces, y, folder, backend = pickle.load(sys.stdin.buffer)
assert require("keras", "train").backend.backend() == backend
training._out_of_time = lambda history, *limits: len(history) == 2
done = training.train(recipe, faces, y, 3, out=folder / "training")
done.model.save(folder / "model.keras")
np.save(folder / "proba.npy", np.asarray(done.model.predict(faces, verbose=0)))
np.save(folder / "losses.npy", [record.loss for record in done.history])
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_trains_what_tensorflow_goes_on_with(
    backend, striped, quick_recipe, tmp_path
):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    faces, y = striped
    subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=pickle.dumps((quick_recipe, faces, y, tmp_path, backend)),
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    expected = np.load(tmp_path / "proba.npy")
    keras = require("keras", "train")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(faces, verbose=0), expected, atol=1e-4)
    export_onnx(tmp_path / "model.keras", tmp_path / "model.onnx")
    served = OnnxClassifier(tmp_path / "model.onnx", (0, 1, 2))
    np.testing.assert_allclose(served.predict_proba(faces), expected, atol=1e-4)
    # The checkpoint has the optimiser's state too: the loss goes on falling, without a jump.
    before = np.load(tmp_path / "losses.npy")
    done = train(quick_recipe, faces, y, 3, out=tmp_path / "training")
    losses = [record.loss for record in done.history]
    assert done.finished
    np.testing.assert_allclose(losses[:2], before)
    assert losses[2] < before[1] < before[0]
