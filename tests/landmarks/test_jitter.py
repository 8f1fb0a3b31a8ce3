"""Tests for fer_landmarks.jitter."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError
from fer_landmarks import make_pipeline
from fer_landmarks.jitter import JitteredPipeline, jittered


@pytest.fixture(scope="module")
def demo():
    dataset = load_demo()
    return dataset.faces[:40], np.arange(40) % 2


def test_copies_are_near_their_faces_and_differ(demo):
    faces, _ = demo
    first, second = (jittered(faces, np.random.RandomState(seed)) for seed in (0, 1))
    assert first.shape == faces.shape
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)
    assert np.array_equal(first, jittered(faces, np.random.RandomState(0)))
    flat = [part.reshape(len(faces), -1) for part in (first, faces)]
    near = [np.corrcoef(a, b)[0, 1] for a, b in zip(*flat, strict=True)]
    assert np.median(near) > 0.7


def test_the_classifier_sees_copies_with_their_labels(demo, monkeypatch):
    faces, y = demo
    pipeline = make_pipeline("anchored-mlp", random_state=0, copies=2)
    seen = {}

    def fit(self, x, labels, soft_labels=None):
        seen.update(x=x, y=labels, soft=soft_labels)
        return self

    monkeypatch.setattr("fer_landmarks.perceptron.DropoutPerceptron.fit", fit)
    soft = np.eye(2, dtype=np.float32)[1 - y]
    pipeline.fit(faces, y, classifier__soft_labels=soft)
    describe = pipeline[:-1]
    assert len(seen["x"]) == len(seen["y"]) == len(seen["soft"]) == 120
    np.testing.assert_allclose(seen["x"][:40], describe.transform(faces), atol=1e-5)
    assert np.array_equal(seen["y"].reshape(3, 40), [y] * 3)
    assert np.array_equal(seen["soft"][80:], soft)
    spread = np.linalg.norm(seen["x"] - seen["x"].mean(axis=0), axis=1).mean()
    for copies in (seen["x"][40:80], seen["x"][80:]):
        assert 0 < np.linalg.norm(seen["x"][:40] - copies, axis=1).mean() < spread


def test_processes_describe_the_same_copies(demo, monkeypatch):
    faces, y = demo
    monkeypatch.setattr("fer_landmarks.jitter._BLOCK", 16)
    answers = []
    for n_jobs in (1, 2):
        pipeline = make_pipeline("anchored-mlp", random_state=0, copies=1, n_jobs=n_jobs)
        pipeline.set_params(classifier__hidden=(8,)).fit(faces, y)
        assert pipeline.get_params()["descriptor__n_jobs"] == n_jobs
        answers.append(pipeline.predict_proba(faces))
    np.testing.assert_allclose(*answers, atol=1e-6)


def test_it_is_a_pipeline_for_scikit_learn(demo):
    pipeline = make_pipeline("anchored-mlp", random_state=0, copies=1)
    assert isinstance(pipeline, JitteredPipeline)
    assert clone(pipeline).get_params()["copies"] == 1
    pipeline.set_params(copies=0, classifier__hidden=(8,))
    faces, y = demo
    assert pipeline.fit(faces, y).predict_proba(faces).shape == (40, 2)
    assert list(pipeline[:-1].named_steps) == ["descriptor", "compress"]


def test_some_of_its_steps_are_an_ordinary_pipeline(demo):
    faces, y = demo
    pipeline = make_pipeline("anchored-mlp", random_state=0, copies=0)
    pipeline.set_params(classifier__hidden=(8,)).fit(faces, y, classifier__soft_labels=None)
    assert type(pipeline[1:]) is type(pipeline[:-1]) is Pipeline
    described = pipeline[:1].transform(faces)
    np.testing.assert_allclose(
        pipeline[1:].predict_proba(described), pipeline.predict_proba(faces), atol=1e-6
    )


def test_a_memory_keeps_what_the_first_steps_learned(demo, tmp_path):
    faces, y = demo
    pipeline = make_pipeline("anchored-mlp", random_state=0, copies=1)
    pipeline.set_params(classifier__hidden=(8,), memory=str(tmp_path / "memory"))
    first = pipeline.fit(faces, y).predict_proba(faces)
    assert list((tmp_path / "memory").rglob("*.pkl"))
    again = clone(pipeline).fit(faces, y)
    np.testing.assert_array_equal(again.predict_proba(faces), first)


def test_a_failed_fit_leaves_the_cache_as_it_was(demo, monkeypatch):
    faces, y = demo
    pipeline = make_pipeline("anchored-mlp", random_state=0, copies=1, cache=True)
    monkeypatch.setattr("fer_landmarks.jitter.jittered", lambda faces, rng: faces[:, :2])
    with pytest.raises(DataError):
        pipeline.fit(faces, y)
    assert pipeline.named_steps["descriptor"].cache is True
