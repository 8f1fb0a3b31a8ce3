from dataclasses import replace

import numpy as np
import pytest

from benchmarks.suspects import hard_for_all, out_of_fold, suspect_labels
from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError

pytest.importorskip("cleanlab")


@pytest.fixture(scope="module")
def surprised():
    """Demo faces, surprised and angry, a few of them labelled wrong."""
    demo = load_demo()
    codes = {5: 0, 0: 1}
    kept = demo.subset(np.isin(demo.y, list(codes)))
    from fer_core.labels import own_scheme

    y = np.array([codes[c] for c in kept.y.tolist()])
    dataset = replace(kept, y=y, scheme=own_scheme(["surprise", "angry"]))
    wrong = np.arange(0, len(y), 17)
    noisy = y.copy()
    noisy[wrong] = 1 - noisy[wrong]
    return replace(dataset, y=noisy), wrong


@pytest.fixture(scope="module")
def probas(surprised):
    return out_of_fold(surprised[0], ["hog-svm", "fusion-lda"], 3, 0, lambda text: None)


def test_wrong_labels_are_found(surprised, probas):
    dataset, wrong = surprised
    proba = probas["fusion-lda"]
    assert proba.shape == (len(dataset), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    suggestions, quality = suspect_labels(dataset, proba)
    found = {s.name for s in suggestions}
    true = set(dataset.names[wrong].tolist())
    assert len(found & true) > 0.7 * len(true)
    assert len(found & true) > 0.6 * len(found)
    assert quality[wrong].mean() < quality.mean() - 0.3
    first = suggestions[0]
    given = dataset.scheme.labels[dataset.y[dataset.names.tolist().index(first.name)]]
    assert (first.action, first.label) == (
        "relabel",
        "angry" if given == "surprise" else "surprise",
    )
    assert first.reason.startswith(f"likely wrong label: {given}")
    assert first.score > 0.8
    assert [s.score for s in suggestions] == sorted((s.score for s in suggestions), reverse=True)


def test_undecided_pictures_are_dropped(made_dataset):
    dataset = made_dataset(n=210)
    # A model that is never sure: its own label has 0.4 of the probability of a good picture.
    proba = np.full((210, 7), 0.1, np.float32)
    proba[np.arange(210), dataset.y] = 0.4
    for i, share in ((10, 0.46), (20, 0.7)):
        proba[i] = (0.99 - share) / 5
        proba[i, dataset.y[i]] = 0.01
        proba[i, (dataset.y[i] + 1) % 7] = share
    suggestions, _ = suspect_labels(dataset, proba)
    other = dataset.scheme.labels[(dataset.y[20] + 1) % 7]
    assert [(s.name, s.action, s.label) for s in suggestions] == [
        ("face020", "relabel", other),
        ("face010", "drop", ""),
    ]


def test_persons_stay_on_one_side(surprised, monkeypatch):
    dataset, _ = surprised
    fitted = []
    from sklearn.pipeline import Pipeline

    plain = Pipeline.fit

    def watched(self, features, y):
        fitted.append(len(features))
        return plain(self, features, y)

    monkeypatch.setattr(Pipeline, "fit", watched)
    out_of_fold(dataset, ["hog-svm"], 3, 0, lambda text: None)
    # Each picture is left out of one fold, with all pictures of its person.
    assert sum(len(dataset) - n for n in fitted) == len(dataset)
    assert len(fitted) == 3


def test_pictures_of_all_parts_are_divided_into_folds(surprised, probas):
    dataset, _ = surprised
    of_two = replace(
        dataset, parts=np.where(np.arange(len(dataset)) % 3, "training", "public_test")
    )
    found = out_of_fold(of_two, ["hog-svm"], 3, 0, lambda text: None)
    np.testing.assert_array_equal(found["hog-svm"], probas["hog-svm"])


def test_pipelines_fitted_on_changed_copies_have_them_in_each_fold(surprised, monkeypatch):
    from fer_landmarks.jitter import JitteredPipeline

    dataset = surprised[0].subset(np.arange(0, len(surprised[0]), 8))
    fitted = []

    def fit(self, faces, y):
        fitted.append(faces.shape[1:])
        self.classes_ = np.array([0, 1])
        return self

    monkeypatch.setattr(JitteredPipeline, "fit", fit)
    monkeypatch.setattr(JitteredPipeline, "classes_", None, raising=False)
    even = np.full((len(dataset), 2), 0.5, np.float32)
    monkeypatch.setattr(JitteredPipeline, "predict_proba", lambda self, faces: even[: len(faces)])
    found = out_of_fold(dataset, ["anchored-mlp"], 2, 0, lambda text: None)
    assert fitted == [(48, 48)] * 2
    np.testing.assert_allclose(found["anchored-mlp"], even)


def test_hard_for_all_are_those_nobody_gets(surprised, probas):
    dataset, _ = surprised
    hard = hard_for_all(dataset, probas)
    expected = [p.argmax(axis=1) != dataset.y for p in probas.values()]
    assert set(hard.tolist()) == set(np.flatnonzero(expected[0] & expected[1]).tolist())
    given = np.mean([p[np.arange(len(dataset)), dataset.y] for p in probas.values()], axis=0)
    assert (np.diff(given[hard]) >= 0).all()


def test_too_few_pictures_say_so(made_dataset):
    dataset = made_dataset(n=140)
    few = dataset.subset((dataset.y != 1) | (np.arange(140) == 1))
    with pytest.raises(DataError, match=r"class 'disgust' has 1 persons.*--no-labels"):
        out_of_fold(few, ["hog-svm"], 5, 0, lambda text: None)
