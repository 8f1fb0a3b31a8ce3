"""The guide's page on fine-tuning, with few and made-up pictures."""

import json

import cv2
import numpy as np
import pytest

from fer_cnn.architectures import build
from fer_cnn.history import read_history
from fer_cnn.train import main, make_parser, recipe_from
from fer_core.errors import FerError
from fer_core.model_store import ModelStore


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, striped):
    """Two classes with names of their own, thirty pictures each."""
    root = tmp_path_factory.mktemp("my-pictures")
    faces, y = striped
    both = np.concatenate([faces, faces[:, ::-1]])
    for code, name in enumerate(("bored", "laughing")):
        (root / name).mkdir()
        for i, face in enumerate(both[np.tile(y, 2) == code][:30]):
            assert cv2.imwrite(str(root / name / f"person{i % 15}_{i}.png"), face)
    return root


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "model.keras"
    build("tiny", 7).save(path)
    return path


def test_a_folder_with_any_classes_becomes_a_model(pictures, network, tmp_path, capsys):
    common = ["--dataset", "folder", "--data", str(pictures), "--groups", "prefix"]
    options = ["--init", str(network), "--epochs", "3", "--head-epochs", "1"]
    assert main([*options, *common, "--out", str(tmp_path)]) == 0
    assert "stored 'fine-tune'" in capsys.readouterr().out
    store = ModelStore(tmp_path)
    entry = store.entry("fine-tune")
    assert entry.labels == ("bored", "laughing")
    assert entry.trained_on["weights"] == f"network {network}"
    assert entry.metrics["training"]["seconds an epoch"] > 0
    faces = np.zeros((2, 48, 48), dtype=np.uint8)
    assert store.load("fine-tune").predict_proba(faces).shape == (2, 2)
    history = read_history(tmp_path / "training" / "fine-tune" / "history.csv")
    assert len(history) == 3
    # What was tuned can be gone on from again.
    assert (tmp_path / "fine-tune" / "model.keras").exists()


def recipe(*argv):
    return recipe_from(make_parser().parse_args(argv))


def test_a_network_to_go_on_from_gets_a_new_head_first():
    assert recipe("--init", "cnn").name == "fine-tune"
    assert recipe("--init", "cnn").head_epochs == 10
    compact = recipe("compact", "--init", "cnn")
    assert compact.head_epochs == compact.epochs // 3
    changed = recipe("tiny", "--init", "cnn", "--head-epochs", "2")
    assert (changed.head_epochs, changed.init) == (2, "cnn")
    for epochs in (2, 10):  # the head's ten would leave none to the body
        assert 0 < recipe("--init", "cnn", "--epochs", str(epochs)).head_epochs < epochs
    assert recipe("--init", "cnn", "--epochs", "1").head_epochs == 0
    assert recipe("tiny", "--network-seed", "3").network_seed == 3


def test_the_command_line_says_what_to_go_on_from(tmp_path):
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"recipe": "compact", "settings": {"init": "cnn-robust"}}))
    argv = ["compact", "--settings", str(settings)]
    assert recipe(*argv).init == "cnn-robust"
    assert recipe(*argv, "--init", "cnn").init == "cnn"
    with pytest.raises(FerError, match="--weights none are for a new network"):
        recipe(*argv, "--weights", "none")


def test_classes_count_as_asked():
    assert recipe("tiny").class_weights is False
    assert recipe("tiny", "--class-weight", "balanced").class_weights is True
    assert recipe("deepfer-vgg16").class_weights is True
    assert recipe("deepfer-vgg16", "--class-weight", "none").class_weights is False


def test_a_backbone_without_weights_has_no_phase_for_its_head():
    assert recipe("active-five-vgg16").head_epochs == 3
    bare = recipe("active-five-vgg16", "--weights", "none")
    assert (bare.weights, bare.head_epochs) == ("none", 0)
    assert recipe("active-five-vgg16", "--weights", "none", "--epochs", "3").head_epochs == 0
    assert recipe("active-five-vgg16", "--epochs", "3").head_epochs == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a recipe: compact"),
        (["--init", "cnnn"], "Did you mean 'cnn'"),
        (
            ["active-five-vgg16", "--weights", "imagenet", "--init", "cnn"],
            "--weights imagenet are for a new network",
        ),
        (["tiny", "--settings", "nowhere.json"], "no such file of settings"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, words, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
