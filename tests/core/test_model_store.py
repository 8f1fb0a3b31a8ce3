import json
import pickle
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from unittest.mock import Mock

import joblib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from fer_core import model_entry, model_loaders, model_store
from fer_core.crop import FRAMING_VERSION
from fer_core.errors import MissingExtraError, ModelStoreError
from fer_core.files import sha256_of
from fer_core.model_entry import MANIFEST, ModelEntry, probe_faces
from fer_core.model_store import ModelStore
from fer_core.onnx_model import OnnxClassifier
from fer_core.pooling import EnsembleSpec, save_spec


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (40, 48, 48)).astype(np.uint8)


@pytest.fixture(scope="module")
def pipeline(faces):
    flat = FunctionTransformer(np.reshape, kw_args={"shape": (-1, 2304)})
    return make_pipeline(flat, LogisticRegression(C=1e-6)).fit(faces, np.arange(40) % 3)


def onnx_file(path, k=3):
    """A network that gives the softmax of a random projection of the pixels."""
    weights = np.random.default_rng(1).normal(size=(2304, k)).astype(np.float32) / 2304
    nodes = [
        helper.make_node("Cast", ["faces"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["real"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", 48, 48])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", k])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, path)
    return path


def entry(name, loader="load_pipeline", family="landmarks"):
    return ModelEntry(
        name=name,
        family=family,
        loader=f"fer_core.model_store:{loader}",
        scheme="own",
        labels=("a", "b", "c"),
        codes=(0, 1, 2),
        licence="Code: MIT.",
    )


@pytest.fixture
def store(tmp_path, pipeline):
    """A store with a pickled pipeline, a network and an ensemble of both."""
    store = ModelStore(tmp_path / "store", trusted=True)
    joblib.dump(pipeline, tmp_path / "model.joblib")
    store.add(entry("pipe"), {"model.joblib": tmp_path / "model.joblib"}, pipeline)
    network = OnnxClassifier(onnx_file(tmp_path / "model.onnx"), [0, 1, 2])
    store.add(entry("net", "load_onnx", "cnn"), {"model.onnx": tmp_path / "model.onnx"}, network)
    spec = EnsembleSpec(("pipe", "net"), (1.2, 0.8), (0.5, 0.5))
    save_spec(spec, tmp_path / "ensemble.json")
    store.add(
        entry("both", "load_ensemble", "ensemble"),
        {"ensemble.json": tmp_path / "ensemble.json"},
        model_store.Ensemble(spec, {"pipe": pipeline, "net": network}),
    )
    return store


def edit_manifest(store, change):
    path = store.root / MANIFEST
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))


def test_what_is_loaded_answers_as_what_was_stored(store, pipeline, faces):
    np.testing.assert_array_equal(
        store.load("pipe").predict_proba(faces), pipeline.predict_proba(faces)
    )
    both = store.load("both")
    members = {name: store.load(name).predict_proba(faces) for name in ("pipe", "net")}
    np.testing.assert_allclose(both.predict_proba(faces), both.spec.combine(members), atol=1e-6)


def test_second_names_and_suggestions(store, faces):
    store.alias("landmarks", "pipe")
    assert store.entry("landmarks").name == "pipe"
    with pytest.raises(ModelStoreError, match="Did you mean 'landmarks'"):
        store.load("landmrks")


def test_no_second_name_stands_for_another_model(store):
    with pytest.raises(ModelStoreError, match="'net' is a model of its own here"):
        store.alias("net", "pipe")
    assert store.entry("net").name == "net"
    # A model that is stored later under a second name takes it over.
    store.alias("landmarks", "pipe")
    entry = replace(store.entry("pipe"), name="landmarks")
    files = {file.path: store.folder(store.entry("pipe")) / file.path for file in entry.files}
    store.add(entry, files, store.load("pipe"))
    assert store.entry("landmarks").name == "landmarks"


def test_an_empty_store_says_how_to_make_models(tmp_path):
    with pytest.raises(ModelStoreError, match=r"no models here yet.*benchmarks\.run.*--models"):
        ModelStore(tmp_path).load("ensemble")


@pytest.mark.parametrize("damage", ["cut off", "changed", "missing"])
def test_damaged_files_are_refused_before_they_are_unpickled(store, damage, monkeypatch):
    path = store.root / "pipe" / "model.joblib"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-10] if damage == "cut off" else content[:-1] + b"x")
    monkeypatch.setattr(joblib, "load", lambda _: pytest.fail("unpickled a damaged file"))
    with pytest.raises(ModelStoreError, match=r"model\.joblib"):
        store.load("pipe")
    with pytest.raises(ModelStoreError, match=r"model\.joblib"):
        store.load("both")


