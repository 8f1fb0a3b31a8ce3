import json

import numpy as np
import pytest

from benchmarks import robustness
from benchmarks.corruptions import CORRUPTIONS
from benchmarks.robustness import Pictures, _drop, main, measure_robustness, prepare
from benchmarks.stored import StoredModels
from fer_core.errors import DataError, ModelStoreError, ProtocolError
from fer_core.labels import SCHEMES, own_scheme
from fer_core.model_store import ModelStore
from fer_core.splits import make_split


class Bright:
    """Sees whether the picture is bright, and nothing else."""

    classes_ = np.array([0, 1])

    def predict_proba(self, faces):
        bright = (faces.mean(axis=(1, 2)) > 60).astype(np.float32)
        return np.stack([1 - bright, bright], axis=1)


class Two:
    """Stands for a store with one model."""

    def __init__(self):
        self.entries = {"bright": None}
        self.model = Bright()

    def family(self, name):
        return "cnn"

    def load(self, name):
        return self.model

    def predict(self, faces):
        return {"bright": self.model.predict_proba(faces)}


@pytest.fixture
def pictures():
    faces = np.full((10, 48, 48), 100, dtype=np.uint8)
    y = np.array([1] * 8 + [0] * 2)  # two wrong labels: 0.8 on clean pictures
    landmarks = np.full((10, 68, 2), 20, dtype=np.float32)
    return Pictures(faces, y, landmarks, np.arange(10))


def test_drop_is_what_is_lost(pictures):
    chosen = [CORRUPTIONS["low-light"], CORRUPTIONS["contrast"]]
    measured = measure_robustness(Two(), pictures, chosen, lambda text: None)["bright"]
    assert measured["clean"] == 0.8
    # Gray 100 stays above 60 at no strength but the first, at about 60 and so by chance.
    assert measured["accuracy"]["low-light"][1:] == [0.2] * 4
    assert measured["accuracy"]["contrast"] == [0.8] * 5
    mean = measured["drop"]["low-light"]["mean"]
    assert mean == pytest.approx(0.8 - np.mean(measured["accuracy"]["low-light"]))
    low, high = measured["drop"]["low-light"]["interval"]
    assert low < mean < high
    unseen = 1 - 0.025 ** (1 / 10)  # nothing is lost on ten pictures
    assert measured["drop"]["contrast"]["mean"] == 0
    assert measured["drop"]["contrast"]["interval"] == pytest.approx([-unseen, unseen], abs=1e-6)
    assert measured["overall"]["mean"] == pytest.approx(mean / 2)


def test_only_validation_pictures_unless_told(made_dataset):
    models, dataset = StoredModels(ModelStore(), ["hog-svm"]), made_dataset()
    split = make_split(dataset)
    chosen = prepare(models, dataset, "validation", 0, seed=0)
    assert np.array_equal(chosen.faces, split.validation.faces)
    assert np.array_equal(prepare(models, dataset, "test", 0, seed=0).faces, split.test.faces)
    few = prepare(models, dataset, "test", 14, seed=0)
    assert np.bincount(few.y).tolist() == [2] * 7
    assert np.array_equal(few.faces, prepare(models, dataset, "test", 14, seed=0).faces)


@pytest.fixture
def line(monkeypatch, made_dataset, measured_job, tmp_path):
    """The command line on made faces and the models that were fitted on them."""
    monkeypatch.setattr(robustness, "load_dataset", lambda args: made_dataset())
    store = str(measured_job.folder.models)
    out = tmp_path / "out"

    def run(*argv):
        return main(["--store", store, "--out", str(out), *argv])

    return run, out


def test_command_writes_all(line, capsys):
    run, out = line
    assert run("--corruptions", "noise,shift", "--pictures", "0", "--part", "test") == 0
    content = json.loads((out / "robustness.json").read_text())
    assert set(content["models"]) == {"left", "right", "ensemble"}
    assert (content["part"], content["n"]) == ("test", 70)
    assert content["models"]["left"]["drop"]["noise"]["mean"] > 0.05
    assert "| shifted crops |" in capsys.readouterr().out
    for name in ("robustness.md", "robustness.png", "examples.png"):
        assert (out / name).stat().st_size > 500
    before = (out / "robustness.json").read_bytes()
    assert run("--corruptions", "noise,shift", "--pictures", "0", "--part", "test") == 0
    assert (out / "robustness.json").read_bytes() == before


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--corruptions", "blurr"], "Did you mean 'blur'?"),
        (["--pictures", "-1"], "--pictures must be 0 or more"),
        (["--models", "rigth"], "Did you mean 'right'?"),
    ],
)
def test_wrong_options_are_one_sentence(line, capsys, argv, words):
    run, out = line
    assert run(*argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_ensemble_predicts_from_members_once(measured_job, made_dataset, monkeypatch):
    models = StoredModels(measured_job.store())
    faces = made_dataset().faces[:20]
    ensemble = measured_job.store().load("ensemble")
    calls = []
    for name in ("left", "right"):
        model = models.load(name)
        monkeypatch.setattr(
            type(model), "predict_proba", _counted(calls, type(model).predict_proba)
        )
        break  # both are of one class
    np.testing.assert_allclose(
        models.predict(faces)["ensemble"], ensemble.predict_proba(faces), atol=1e-6
    )
    members = len(ensemble.models)
    assert len(calls) == 2 + members  # two here, and the ensemble loaded beside them


def _counted(calls, predict):
    def counted(self, faces):
        calls.append(len(faces))
        return predict(self, faces)

    return counted


def test_models_of_other_classes_are_refused(measured_job):
    models = StoredModels(measured_job.store())
    models.require_scheme(SCHEMES["fer7"])
    with pytest.raises(DataError, match=r"knows the classes angry.*awake, asleep"):
        models.require_scheme(own_scheme(["awake", "asleep"]))


def test_pictures_that_a_model_may_know_are_refused(measured_job, made_dataset):
    models, dataset = StoredModels(measured_job.store()), made_dataset()
    split = measured_job.split
    assert np.array_equal(
        models.held_part(dataset, "validation", 0)[0].names, split.validation.names
    )
    with pytest.raises(ProtocolError, match=r"validation pictures are drawn.*the seed .* \(0\)"):
        models.held_part(dataset, "validation", 1)
    # Nobody fits on a test part that the data give.
    assert np.array_equal(models.held_part(dataset, "test", 1)[0].names, split.test.names)
    undivided = made_dataset(parts=("training",))
    with pytest.raises(ProtocolError, match="the test pictures are drawn"):
        models.held_part(undivided, "test", 0)


def test_empty_store_says_so(tmp_path):
    with pytest.raises(ModelStoreError, match="there are no models here yet"):
        StoredModels(ModelStore(tmp_path))


def test_pictures_of_one_person_widen_the_interval():
    clean = np.ones(28, bool)
    spoilt = np.repeat([[False, True, False, True]], 7, axis=1)
    alone, persons = (
        _drop(clean, spoilt, groups) for groups in (np.arange(28), np.repeat(np.arange(4), 7))
    )
    assert alone["mean"] == persons["mean"] == 0.5
    widths = [found["interval"][1] - found["interval"][0] for found in (alone, persons)]
    assert widths[1] > 1.5 * widths[0]
