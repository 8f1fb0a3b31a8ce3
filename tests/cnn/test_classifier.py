import importlib.util
import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from benchmarks.candidates import Network
from fer_cnn import CNNClassifier
from fer_cnn.checkpoint import CHECKPOINT
from fer_cnn.classifier import TrainingStopped
from fer_cnn.export import PARITY, export_onnx
from fer_cnn.export import main as export
from fer_cnn.recipes import get_recipe
from fer_cnn.train import main, train_and_store
from fer_cnn.training import train
from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError, FerError, MissingExtraError
from fer_core.model_store import ModelStore
from fer_core.splits import make_split


@pytest.fixture(scope="module")
def codes(striped):
    """Labels with a gap, as when a class has no pictures."""
    return np.array([0, 2, 5])[striped[1]]


@pytest.fixture(scope="module")
def fitted(striped, quick_recipe, codes):
    return CNNClassifier(quick_recipe, seed=1).fit(striped[0], codes)


def test_served_probabilities_are_keras_s(fitted, striped, tmp_path):
    import keras

    paths = fitted.save(tmp_path)
    model = keras.saving.load_model(paths["model.keras"])
    expected = np.asarray(model(striped[0]))
    assert np.abs(fitted.predict_proba(striped[0]) - expected).max() < PARITY


def test_columns_and_labels_are_codes(fitted, striped, codes):
    assert fitted.classes_.tolist() == [0, 2, 5]
    assert set(fitted.predict(striped[0])) <= {0, 2, 5}
    assert 0 <= fitted.score(striped[0], codes) <= 1


def test_a_blended_network_was_never_fitted_as_it_is(striped, quick_recipe, monkeypatch):
    def blended(recipe, *args, **options):
        return replace(train(recipe, *args, **options), blended={"val_loss": 0.4})

    monkeypatch.setattr("fer_cnn.classifier.train", blended)
    faces, y = striped
    recipe = replace(quick_recipe, epochs=1)
    network = CNNClassifier(recipe).fit(faces, y, validation=(faces, y))
    told = network.summary()
    assert told["validation log loss"] == 0.4 != network.history_[0].val_loss
    assert told["validation accuracy"] == network.history_[0].val_accuracy
    assert not {"delta", "fitting accuracy (augmented)"} & set(told)


def test_scikit_learn_conventions(fitted, striped):
    copy = clone(fitted)
    assert copy.get_params()["seed"] == 1
    with pytest.raises(NotFittedError):
        copy.predict_proba(striped[0])
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(striped[0]), fitted.predict_proba(striped[0]))
    assert fitted.predict_proba(striped[0][:0]).shape == (0, 3)
    with pytest.raises(DataError, match="Got float64"):
        copy.fit(np.zeros((4, 48, 48)), [0, 1, 0, 1])


def test_labels_may_be_words(striped, quick_recipe, fitted):
    faces, y = striped
    named = CNNClassifier(quick_recipe, seed=1).fit(faces, np.array(["c", "a", "b"])[y])
    assert named.classes_.tolist() == ["a", "b", "c"]
    assert set(named.predict(faces)) <= {"a", "b", "c"}
    assert named.score(faces, np.array(["c", "a", "b"])[y]) >= 0


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0, 1, np.nan, 1], "NaN"),
        ([0.2, 0.7, 0.1, 0.4], "whole numbers or words"),
        (np.eye(4), r"Got shape \(4, 4\)"),
        ([0, 1, 0], r"each of 4 faces. Got shape \(3,\)"),
        ([1, 1, 1, 1], "two classes"),
        (np.array([0, "a", 0, "a"], dtype=object), "whole numbers or words"),
    ],
)
def test_labels_that_are_none_are_refused_at_once(y, words, striped, quick_recipe, monkeypatch):
    monkeypatch.setattr("fer_cnn.classifier.train", None)
    with pytest.raises(DataError, match=words):
        CNNClassifier(quick_recipe).fit(striped[0][:4], y)


@pytest.mark.parametrize(
    ("validation", "words"),
    [
        ((np.zeros((2, 48, 48)), [0, 1]), "Got float64"),
        ((np.zeros((2, 48, 48), np.uint8), [0]), "each of 2 faces"),
        ((np.zeros((2, 48, 48), np.uint8), [7, 8]), "one to train on"),
        (np.zeros((2, 48, 48), np.uint8), "must be a pair"),
    ],
)
def test_what_validates_is_checked_too(validation, words, striped, quick_recipe, monkeypatch):
    monkeypatch.setattr("fer_cnn.classifier.train", None)
    with pytest.raises(DataError, match=words):
        CNNClassifier(quick_recipe).fit(striped[0][:4], [0, 1, 0, 1], validation)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seed": None}, "seed must be a whole number. Got None"),
        ({"recipe": None}, "recipe must be a name or a Recipe. Got None"),
        ({"recipe": "robust"}, "averages its weights with those of 'cnn-strong'"),
    ],
)
def test_parameters_are_checked_before_training(wrong, words, striped, monkeypatch):
    monkeypatch.setattr("fer_cnn.classifier.train", None)
    with pytest.raises(DataError, match=words):
        CNNClassifier(**{"recipe": "tiny", **wrong}).fit(striped[0][:4], list("abab"))


