"""``fer-live image`` and the recogniser with a store of one's own, nothing replaced."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from fer_core.certainty import Threshold
from fer_core.errors import ModelStoreError
from fer_core.labels import LABELS, SCHEMES
from fer_core.model_entry import PIPELINE_LOADER, ModelEntry
from fer_core.model_store import ModelStore
from fer_core.pipeline_files import JOBLIB_FILE
from fer_landmarks.serving import save_pipeline
from fer_live import EmotionRecognizer
from fer_live.__main__ import main
from fer_live.face import DEFAULT_THRESHOLD


@pytest.fixture
def own(tmp_path):
    """Return a store with a model that always says the same, and one that is only a pickle."""
    faces = np.zeros((14, 48, 48), np.uint8)
    model = DummyClassifier(strategy="prior").fit(faces, [3] * 8 + list(range(6)))
    store = ModelStore(tmp_path / "own")
    files = save_pipeline(model, tmp_path)
    for name, stored in (("mine", files), ("pickle", {JOBLIB_FILE: files[JOBLIB_FILE]})):
        entry = ModelEntry(name, "landmarks", PIPELINE_LOADER, "fer7", LABELS, tuple(range(6)))
        store.add(entry, stored, model)
    return store


def test_the_command_uses_a_model_of_ones_own(tmp_path, own):
    out = tmp_path / "out"
    assert main(["image", "--models", str(own.root), "--model", "mine", "--out", str(out)]) == 0
    report = json.loads((out / "faces.json").read_text())
    ((face,),) = (photo["faces"] for photo in report["photos"])
    assert (face["label"], face["confidence"]) == ("happy", round(9 / 14, 4))


def test_what_is_sure_comes_from_the_models_entry(own, tmp_path):
    files = {"model.skops": own.root / "mine" / "model.skops"}
    sure = {"fer7": Threshold(0.7, 0.9, 0.4), "valence3": Threshold(0.6, 0.9, 0.8)}
    entry = replace(own.entry("mine"), thresholds={name: asdict(t) for name, t in sure.items()})
    store = ModelStore(tmp_path / "chosen")
    store.add(entry, files, own.load("mine"))
    picture = np.zeros((48, 48), np.uint8)  # happy, and positive, with 9 / 14
    recognizer = EmotionRecognizer.load("mine", store=store)
    assert not recognizer.analyze_crop(picture).sure
    valence = recognizer.using(scheme=SCHEMES["valence3"])
    assert valence.threshold == 0.6
    assert valence.analyze_crop(picture).sure
    assert recognizer.using(scheme=SCHEMES["basic4"]).threshold == DEFAULT_THRESHOLD
    assert EmotionRecognizer.load("mine", store=own).threshold == DEFAULT_THRESHOLD
    stated = EmotionRecognizer.load("mine", store=store, threshold=0.2)
    assert stated.using(scheme=SCHEMES["valence3"]).threshold == 0.2


def test_a_folder_without_models_is_one_sentence(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for name, words in (("none", "no such folder of models"), ("empty", "no models here yet")):
        folder = tmp_path / name
        assert main(["image", "--models", str(folder), "--out", str(tmp_path)]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"fer-live: {folder}: there ")
        assert words in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("detector", ["cnn", "yunet"])
def test_a_detector_file_reaches_its_detector(tmp_path, own, capsys, detector):
    file = tmp_path / "detector"
    file.write_bytes(b"none")
    options = ["--models", str(own.root), "--model", "mine", "--detector", detector]
    out = ["--out", str(tmp_path / "out")]
    assert main(["image", *options, "--detector-file", str(file), *out]) == 2
    assert f"{file}: " in capsys.readouterr().err


def test_only_a_trusted_store_loads_pickles(own):
    with pytest.raises(ModelStoreError, match="this is a pickle"):
        EmotionRecognizer.load("pickle", store=own.root)
    trusted = ModelStore(own.root, trusted=True)
    assert EmotionRecognizer.load("pickle", store=trusted).model.classes_.tolist() == [*range(6)]
