from dataclasses import replace

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import own_scheme
from fer_core.splits import make_split
from fer_landmarks import list_pipelines, make_pipeline
from fer_landmarks.features import describe_faces
from fer_landmarks.pipelines import classifier_of
from fer_landmarks.search import Search, Workbench, _space_of
from fer_landmarks.search_spaces import CLASSIFIER_SPACES, Real, Whole
from fer_landmarks.settings import load_settings


@pytest.fixture(scope="module")
def split(faces):
    """Upright faces are to be told from those upside down; some labels are wrong."""
    both = np.concatenate([faces[:40], faces[:40, ::-1]])
    n = len(both)
    wrong = np.random.default_rng(0).random(n) < 0.2
    dataset = Dataset(
        name="turned",
        faces=both,
        y=np.repeat([0, 1], n // 2) ^ wrong,
        scheme=own_scheme(["turned", "upright"]),
        names=np.array([f"face{i:03d}" for i in range(n)]),
        parts=np.full(n, "training"),
        groups=np.arange(n),
    )
    return make_split(dataset)


@pytest.fixture
def make_search(split, tmp_path):
    def make(name="hog-svm", journal="trials.log", **options):
        bench = Workbench(split.fitting, split.validation)
        return Search(name, bench, tmp_path / journal, **options)

    return make


def test_spaces_hold_parameters_of_the_pipelines():
    assert {classifier_of(name) for name in list_pipelines()} <= set(CLASSIFIER_SPACES)
    for name in list_pipelines():
        space = _space_of(name)
        assert set(space) <= set(make_pipeline(name).get_params()), name
        assert all(s.low < s.high for s in space.values() if isinstance(s, Real | Whole)), name


def test_first_trial_measures_the_settings_there_are(make_search, split):
    search = make_search()
    (first,) = search.run(0)
    assert first.params == dict(load_settings()["hog-svm"].params)
    model = make_pipeline("hog-svm", random_state=0).fit(split.fitting.faces, split.fitting.y)
    correct = model.predict(split.validation.faces) == split.validation.y
    assert first.accuracy == round(correct.mean(), 4)
    assert search.best() == first


def test_pipelines_fitted_on_changed_copies_are_measured_as_they_are(split):
    params = {"classifier__hidden": (8,), "copies": 1}
    trial, own = (
        make_pipeline("anchored-mlp", random_state=0).set_params(**params) for _ in range(2)
    )
    found = Workbench(split.fitting, split.validation).measure(trial, params)
    own.fit(split.fitting.faces, split.fitting.y)
    assert found.accuracy == round(own.score(split.validation.faces, split.validation.y), 4)


def test_interrupted_search_comes_to_the_same(make_search, monkeypatch):
    whole = make_search(journal="whole.log")
    list(whole.run(4))
    with monkeypatch.context() as patch:
        calls = iter([LinearSVC.fit] * 3)
        patch.setattr(LinearSVC, "fit", lambda *args: next(calls, _interrupt)(*args))
        with pytest.raises(KeyboardInterrupt):
            list(make_search().run(4))
    resumed = make_search()
    assert len(resumed.trials()) == 3
    assert len(list(resumed.run(4))) == 2
    assert [t.params for t in resumed.trials()] == [t.params for t in whole.trials()]
    assert [t.accuracy for t in resumed.trials()] == [t.accuracy for t in whole.trials()]
    assert list(resumed.run(4)) == []


def _interrupt(*args):
    raise KeyboardInterrupt


def test_a_search_that_is_going_on_is_left_alone(make_search):
    trials = make_search("geometry-svm").run(1)
    next(trials)
    with pytest.raises(DataError, match="going on in another process"):
        next(make_search("geometry-svm").run(1))
    next(make_search("geometry-svm", seed=1).run(1))  # another one
    trials.close()
    assert len(list(make_search("geometry-svm").run(1))) == 1


def test_searches_of_other_seeds_and_objectives_are_others(make_search):
    list(make_search().run(1))
    other = make_search(seed=1, objective="log-loss")
    assert other.trials() == []
    list(other.run(3))
    assert other.best().log_loss == min(t.log_loss for t in other.trials())
    best = make_search()
    list(best.run(3))
    assert best.best().accuracy == max(t.accuracy for t in best.trials())


def test_other_settings_before_begin_another_search(make_search, monkeypatch):
    (before,) = make_search().run(0)
    changed = {
        "hog-svm": replace(
            load_settings()["hog-svm"], params={**before.params, "compress__n_even": 40}
        )
    }
    monkeypatch.setattr("fer_landmarks.search.load_settings", lambda: changed)
    again = make_search()
    assert not again.trials()
    (first,) = again.run(0)
    assert first.params["compress__n_even"] == 40


def test_descriptors_of_other_bits_are_others(split):
    bench = Workbench(split.fitting, split.validation)
    measured = [
        bench.measure(make_pipeline("hog-kernel", random_state=0, compress__bits=bits), {})
        for bits in (16, 8)
    ]
    assert measured[0].log_loss != measured[1].log_loss


def test_descriptors_are_computed_once(make_search, monkeypatch):
    calls = []

    def counting(*args):
        calls.append(args)
        return describe_faces(*args)

    monkeypatch.setattr("fer_landmarks.stage.describe_faces", counting)
    list(make_search().run(2))
    assert len(calls) == 2  # fitting and validation faces


def test_settings_that_cannot_be_fitted_are_told_and_passed_over(make_search, monkeypatch):
    fit, n_calls = LinearSVC.fit, []

    def failing(self, x, y):
        n_calls.append(1)
        if len(n_calls) == 2:
            raise ValueError("no such fit")
        return fit(self, x, y)

    monkeypatch.setattr(LinearSVC, "fit", failing)
    search = make_search()
    first, failure, last = search.run(2)
    assert "no such fit" in failure
    assert search.trials() == [first, last]


def test_of_equally_accurate_settings_the_least_log_loss_is_best(make_search, monkeypatch):
    search = make_search()
    trials = list(search.run(2))
    losses = (2.0, 1.0, 1.5)
    same = [
        replace(trial, accuracy=0.5, log_loss=loss)
        for trial, loss in zip(trials, losses, strict=True)
    ]
    monkeypatch.setattr(search, "trials", lambda: same)
    assert search.best() is same[1]


def test_settings_carry_their_source_and_a_temperature(make_search, split):
    search = make_search()
    list(search.run(2))
    settings, best = search.settings(), search.best()
    assert settings.source["validation_accuracy"] == best.accuracy
    assert settings.source["trials"] == 3
    assert settings.source["fitted_faces"] == len(split.fitting)
    own = best.params["classifier__temperature"] * best.temperature
    assert settings.params["classifier__temperature"] == pytest.approx(own, abs=1e-3)
    again = Workbench(split.fitting, split.validation).measure(
        make_pipeline("hog-svm", random_state=0, **settings.params), settings.params
    )
    assert again.accuracy == best.accuracy
    assert abs(np.log(again.temperature)) < abs(np.log(best.temperature))


def test_test_pictures_are_refused(split):
    with pytest.raises(ProtocolError):
        Workbench(split.fitting, split.test)
    with pytest.raises(ProtocolError):
        Workbench(split.validation, split.validation)
