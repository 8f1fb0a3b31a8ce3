import cv2
import numpy as np
import pytest

from fer_core.errors import DataError
from fer_core.model_store import ModelStore
from fer_landmarks.settings import load_settings
from fer_landmarks.train import main as train
from fer_landmarks.tune import main


@pytest.fixture
def folder(tmp_path, faces):
    """Pictures of anyone: faces that stand, and faces that hang."""
    for name, turned in (("hanging", faces[:, ::-1]), ("standing", faces)):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i, face in enumerate(turned):
            assert cv2.imwrite(str(tmp_path / "mine" / name / f"{i}.png"), face)
    return tmp_path / "mine"


def test_found_settings_are_what_training_uses(folder, tmp_path, capsys):
    data = ["--dataset", "folder", "--data", str(folder)]
    out = tmp_path / "tune"
    assert main(["hog-svm", *data, "--trials", "3", "--faces", "60", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "fitted on: 60 of them" in shown
    assert "3/3" in shown
    found = load_settings(out / "settings.json")["hog-svm"]
    assert found.source["fitted_faces"] == 60
    models = tmp_path / "models"
    again = ["hog-svm", *data, "--settings", str(out / "settings.json"), "--out", str(models)]
    assert train(again) == 0
    model = ModelStore(models, trusted=True).load("hog-svm")
    faces = np.zeros((1, 48, 48), np.uint8)
    assert model.predict_proba(faces).shape == (1, 2)


def test_the_same_pictures_choose_as_in_training(uneven, tmp_path, monkeypatch):
    seen = []

    def watched(split):
        seen.append([set(part.names.tolist()) for part in (split.fitting, split.validation)])
        raise DataError("seen enough")

    monkeypatch.setattr("fer_core.datasets.options.load_dataset", lambda args: uneven)
    for module in ("tune", "train"):
        monkeypatch.setattr(
            f"fer_landmarks.{module}.describe", lambda dataset, split: watched(split)
        )
    for command in (main, train):
        assert command(["hog-svm", "--scheme", "basic4", "--out", str(tmp_path)]) == 2
    assert seen[0] == seen[1]


def test_pipelines_without_found_settings_are_refused(folder, tmp_path, capsys):
    (tmp_path / "settings.json").write_text('{"hog-kernel": {"params": {}}}')
    data = ["--dataset", "folder", "--data", str(folder), "--out", str(tmp_path / "models")]
    assert train(["hog-svm", *data, "--settings", str(tmp_path / "settings.json")]) == 2
    assert "known: hog-kernel" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "words"),
    [(["--votes", "v.csv"], "labels alone"), (["--faces", "-3"], "--faces must be at least 1")],
)
def test_options_that_say_nothing_are_refused(option, words, tmp_path, capsys):
    assert main(["hog-svm", *option, "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err


def test_wrong_name_is_found_before_any_work(tmp_path, capsys):
    assert main(["hog-svn", "--out", str(tmp_path / "out")]) == 2
    assert "Did you mean 'hog-svm'?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