def test_training_leaves_the_random_numbers_of_others_alone(striped, quick_recipe):
    states = []
    for quick in (quick_recipe, None):
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002
        if quick:
            train(replace(quick, epochs=1), *striped, 3)
        states.append((random.random(), np.random.rand()))  # noqa: NPY002
    assert states[0] == states[1]


def test_what_the_export_needs_is_asked_for_before_training(striped, quick_recipe, monkeypatch):
    monkeypatch.setattr("fer_cnn.classifier.train", None)
    found = importlib.util.find_spec
    for module in ("tensorflow", "tf2onnx"):
        missing = module
        monkeypatch.setattr(
            "importlib.util.find_spec",
            lambda name, missing=missing: None if name == missing else found(name),
        )
        with pytest.raises(MissingExtraError, match=f"(?i)export to ONNX needs {module}"):
            CNNClassifier(quick_recipe).fit(*striped)


def test_out_of_time_says_how_to_go_on(striped, quick_recipe, tmp_path):
    short = CNNClassifier(quick_recipe, out=tmp_path, max_minutes=1e-9)
    with pytest.raises(TrainingStopped, match="stopped after 0 of 3 epochs"):
        short.fit(*striped)


def test_without_tensorflow_the_training_is_kept(striped, quick_recipe, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "tensorflow" else found(name)
    )
    quick = replace(quick_recipe, epochs=1)
    with pytest.raises(FerError, match=r"needs TensorFlow.*kept in .*training: resume it"):
        CNNClassifier(quick, out=tmp_path / "training").fit(*striped)
    assert (tmp_path / "training" / CHECKPOINT).exists()


def test_a_file_that_is_no_network_cant_be_exported(tmp_path, capsys):
    (tmp_path / "no.keras").write_bytes(b"nothing")
    with pytest.raises(FerError, match=r"no\.keras: could not be exported"):
        export_onnx(tmp_path / "no.keras", tmp_path / "no.onnx")
    assert not (tmp_path / "no.onnx").exists()
    for name, words in (("no.keras", "can't load this network"), ("none.keras", "no such network")):
        assert export([str(tmp_path / name), str(tmp_path / "no.onnx")]) == 2
        assert words in capsys.readouterr().err


def test_command_line_trains_stores_and_resumes(tmp_path, capsys):
    arguments = ["tiny", "--epochs", "1", "--out", str(tmp_path)]
    assert main([*arguments, "--max-minutes", "1e-9"]) == 0
    assert "stopped after 0 of 1 epochs" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "stored 'tiny'" in capsys.readouterr().out
    stored = ModelStore(tmp_path).entry("tiny")
    assert stored.trained_on["dataset"] == "demo"
    assert stored.scheme == "fer7"
    assert ModelStore(tmp_path).load("tiny").classes_.tolist() == list(range(7))
    assert main(arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    assert "beginning anew" not in capsys.readouterr().out
    assert main(["tiny", "--max-minutes", "1e-9", "--resume", "--out", str(tmp_path / "x")]) == 0
    assert "there is no training to go on with; beginning anew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tinny"], "Did you mean 'tiny'"),
        (["tiny", "--epochs", "0"], "at least 1"),
        (["tiny", "--dataset", "fer2013", "--data", "nowhere"], "nowhere"),
        (["tiny", "--soft-labels", "no.npz", "--data", "nowhere"], "no such file of soft labels"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, words, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_recipe_s_views_are_in_the_served_network(striped, quick_recipe):
    faces, y = striped
    model = CNNClassifier(replace(quick_recipe, views="mirror", epochs=1)).fit(faces, y)
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    np.testing.assert_allclose(model.predict_proba(faces), model.predict_proba(mirrored), atol=1e-5)
    assert not np.array_equal(faces, mirrored)


def test_the_validation_part_validates(tmp_path, monkeypatch):
    split = make_split(load_demo())
    seen = []

    class Told(Exception):
        pass

    def fit(self, faces, y, validation, soft_labels):
        seen.append((self.seed, faces is split.fitting.faces, validation))
        raise Told

    monkeypatch.setattr(CNNClassifier, "fit", fit)
    recipe = get_recipe("tiny")
    with pytest.raises(Told):
        train_and_store(recipe, split, tmp_path, seed=3)
    with pytest.raises(Told):
        Network("cnn", "tiny", 3, "").fit(split.fitting, split.validation, tmp_path)
    for seed, fitted, (faces, y) in seen:
        assert (seed, fitted) == (3, True)
        assert faces is split.validation.faces
        assert y is split.validation.y
    assert len(seen) == 2
