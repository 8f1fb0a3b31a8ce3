import json
from dataclasses import replace

import joblib
import numpy as np
import pytest

from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError
from fer_core.model_entry import LICENCE
from fer_core.model_store import ModelStore
from fer_core.soft_labels import write_soft_labels
from fer_core.splits import make_split
from fer_landmarks import list_pipelines, make_pipeline, train
from fer_landmarks.train import main, train_and_store


@pytest.mark.slow
def test_command_stores_a_model_that_labels_faces(tmp_path, monkeypatch, capsys, faces):
    out = tmp_path / "models"
    assert main(["hog-kernel", "--out", str(out), "--jobs", "2"]) == 0
    assert "hog-kernel" in capsys.readouterr().out
    entry = ModelStore(out).entry("hog-kernel")
    assert entry.family == "landmarks"
    assert entry.licence == LICENCE  # no landmarks, so none of iBUG's terms
    assert json.loads((out / "manifest.json").read_text())
    # Seven expressions, a seventh each by chance.
    assert entry.metrics["validation"]["accuracy"] > 0.3
    model = ModelStore(out, trusted=True).load("hog-kernel")
    assert model.predict_proba(faces).shape == (60, 7)
    pipeline = joblib.load(out / "hog-kernel" / "model.joblib")
    assert pipeline.named_steps["descriptor"].cache is False


@pytest.mark.slow
def test_pipelines_that_can_learn_from_votes(tmp_path, monkeypatch):
    split = make_split(load_demo())
    votes = np.zeros((len(split.fitting), 10), dtype=np.float32)
    votes[np.arange(len(votes)), split.fitting.y] = 10
    split = replace(split, fitting=replace(split.fitting, votes=votes))
    taught = train_and_store("hog-kernel", split, tmp_path)
    assert taught.trained_on["soft labels"] == "annotators' votes, weight 0.3"
    assert "soft labels" not in train_and_store("hog-svm", split, tmp_path).trained_on
    for name, options in (("hog-svm", {}), ("hog-kernel", {"mirror": True})):
        with pytest.raises(DataError, match=f"'{name}' can't learn from soft labels"):
            train_and_store(name, split, tmp_path, soft_labels="votes", **options)


@pytest.mark.slow
def test_models_of_other_pictures_are_not_replaced(tmp_path, monkeypatch, capsys):
    command = ["hog-svm", "--out", str(tmp_path / "models")]
    assert main(command) == 0
    assert main(command) == 0  # the same pictures
    before = ModelStore(tmp_path / "models").entry("hog-svm")
    assert main([*command, "--scheme", "valence3"]) == 2
    assert "other pictures or labels (demo, fer7)" in capsys.readouterr().err
    assert ModelStore(tmp_path / "models").entry("hog-svm") == before
    assert main([*command, "--scheme", "valence3", "--replace"]) == 0
    assert ModelStore(tmp_path / "models").entry("hog-svm").scheme == "valence3"


def test_what_can_not_be_fitted_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"'hog-svm' can't be fitted on these .* \(.*'C'"):
        train_and_store("hog-svm", make_split(load_demo()), tmp_path, classifier__estimator__C=-1)


def test_settings_that_a_pipeline_does_not_take(tmp_path, capsys):
    settings = {"hog-svm": {"params": {"classifier__gamma": 1}, "source": {}}}
    (tmp_path / "s.json").write_text(json.dumps(settings))
    assert main(["hog-svm", "--settings", str(tmp_path / "s.json"), "--out", str(tmp_path)]) == 2
    assert "s.json: 'hog-svm' takes no such setting" in capsys.readouterr().err


def test_soft_labels_for_a_pipeline_without_use_for_them(tmp_path, capsys):
    assert main(["hog-svm", "--soft-labels", "none.npz", "--out", str(tmp_path)]) == 2
    assert "pipeline 'hog-svm' can't learn from soft labels" in capsys.readouterr().err


def test_wrong_name_is_found_before_any_work(tmp_path, capsys):
    assert main(["hog-kernal", "--out", str(tmp_path)]) == 2
    assert "Did you mean 'hog-kernel'?" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_seed_divides_and_fits(tmp_path, monkeypatch):
    seen = {}

    def divided(dataset, seed):
        seen["split"] = seed
        return make_split(dataset)

    monkeypatch.setattr("fer_core.datasets.options.make_split", divided)
    monkeypatch.setattr(
        train, "train_and_store", lambda *args, seed, **rest: seen.update(fit=seed) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        main(["hog-svm", "--seed", "3", "--class-weight", "balanced", "--out", str(tmp_path)])
    assert seen == {"split": 3, "fit": 3}


def test_what_is_stored_was_fitted_and_measured_as_it_says(tmp_path, monkeypatch):
    split = make_split(load_demo())
    asked = {}
    made = train.make_pipeline

    def make(name, **options):
        asked.update(options)
        return made(name, **options)

    monkeypatch.setattr(train, "make_pipeline", make)
    options = {"classifier__n_centers": 60, "class_weight": "balanced"}
    entry = train_and_store("hog-kernel", split, tmp_path, seed=3, **options)
    assert (asked["random_state"], asked["class_weight"]) == (3, "balanced")
    model = ModelStore(tmp_path, trusted=True).load("hog-kernel")
    proba = model.predict_proba(split.validation.faces)
    accuracy = (proba.argmax(axis=1) == split.validation.y).mean()
    fitted = (model.predict(split.fitting.faces) == split.fitting.y).mean()
    assert entry.metrics["validation"]["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert fitted > accuracy + 0.02


def test_soft_labels_reach_the_fit(tmp_path, monkeypatch):
    split = make_split(load_demo())
    labels = split.fitting.scheme.labels
    soft = np.eye(7, dtype=np.float32)[(split.fitting.y + 1) % 7]
    write_soft_labels(tmp_path / "soft.npz", split.fitting.faces, soft, labels, "the next one")
    # Nothing but these count, and each says another label than the given one.
    options = {"classifier__n_centers": 60, "classifier__soft_weight": 1.0}
    train_and_store("hog-kernel", split, tmp_path, soft_labels=tmp_path / "soft.npz", **options)
    model = ModelStore(tmp_path, trusted=True).load("hog-kernel")
    answers = model.predict(split.fitting.faces)
    assert (answers == (split.fitting.y + 1) % 7).mean() > 0.4
    assert (answers == split.fitting.y).mean() < 0.2


def test_pictures_too_few_for_neighbours_are_one_sentence(tmp_path):
    split = make_split(load_demo())
    few = replace(split, fitting=split.fitting.subset(np.arange(3)))
    with pytest.raises(DataError, match="'fusion-knn' can't be fitted on these 3 faces"):
        train_and_store("fusion-knn", few, tmp_path)


@pytest.mark.parametrize("name", list_pipelines())
def test_the_seed_reaches_everything_that_draws(name):
    params = make_pipeline(name, random_state=3).get_params()
    drawn = {key: value for key, value in params.items() if key.endswith("random_state")}
    assert set(drawn.values()) <= {3}
    assert drawn or name.endswith(("-knn", "-lda", "-kernel"))
