import pytest

from benchmarks import models
from benchmarks.models import Network, choose_models
from benchmarks.thinning import thinned
from fer_core.errors import DataError, MissingExtraError


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
    assert "pip install '.[train]'" in left_out[0]


def test_network_asked_for_by_name_without_tensorflow_is_an_error(known, monkeypatch):
    monkeypatch.setattr(models, "can_train_networks", lambda: False)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[train\]'"):
        choose_models(["svm", "cnn"], known, ())


def test_unknown_model(known):
    with pytest.raises(DataError, match="Did you mean 'svm'"):
        choose_models(["swm"], known, ())


def test_quick_runs_keep_the_share_of_each_class_and_part(made_dataset):
    dataset = made_dataset(n=1400)
    thin = thinned(dataset, 280, seed=0)
    assert set(thin.counts().values()) == {40}
    assert (thin.parts == "test").mean() == pytest.approx(0.5)
    assert "280 of 1400" in thin.notes["quick"]
    assert thinned(dataset, 1400, seed=0) is dataset
