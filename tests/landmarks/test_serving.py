"""Pipelines served from arrays."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from fer_core.errors import DataError, ModelStoreError
from fer_core.landmarks import find_predictor
from fer_core.pipeline_files import ARRAYS_FILE, JOBLIB_FILE, SKOPS_FILE
from fer_landmarks import AnchoredHistograms, FaceDescriptor, fisher, make_pipeline, serving
from fer_landmarks.compress import SymmetricPCA
from fer_landmarks.kernel import KernelLeastSquares
from fer_landmarks.pipelines import DEFAULT_PIPELINE
from fer_landmarks.serving import ServedPipeline, can_serve, save_pipeline
from fer_landmarks.symmetric_pipeline import SymmetricPipeline


@pytest.fixture(scope="module")
def labels(faces):
    return np.arange(len(faces)) % 3


#: Pipelines to serve, with settings that are quick to fit, or others than the usual.
SERVED = {
    "anchored-kernel": {},
    "geometry-kernel": {},
    "lbp-kernel": {},
    "fisher-kernel": {},
    "hog-kernel": {"classifier__bits": 8, "compress__bits": 8},
    "fusion-kernel": {"classifier__bits": 8, "classifier__n_centers": 20},
    "anchored-small-fisher-kernel": {},
    "geometry-mlp": {"copies": 1, "classifier__hidden": (32, 16)},
    "anchored-mlp": {"copies": 1, "classifier__hidden": (32, 16)},
    "anchored-small-fisher-mlp": {"copies": 1, "classifier__hidden": (32, 16)},
}


@pytest.fixture(scope="module", params=SERVED)
def fitted(request, faces, labels):
    return make_pipeline(request.param, random_state=0, **SERVED[request.param]).fit(faces, labels)


def test_answers_are_the_pipelines_own(fitted, faces, tmp_path):
    files = save_pipeline(fitted, tmp_path)
    assert set(files) == {ARRAYS_FILE, JOBLIB_FILE}
    served = ServedPipeline.read(files[ARRAYS_FILE])
    np.testing.assert_array_equal(served.classes_, fitted.classes_)
    np.testing.assert_array_equal(served.predict_proba(faces), fitted.predict_proba(faces))
    np.testing.assert_array_equal(served.predict(faces), fitted.predict(faces))
    assert served.predict_proba(faces[:0]).shape == (0, 3)


def test_settings_of_the_features_survive(faces, labels, tmp_path):
    descriptor = FaceDescriptor(("hog", AnchoredHistograms(points=(36, 45), scales=((6, 3),))))
    pipeline = make_pipeline("lbp-kernel").set_params(
        descriptor=descriptor, compress__symmetry=descriptor.symmetry()
    )
    pipeline.fit(faces, labels)
    ServedPipeline.of(pipeline).save(tmp_path / "model.npz")
    served = ServedPipeline.read(tmp_path / "model.npz")
    assert served.features == descriptor.features()
    np.testing.assert_array_equal(served.predict_proba(faces), pipeline.predict_proba(faces))


def test_other_pipelines_are_served_by_skops(faces, labels, tmp_path):
    pipeline = make_pipeline("hog-svm", random_state=0).fit(faces, labels)
    assert not can_serve(pipeline)
    assert not can_serve(make_pipeline("lbp-kernel", mirror=True))
    nested = make_pipeline("lbp-kernel")
    nested.set_params(descriptor__parts=(FaceDescriptor(parts=("lbp",)),))
    assert not can_serve(nested)
    assert set(save_pipeline(pipeline, tmp_path)) == {SKOPS_FILE, JOBLIB_FILE}


@pytest.mark.parametrize(
    "name", [DEFAULT_PIPELINE, "anchored-small-fisher-kernel", "anchored-kernel", "anchored-mlp"]
)
def test_predicts_without_scikit_learn(name, faces, labels, tmp_path):
    pipeline = make_pipeline(name, random_state=0, **SERVED[name]).fit(faces, labels)
    ServedPipeline.of(pipeline).save(tmp_path / "model.npz")
    np.save(tmp_path / "faces.npy", faces[:3])
    code = (
        "import sys, numpy; from pathlib import Path\n"
        "from fer_landmarks.serving import ServedPipeline\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "proba = ServedPipeline.read(folder / 'model.npz').predict_proba("
        "numpy.load(folder / 'faces.npy'))\n"
        "print(proba.shape, {'sklearn', 'skops', 'scipy', 'joblib', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(3, 3) set()"


def test_the_first_files_of_this_format_are_read(faces, labels, tmp_path):
    pipeline = make_pipeline("lbp-kernel", random_state=0).fit(faces, labels)
    path = tmp_path / "model.npz"
    ServedPipeline.of(pipeline).save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    settings = json.loads(str(arrays["settings"]))
    del settings["scores"]  # there was one kind
    np.savez(path, **{**arrays, "settings": np.array(json.dumps(settings))})
    served = ServedPipeline.read(path)
    np.testing.assert_array_equal(served.predict_proba(faces), pipeline.predict_proba(faces))


def test_files_that_are_none_are_refused(fitted, tmp_path):
    path = tmp_path / "model.npz"
    ServedPipeline.of(fitted).save(path)
    whole = path.read_bytes()
    for content in (b"", b"none", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ModelStoreError, match="this is no served pipeline"):
            ServedPipeline.read(path)
    with pytest.raises(ModelStoreError, match="this is no served pipeline"):
        ServedPipeline.read(tmp_path / "missing.npz")
    np.savez(path, settings=np.array(json.dumps({"format": 99})))
    with pytest.raises(ModelStoreError, match="has format 99"):
        ServedPipeline.read(path)


def test_another_vocabulary_or_none_is_refused(faces, labels, tmp_path, monkeypatch):
    pipeline = make_pipeline("fisher-kernel", random_state=0).fit(faces, labels)
    path = tmp_path / "model.npz"
    ServedPipeline.of(pipeline).save(path)
    other = tmp_path / "other.npz"
    other.write_bytes(fisher.vocabulary_file("fer2013").read_bytes() + b"0")
    monkeypatch.setattr(serving, "vocabulary_file", lambda name: other)
    with pytest.raises(ModelStoreError, match="another vocabulary 'fer2013'"):
        ServedPipeline.read(path)
    fisher.load_vocabulary.cache_clear()
    monkeypatch.setattr(fisher, "vocabulary_file", lambda name: tmp_path / "missing.npz")
    with pytest.raises(DataError, match="no vocabulary 'fer2013'"):
        ServedPipeline.read(path)


def test_what_are_no_faces_is_refused(fitted):
    with pytest.raises(DataError, match="faces must be a uint8 array"):
        ServedPipeline.of(fitted).predict_proba(np.zeros((2, 40, 40), np.uint8))


def test_a_pipeline_with_a_predictor_of_its_own_asks_for_it(faces, labels, tmp_path, monkeypatch):
    own = tmp_path / "own.dat"
    own.symlink_to(find_predictor())
    pipeline = make_pipeline("geometry-kernel", random_state=0, predictor=own).fit(faces, labels)
    ServedPipeline.of(pipeline).save(tmp_path / "model.npz")
    served = ServedPipeline.read(tmp_path / "model.npz")  # the packaged one is the same
    np.testing.assert_array_equal(served.predict_proba(faces), pipeline.predict_proba(faces))
    other = tmp_path / "other.dat"
    other.write_bytes(b"another")
    monkeypatch.setenv("FER_PREDICTOR", str(other))
    with pytest.raises(ModelStoreError, match="fitted with another landmark predictor"):
        ServedPipeline.read(tmp_path / "model.npz")


def test_pipelines_put_together_by_hand_are_served_as_they_answer(faces, labels, tmp_path):
    def steps():
        return [
            ("descriptor", FaceDescriptor(("hog",))),
            ("compress", SymmetricPCA(16)),
            ("classifier", KernelLeastSquares()),
        ]

    wired = SymmetricPipeline(steps()).fit(faces, labels)
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    np.testing.assert_allclose(wired.predict_proba(faces), wired.predict_proba(mirrored), atol=1e-3)
    served = ServedPipeline.read(save_pipeline(wired, tmp_path)[ARRAYS_FILE])
    np.testing.assert_array_equal(served.predict_proba(faces), wired.predict_proba(faces))
    assert not can_serve(Pipeline(steps()).fit(faces, labels))
