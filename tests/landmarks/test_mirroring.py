"""The contract of a classifier that takes faces, for the one that adds mirrored ones."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from fer_core.errors import DataError
from fer_landmarks import DenseHog, MirroredClassifier
from fer_landmarks import make_pipeline as make_named


@pytest.fixture(scope="module")
def unfitted():
    return MirroredClassifier(make_pipeline(DenseHog(), LogisticRegression(max_iter=500)))


@pytest.fixture(scope="module")
def fitted(unfitted, faces, labels):
    return clone(unfitted).fit(faces, labels)


def test_fitting_changes_neither_the_estimator_nor_the_parameters(unfitted, fitted):
    assert not hasattr(fitted.estimator.steps[-1][1], "coef_")
    shown = {key: str(value) for key, value in fitted.get_params().items()}
    assert shown == {key: str(value) for key, value in unfitted.get_params().items()}


def test_parameters_are_reached_and_cloned(unfitted):
    copy = clone(unfitted).set_params(estimator__logisticregression__C=0.5, prediction=False)
    assert clone(copy).get_params()["estimator__logisticregression__C"] == 0.5
    assert clone(copy).prediction is False
    assert unfitted.get_params()["estimator__logisticregression__C"] == 1.0


def test_pickle_keeps_the_answers(fitted, faces):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(faces), fitted.predict_proba(faces))


def test_one_face_no_face_and_many(fitted, faces):
    batch = fitted.predict_proba(faces)
    np.testing.assert_allclose(fitted.predict_proba(faces[3:4])[0], batch[3], atol=1e-6)
    np.testing.assert_allclose(batch.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.predict(faces), fitted.classes_[batch.argmax(axis=1)])


def test_faces_and_their_mirror_images_are_both_fitted(unfitted, faces, labels):
    twice = np.concatenate([faces, faces[:, :, ::-1]])
    by_hand = clone(unfitted.estimator).fit(twice, np.concatenate([labels, labels]))
    one_sided = clone(unfitted).set_params(prediction=False).fit(faces, labels)
    np.testing.assert_allclose(
        one_sided.predict_proba(faces), by_hand.predict_proba(faces), atol=1e-6
    )


def test_before_fitting_and_wrong_input(unfitted, fitted, labels):
    with pytest.raises(NotFittedError):
        unfitted.predict(np.zeros((1, 48, 48), np.uint8))
    for bad in (np.zeros((3, 48, 48)), np.zeros((3, 32, 32), np.uint8)):
        with pytest.raises(DataError, match="faces must be a uint8 array"):
            fitted.predict_proba(bad)
        with pytest.raises(DataError, match="faces must be a uint8 array"):
            clone(unfitted).fit(bad, labels[:3])


def test_what_knows_odd_features_is_not_fitted_on_twins(faces, labels):
    for name, fitted_on in (("hog-kernel", len(faces)), ("hog-svm", 2 * len(faces))):
        pipeline = make_named(name, random_state=0, mirror=True)
        assert pipeline.fit(faces, labels).training is (fitted_on > len(faces))
        last = pipeline.estimator_[-1]
        if name == "hog-kernel":
            assert len(last.centers_) == fitted_on
        both = pipeline.predict_proba(np.concatenate([faces[:4], faces[:4, :, ::-1]]))
        np.testing.assert_allclose(both[:4], both[4:], atol=1e-5)


def test_parameters_of_fits_have_a_row_a_face(faces, labels):
    pipeline = make_named("hog-kernel", random_state=0, mirror=True)
    groups = np.arange(len(faces)) // 2
    twice = MirroredClassifier(make_pipeline(DenseHog(), LogisticRegression(max_iter=500)))
    weights = {"logisticregression__sample_weight": None}
    assert len(twice.fit(faces, labels, **weights).classes_) == len(np.unique(labels))
    known = pipeline.fit(faces, labels, classifier__groups=groups).estimator_[-1].temperature_
    assert known != clone(pipeline).fit(faces, labels).estimator_[-1].temperature_