def test_pickles_of_other_stores_need_trust(store):
    with pytest.raises(ModelStoreError, match="trusted=True"):
        ModelStore(store.root).load("pipe")
    assert ModelStore(store.root).load("net").classes_.tolist() == [0, 1, 2]


def test_files_in_no_manifest_need_trust(tmp_path, pipeline, faces):
    path = tmp_path / "mine.joblib"
    joblib.dump(pipeline, path)
    with pytest.raises(ModelStoreError, match="trusted=True"):
        model_store.load(str(path))
    loaded = model_store.load(str(path), trusted=True)
    np.testing.assert_array_equal(loaded.predict(faces), pipeline.predict(faces))


@pytest.mark.parametrize("content", [b"", b"\x80\x04cut", pickle.dumps(probe_faces)[:-4]])
def test_a_pickle_that_cant_be_read_is_one_sentence(tmp_path, content):
    path = tmp_path / "mine.joblib"
    path.write_bytes(content)
    with pytest.raises(ModelStoreError, match=r"mine\.joblib: can't be loaded.*train it again"):
        model_store.load(str(path), trusted=True)


def test_a_model_for_another_framing_is_refused(store):
    edit_manifest(store, lambda m: m["models"]["net"].update(framing=str(FRAMING_VERSION)))
    assert store.load("net").classes_.tolist() == [0, 1, 2]
    edit_manifest(store, lambda m: m["models"]["net"].update(framing=str(FRAMING_VERSION + 1)))
    for name in ("net", "both"):
        with pytest.raises(ModelStoreError, match="'net' expects faces in framing"):
            store.load(name)


@pytest.mark.parametrize("opencv", ["opencv-python", "opencv-python-headless", None])
def test_versions_are_recorded_under_any_name_of_opencv(monkeypatch, opencv):
    def version(package):
        if package != opencv:
            raise PackageNotFoundError(package)
        return "4.9"

    monkeypatch.setattr(model_entry, "version", version)
    assert model_entry.library_versions() == ({"opencv-python": "4.9"} if opencv else {})


def test_another_landmark_predictor_is_noticed(store, tmp_path, monkeypatch):
    own = tmp_path / "own.dat"
    own.write_bytes(b"another predictor")
    monkeypatch.setenv("FER_PREDICTOR", str(own))
    assert model_entry.library_versions()["FER_PREDICTOR"] == sha256_of(own)
    assert store.load("net").classes_.tolist() == [0, 1, 2]  # its answers are the same
    edit_manifest(store, lambda m: m["models"]["net"].update(probe=[[1, 0, 0]] * 4))
    with pytest.raises(ModelStoreError, match=r"FER_PREDICTOR not set \(here .*name the landmark"):
        store.load("net")
    # The same predictor and the same libraries: nothing to check.
    edit_manifest(
        store, lambda m: m["models"]["net"].update(versions=model_entry.library_versions())
    )
    assert store.load("net").classes_.tolist() == [0, 1, 2]


def test_a_loader_from_elsewhere_is_refused(store):
    edit_manifest(store, lambda m: m["models"]["net"].update(loader="os:system"))
    with pytest.raises(ModelStoreError, match="'os:system'"):
        store.load("net")


def test_a_file_outside_the_store_is_refused(store):
    edit_manifest(
        store, lambda m: m["models"]["net"]["files"][0].update(path="../pipe/model.joblib")
    )
    with pytest.raises(ModelStoreError, match="outside the store"):
        store.load("net")


def test_a_damaged_manifest_is_one_sentence(store):
    (store.root / MANIFEST).write_text("{")
    with pytest.raises(ModelStoreError, match="manifest is damaged"):
        store.load("net")
    (store.root / MANIFEST).write_text('{"format": 99, "models": {}, "aliases": {}}')
    with pytest.raises(ModelStoreError, match="format 99"):
        store.load("net")


def test_other_versions_that_answer_differently_are_refused(store):
    def older(manifest):
        manifest["models"]["pipe"]["versions"]["scikit-learn"] = "0.1"

    edit_manifest(store, older)
    store.load("pipe")  # another version that answers the same is welcome

    def wrong(manifest):
        manifest["models"]["pipe"]["probe"][0] = [0.9, 0.05, 0.05]

    edit_manifest(store, wrong)
    with pytest.raises(
        ModelStoreError, match=r"scikit-learn 0\.1.*pip install.*scikit-learn==0\.1"
    ):
        store.load("pipe")


def test_what_cant_be_unpickled_names_the_versions(store):
    path = store.root / "pipe" / "model.joblib"
    path.write_bytes(pickle.dumps(probe_faces)[:-4])

    def relist(manifest):
        fields = manifest["models"]["pipe"]
        fields["versions"]["scikit-learn"] = "0.1"
        fields["files"][0].update(sha256=model_store.sha256_of(path), size=path.stat().st_size)

    edit_manifest(store, relist)
    with pytest.raises(ModelStoreError, match=r"can't be loaded.*scikit-learn 0\.1"):
        store.load("pipe")


