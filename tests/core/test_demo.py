import cv2
import numpy as np
import pytest
from sklearn.svm import LinearSVC

from fer_core.copies import find_copies
from fer_core.datasets import demo
from fer_core.datasets.demo import ACTION_UNITS, EXPRESSIONS, expression_shift, load_demo
from fer_core.labels import LABELS
from fer_core.landmarks import MIRROR_ORDER
from fer_core.splits import make_split


@pytest.fixture(scope="module")
def faces():
    return load_demo()


def test_shape(faces):
    assert faces.faces.shape == (1414, 48, 48)
    assert set(faces.counts().values()) == {202}
    assert len(set(faces.groups)) == 101
    assert len(set(faces.names)) == len(faces)
    assert "nothing of real faces" in faces.notes["made_up"]


def test_the_same_bytes_on_every_run(faces, monkeypatch):
    monkeypatch.setattr(demo, "_N_LFW", 2)
    few, again = load_demo(), load_demo()
    assert few.fingerprint() == again.fingerprint()
    monkeypatch.setattr(demo, "cached", lambda key, compute: compute())
    fresh = load_demo()
    np.testing.assert_array_equal(fresh.faces, few.faces)
    np.testing.assert_array_equal(fresh.faces, faces.faces[faces.groups <= 2])
    assert load_demo(seed=1).fingerprint() != fresh.fingerprint()


def test_another_predictor_makes_other_faces(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    asked = []
    monkeypatch.setattr(demo, "cached", lambda key, compute: asked.append(key) or {"faces": []})
    monkeypatch.setattr(demo, "Dataset", lambda **fields: None)
    load_demo()
    monkeypatch.setattr(demo, "predictor_hash", lambda: "other")
    load_demo()
    assert asked[0] != asked[1]


def test_splits_keep_people_apart(faces):
    split = make_split(faces)
    assert split.protocol == "holdout"
    people = [set(p.groups) for p in (split.fitting, split.validation, split.test.reveal())]
    assert people[0].isdisjoint(people[1])
    assert people[2].isdisjoint(people[0] | people[1])
    assert not split.test.copied.any()


def test_no_picture_is_a_copy_of_another_persons(faces):
    pairs = find_copies(faces.faces)
    assert (faces.groups[pairs[:, 0]] == faces.groups[pairs[:, 1]]).all()


def test_expressions_can_be_learned_across_people_but_not_perfectly(faces):
    hog = cv2.HOGDescriptor((48, 48), (16, 16), (8, 8), (8, 8), 9)
    descriptors = np.stack([hog.compute(face).ravel() for face in faces.faces])
    fit = faces.groups % 4 != 0
    svm = LinearSVC(C=0.1, random_state=0).fit(descriptors[fit], faces.y[fit])
    accuracy = (svm.predict(descriptors[~fit]) == faces.y[~fit]).mean()
    assert 0.5 < accuracy < 0.95  # chance: 0.14


def test_every_label_has_an_expression_made_of_known_units():
    assert set(EXPRESSIONS) == set(LABELS)
    for units in EXPRESSIONS.values():
        assert set(units) <= set(ACTION_UNITS)


@pytest.mark.parametrize("expression", LABELS)
def test_shifts_are_symmetric(expression):
    shift = expression_shift(expression)
    mirrored = shift[list(MIRROR_ORDER)] * [-1, 1]
    np.testing.assert_allclose(shift, mirrored, atol=1e-12)


def test_faces_move_as_the_action_units_say():
    right, down = 0, 1
    happy, sad, surprise = map(expression_shift, ("happy", "sad", "surprise"))
    assert happy[48, down] < 0 < sad[48, down]  # mouth's corner up, down
    assert happy[48, right] < 0 < happy[54, right]  # and outwards on both sides
    assert surprise[19, down] < 0 < surprise[57, down]  # brow up, lower lip down
    assert expression_shift("angry")[21, down] > 0  # brow lowered
    np.testing.assert_array_equal(expression_shift("neutral"), 0)
