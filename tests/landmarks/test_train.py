import json

import joblib
import pytest

from fer_core.model_store import ModelStore
from fer_landmarks.train import main


@pytest.mark.slow
def test_command_stores_a_model_that_labels_faces(tmp_path, monkeypatch, capsys, faces):
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "models"
    assert main(["hog-kernel", "--out", str(out), "--jobs", "2"]) == 0
    assert "hog-kernel" in capsys.readouterr().out
    entry = ModelStore(out).entry("hog-kernel")
    assert entry.family == "landmarks"
    assert "exclude commercial use" in entry.licence
    assert json.loads((out / "manifest.json").read_text())
    # Seven expressions, a seventh each by chance.
    assert entry.metrics["validation accuracy"] > 0.3
    model = ModelStore(out, trusted=True).load("hog-kernel")
    assert model.predict_proba(faces).shape == (60, 7)
    pipeline = joblib.load(out / "hog-kernel" / "model.joblib")
    assert pipeline.named_steps["descriptor"].cache is False


def test_wrong_name_is_found_before_any_work(tmp_path, capsys):
    assert main(["hog-kernal", "--out", str(tmp_path)]) == 2
    assert "Did you mean 'hog-kernel'?" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
