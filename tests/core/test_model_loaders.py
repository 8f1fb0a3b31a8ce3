"""What a manifest names is loaded, and nothing else."""

import json

import joblib
import numpy as np
import pytest

from fer_core.errors import ModelStoreError
from fer_core.model_entry import MANIFEST, PIPELINE_LOADER, ModelEntry
from fer_core.model_store import ModelStore


class Uniform:
    """A model that anybody can pickle."""

    classes_ = np.arange(7)

    def predict_proba(self, faces):
        return np.full((len(faces), 7), 1 / 7, np.float32)


@pytest.fixture
def store(tmp_path):
    joblib.dump(Uniform(), tmp_path / "model.joblib")
    entry = ModelEntry(
        "mine", "landmarks", PIPELINE_LOADER, "fer7", tuple("abcdefg"), tuple(range(7))
    )
    files = {"model.joblib": tmp_path / "model.joblib"}
    ModelStore(tmp_path / "store").add(entry, files, Uniform())
    return ModelStore(tmp_path / "store", trusted=True)


def change_files(store, change):
    path = store.root / MANIFEST
    stored = json.loads(path.read_text())
    change(stored["models"]["mine"]["files"])
    path.write_text(json.dumps(stored))


def test_a_pickle_that_is_not_listed_is_not_loaded(store, monkeypatch):
    assert store.load("mine").predict_proba(np.zeros((1, 48, 48), np.uint8)).shape == (1, 7)
    monkeypatch.setattr(joblib, "load", lambda path: pytest.fail("unpickled what is not listed"))
    change_files(store, lambda files: files.clear())
    with pytest.raises(ModelStoreError, match="the manifest lists no such file"):
        ModelStore(store.root, trusted=True).load("mine")


def test_a_name_that_is_no_text_is_a_damaged_manifest(store):
    change_files(store, lambda files: files[0].update(path=5))
    with pytest.raises(ModelStoreError, match="damaged"):
        ModelStore(store.root, trusted=True).load("mine")
