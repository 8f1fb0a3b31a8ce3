"""Tests for fer_cnn.teach."""

from dataclasses import replace

import numpy as np
import pytest

from fer_cnn.teach import main, taught_probabilities
from fer_core.datasets.demo import load_demo
from fer_core.datasets.thinning import thinned
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import SCHEMES
from fer_core.model_store import ModelStore
from fer_core.soft_labels import read_soft_labels, write_soft_labels
from fer_core.splits import make_split

NAMES = ("cnn-compact", "cnn-strong")


@pytest.fixture(scope="module")
def demo():
    return thinned(load_demo(), 200, seed=0)


@pytest.fixture(scope="module")
def fitting(demo):
    return make_split(demo).fitting


@pytest.fixture
def known(monkeypatch, fitting):
    """The shipped models, as if they had been fitted on the demo faces."""
    entry = ModelStore.entry

    def same(self, name):
        found = entry(self, name)
        told = {**found.trained_on, "fingerprint": fitting.fingerprint()}
        return replace(found, trained_on=told)

    monkeypatch.setattr(ModelStore, "entry", same)


def test_the_models_are_averaged(known, fitting):
    store = ModelStore()
    each = [store.load(name).predict_proba(fitting.faces) for name in NAMES]
    np.testing.assert_allclose(
        taught_probabilities(fitting, store, NAMES), np.mean(each, axis=0), atol=1e-6
    )


def test_command_writes_soft_labels_and_reads_others(
    known, demo, fitting, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("fer_core.datasets.options.load_dataset", lambda args: demo)
    labels = fitting.scheme.labels
    hard = np.eye(len(labels), dtype=np.float32)[fitting.y]
    write_soft_labels(tmp_path / "a.npz", fitting.faces, hard, labels, "the labels")
    out = tmp_path / "b.npz"
    argv = [*NAMES, "--soft-labels", str(tmp_path / "a.npz"), "--out", str(out)]
    assert main(argv) == 0
    proba, source = read_soft_labels(out, fitting.faces, labels)
    assert source == "cnn-compact and cnn-strong; the labels"
    models = taught_probabilities(fitting, ModelStore(), NAMES)
    np.testing.assert_allclose(proba, (models + hard) / 2, atol=1e-6)
    accuracy = (proba.argmax(axis=1) == fitting.y).mean()
    assert f"accuracy {accuracy:.4f}" in capsys.readouterr().out


def test_models_that_may_know_other_pictures_are_refused(fitting):
    with pytest.raises(ProtocolError, match="'cnn-compact' was fitted on other pictures"):
        taught_probabilities(fitting, ModelStore(), NAMES[:1])


def test_ensembles_are_refused(known, fitting):
    with pytest.raises(ProtocolError, match=r"'ensemble-live' is an ensemble.*name its members"):
        taught_probabilities(fitting, ModelStore(), ["ensemble-live"])


def test_models_of_other_classes_are_refused(known):
    from fer_core.labels import get_scheme

    fitting = make_split(load_demo()).in_scheme(get_scheme("active5")).fitting
    with pytest.raises(DataError, match="'cnn-compact' knows the classes angry"):
        taught_probabilities(fitting, ModelStore(), NAMES[:1])


def test_models_of_a_scheme_teach_in_it(demo, tmp_path, monkeypatch):
    monkeypatch.setattr("fer_core.datasets.options.load_dataset", lambda args: demo)
    asked = []

    def answers(fitting, store, names):
        asked.append(fitting.scheme.name)
        return np.full((len(fitting), 5), 0.2, dtype=np.float32)

    monkeypatch.setattr("fer_cnn.teach.taught_probabilities", answers)
    out = tmp_path / "five.npz"
    assert main(["cnn-compact", "--scheme", "active5", "--out", str(out)]) == 0
    assert asked == ["active5"]
    fitting = make_split(demo).in_scheme(SCHEMES["active5"]).fitting
    assert read_soft_labels(out, fitting.faces, fitting.scheme.labels)[0].shape[1] == 5


def test_validation_faces_are_refused():
    with pytest.raises(ProtocolError):
        taught_probabilities(make_split(load_demo()).validation, ModelStore(), NAMES)


def test_a_wrong_name_is_refused_before_pictures_are_read(tmp_path, capsys):
    assert main(["cnn-strng", "--data", str(tmp_path / "none")]) == 2
    assert "Did you mean 'cnn-strong'?" in capsys.readouterr().err