def test_a_model_that_other_versions_make_fail_names_them(store, monkeypatch):
    def older(manifest):
        manifest["models"]["pipe"]["versions"]["scikit-learn"] = "0.1"

    def predict_proba(self, X):
        raise AttributeError("no attribute 'new_'")

    edit_manifest(store, older)
    monkeypatch.setattr(LogisticRegression, "predict_proba", predict_proba)
    with pytest.raises(ModelStoreError, match=r"can't be loaded.*'new_'.*scikit-learn==0\.1"):
        store.load("pipe")


def test_storing_again_replaces_and_leaves_nothing_behind(store, pipeline, tmp_path, faces):
    changed = LogisticRegression(C=1e-7)
    again = make_pipeline(pipeline[0], changed).fit(faces, np.arange(40) % 3)
    joblib.dump(again, tmp_path / "model.joblib")
    store.add(entry("pipe"), {"model.joblib": tmp_path / "model.joblib"}, again)
    np.testing.assert_array_equal(
        store.load("pipe").predict_proba(faces), again.predict_proba(faces)
    )
    left = {p.name for p in store.root.iterdir()}
    assert left - {".lock"} == {"both", MANIFEST, "net", "pipe"}


def test_many_processes_can_store_at_once(store):
    code = (
        "import sys; from dataclasses import replace; from fer_core.model_store import ModelStore\n"
        "store = ModelStore(sys.argv[1], trusted=True)\n"
        "entry, model = store.entry('net'), store.load('net')\n"
        "files = {f.path: store.folder(entry) / f.path for f in entry.files}\n"
        "for i in range(15): store.add(replace(entry, name=f'{sys.argv[2]}{i}'), files, model)\n"
    )
    command = [sys.executable, "-c", code, str(store.root)]
    running = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    assert set(store.entries()) >= {f"{name}{i}" for name in "ab" for i in range(15)}


@pytest.mark.parametrize("name", ["", MANIFEST, ".hidden", "a/b", "..\\b"])
def test_names_that_are_no_folders_are_refused(store, pipeline, tmp_path, name):
    files = {"model.joblib": tmp_path / "model.joblib"}
    with pytest.raises(ModelStoreError, match="can't be called"):
        store.add(entry(name), files, pipeline)
    store.load("pipe")


def test_an_ensemble_of_other_members_is_refused(store, pipeline, tmp_path, faces):
    again = make_pipeline(pipeline[0], LogisticRegression(C=1e-7)).fit(faces, np.arange(40) % 3)
    joblib.dump(again, tmp_path / "model.joblib")
    store.add(entry("pipe"), {"model.joblib": tmp_path / "model.joblib"}, again)
    with pytest.raises(ModelStoreError, match=r"member 'pipe' is another.*make the ensemble again"):
        store.load("both")


def test_what_says_what_to_do_is_not_said_otherwise(store, monkeypatch):
    def missing(*_):
        raise MissingExtraError("install it with pip install onnxruntime")

    monkeypatch.setattr(model_loaders, "OnnxClassifier", missing)
    with pytest.raises(MissingExtraError, match=r"^install it with pip install onnxruntime$"):
        store.load("net")


def test_an_interrupted_listing_keeps_the_old_model(store, tmp_path, pipeline, faces, monkeypatch):
    before = store.load("pipe").predict_proba(faces)
    monkeypatch.setattr(model_store, "write_manifest", Mock(side_effect=KeyboardInterrupt))
    (tmp_path / "model.joblib").write_bytes(b"other")
    for name in ("pipe", "new"):
        with pytest.raises(KeyboardInterrupt):
            store.add(entry(name), {"model.joblib": tmp_path / "model.joblib"}, pipeline)
    np.testing.assert_array_equal(store.load("pipe").predict_proba(faces), before)
    assert not (store.root / "new").exists()


def test_an_interrupted_add_keeps_the_old_model(store, tmp_path, pipeline, faces):
    before = store.load("pipe").predict_proba(faces)

    class Broken:
        def predict_proba(self, faces):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(entry("pipe"), {"model.joblib": tmp_path / "model.joblib"}, Broken())
    np.testing.assert_array_equal(store.load("pipe").predict_proba(faces), before)


def test_the_card_tells_figures_and_hashes(store):
    stored = store.entry("net")
    card = (store.root / "net" / "README.md").read_text()
    assert stored.files[0].sha256 in card
    assert "An expression is not a feeling" in card
    assert replace(stored, files=()).size == 0 < stored.size
