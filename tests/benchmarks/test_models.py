from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import models
from benchmarks.candidates import Network
from benchmarks.models import augmented_at_test, choose_models, known_models
from benchmarks.running import run
from fer_core.datasets.demo import load_demo
from fer_core.datasets.thinning import thinned
from fer_core.errors import DataError, FerError, MissingExtraError, ModelStoreError, ProtocolError
from fer_core.model_store import ModelStore
from fer_core.soft_labels import write_soft_labels
from fer_core.splits import make_split


@pytest.fixture
def known(linear):
    return {"svm": linear("svm"), "cnn": Network("cnn", "tiny", seed=0)}


def names(chosen):
    return [candidate.name for candidate in chosen[0]]


def test_default_and_named_models(known):
    assert names(choose_models(None, known, ("svm",))) == ["svm"]
    assert names(choose_models(["svm", "ensemble", "svm"], known, ("cnn",))) == ["svm"]


def test_network_without_tensorflow_is_left_out_with_a_sentence(known, monkeypatch):
    monkeypatch.setattr(models, "can_train_networks", lambda: False)
    chosen, left_out = choose_models(None, known, ("svm", "cnn"))
    assert [c.name for c in chosen] == ["svm"]
    assert "pip install 'fer-ensemble[train]'" in left_out[0]


def test_network_asked_for_by_name_without_tensorflow_is_an_error(known, monkeypatch):
    monkeypatch.setattr(models, "can_train_networks", lambda: False)
    with pytest.raises(MissingExtraError, match=r"pip install 'fer-ensemble\[train\]'"):
        choose_models(["svm", "cnn"], known, ())


def test_unknown_model(known):
    with pytest.raises(DataError, match="Did you mean 'svm'"):
        choose_models(["swm"], known, ())


@pytest.mark.slow
def test_networks_learn_from_soft_labels_of_the_fitting_faces(tmp_path):
    demo = thinned(load_demo(), 280, seed=0)
    split = make_split(demo)
    fitting, validation = split.fitting, split.validation
    path = tmp_path / "taught.npz"
    swapped = np.eye(7, dtype=np.float32)[(fitting.y + 1) % 7]
    write_soft_labels(path, fitting.faces, swapped, fitting.scheme.labels, "a teacher")
    network = Network("cnn", "tiny", seed=0, soft_labels=str(path))
    facts = network.fit(fitting, validation, tmp_path / "work").facts
    assert (facts["recipe"], facts["soft labels"]) == ("tiny", "a teacher, weight 0.4")
    plain = Network("cnn", "tiny", seed=0)
    with pytest.raises(FerError, match=r"another training \(different: targets\)"):
        plain.fit(fitting, validation, tmp_path / "work")
    others = make_split(demo, seed=1).fitting
    with pytest.raises(DataError, match=r"\(a teacher\) are of other pictures"):
        network.fit(others, validation, tmp_path / "other")


def test_soft_labels_are_for_models_that_learn_from_them():
    table = known_models(soft_labels={"anchored-kernel": "votes", "cnn": "some.npz"})
    assert table["anchored-kernel"].soft_labels == "votes"
    assert table["cnn"].soft_labels == "some.npz"
    assert table["hog-kernel"].soft_labels is None
    with pytest.raises(DataError, match="Did you mean 'cnn'"):
        known_models(soft_labels={"cn": "votes"})
    with pytest.raises(DataError, match="pipeline 'hog-svm' can't learn from soft labels"):
        known_models(soft_labels={"hog-svm": "votes"})
    with pytest.raises(DataError, match="'anchored-kernel' is measured as it is stored"):
        known_models(soft_labels={"anchored-kernel": "votes"}, stored=["anchored-kernel"])


def test_pipelines_can_be_measured_with_mirrored_faces_too():
    plain, mirrored = (known_models(seed=3)[name] for name in ("hog-svm", "hog-svm-mirrored"))
    assert plain.description in mirrored.description
    assert repr(mirrored.make().estimator) == repr(plain.make())
    with pytest.raises(DataError, match=r"can't learn from soft labels.*not mirrored"):
        known_models(soft_labels={"hog-kernel-mirrored": "votes"})


def test_a_shipped_model_is_measured_as_it_is_on_the_pictures_it_is_of():
    stored = known_models(stored=["hog-svm"])["hog-svm"]
    assert choose_models(["hog-svm"], {"hog-svm": stored}, ())[0] == [stored]
    files = stored.save(None, None)
    assert {path.parent.name for path in files.values()} == {"hog-svm"}
    demo = make_split(load_demo())
    with pytest.raises(ProtocolError, match=r"fitted on other pictures \(25838 of 'fer2013'"):
        stored.fit(demo.fitting, demo.validation, None)
    told = {**stored.entry.trained_on, "fingerprint": demo.fitting.fingerprint()}
    same = replace(stored, entry=replace(stored.entry, trained_on=told))
    fitted = same.fit(demo.fitting, demo.validation, None)
    assert fitted.model.classes_.tolist() == list(range(7))
    assert fitted.seconds is None
    assert "seed" not in fitted.facts
    network = known_models(stored=["cnn-compact"])["cnn-compact"]
    same = replace(network, entry=replace(network.entry, trained_on={**told, "recipe": "compact"}))
    assert same.fit(demo.fitting, demo.validation, None).facts["recipe"] == "compact"
    with pytest.raises(ModelStoreError, match="no model 'hog-svn'"):
        known_models(stored=["hog-svn"])


def test_a_refused_model_takes_the_place_of_no_finished_one(measured_job):
    folder = measured_job.folder
    stored = known_models(stored=["hog-svm"])["hog-svm"]
    stored = replace(stored, entry=replace(stored.entry, name="left"))
    before = folder.result("left").read_bytes()
    with pytest.raises(ProtocolError, match="fitted on other pictures"):
        run(measured_job, [stored], {}, resume=False, console=Console(quiet=True))
    assert folder.result("left").read_bytes() == before


def test_a_stored_model_is_known_by_either_name(tmp_path):
    table = known_models(stored=["cnn", "cnn-robust"])
    chosen, _ = choose_models(["cnn", "cnn-robust"], table, ())
    assert names((chosen, [])) == ["cnn-robust"]
    (averaged,) = augmented_at_test(chosen, ["cnn", "cnn-robust"], table, ModelStore(tmp_path))
    assert (averaged.name, averaged.base) == ("cnn-robust-tta", "cnn-robust")


def test_the_seed_reaches_models():
    known = known_models(seed=3)
    assert known["hog-svm"].make().get_params()["classifier__estimator__random_state"] == 3
    assert known["cnn"].seed == known["cnn-strong"].seed == 3
