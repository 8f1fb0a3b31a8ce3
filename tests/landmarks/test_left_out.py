from dataclasses import replace

import numpy as np
import pytest

from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError
from fer_core.soft_labels import read_soft_labels
from fer_core.splits import make_split
from fer_landmarks.left_out import left_out_probabilities, main


@pytest.fixture(scope="module")
def split():
    return make_split(load_demo())


def test_command_writes_soft_labels_of_the_fitting_faces(tmp_path, monkeypatch, capsys, split):
    out = tmp_path / "soft.npz"
    assert main(["hog-kernel", "--out", str(out)]) == 0
    proba, source = read_soft_labels(out, split.fitting.faces, split.fitting.scheme.labels)
    assert source == "hog-kernel, each face left out"
    accuracy = (proba.argmax(axis=1) == split.fitting.y).mean()
    assert f"accuracy left out {accuracy:.4f}" in capsys.readouterr().out
    # Fitted faces would be known by heart; faces left out are not, but far better than chance.
    assert 0.3 < accuracy < 0.99


def test_votes_are_read_where_there_are_any(tmp_path, monkeypatch, split):
    fitting = split.fitting
    votes = np.zeros((len(fitting), 10), dtype=np.float32)
    votes[np.arange(len(fitting)), fitting.y] = 10
    monkeypatch.setattr(
        "fer_core.datasets.options.make_split",
        lambda *_, **__: replace(split, fitting=replace(fitting, votes=votes)),
    )
    out = tmp_path / "soft.npz"
    assert main(["hog-kernel", "--out", str(out)]) == 0
    proba, source = read_soft_labels(out, fitting.faces, fitting.scheme.labels)
    assert source == "hog-kernel, each face left out, and annotators' votes"
    assert (proba.argmax(axis=1) == fitting.y).mean() > 0.99


def test_only_kernel_pipelines_can(split):
    with pytest.raises(DataError, match="pipeline 'hog-svm' can't leave each face out"):
        left_out_probabilities(split.fitting, "hog-svm")


def test_validation_faces_are_not_fitted_on(split):
    with pytest.raises(Exception, match="validation"):
        left_out_probabilities(split.validation, "hog-kernel")


def test_wrong_name_is_refused_before_pictures_are_read(tmp_path, capsys):
    assert main(["hog-kernal", "--data", str(tmp_path / "none")]) == 2
    assert "Did you mean 'hog-kernel'?" in capsys.readouterr().err


def test_probabilities_are_in_the_order_of_the_scheme(split, tmp_path, monkeypatch):
    proba = left_out_probabilities(split.fitting, "hog-kernel")
    assert proba.shape == (len(split.fitting), 7)
    assert np.allclose(proba.sum(axis=1), 1, atol=1e-4)
