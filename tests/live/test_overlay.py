"""Annotated pictures: nothing is covered, everything is there, at any size."""

import numpy as np
import pytest

from fer_core.labels import LABELS
from fer_live.face import Face
from fer_live.overlay import annotate, label_colour, put_text


def face(box, p=None, labels=LABELS):
    probabilities = np.full(len(labels), 0.05, np.float32)
    probabilities[3 % len(labels)] = 1 - 0.05 * (len(labels) - 1)
    if p is not None:
        probabilities = np.asarray(p, np.float32)
    landmarks = np.zeros((68, 2), np.float32)
    return Face(np.asarray(box, np.float32), 1.0, landmarks, labels, probabilities)


def test_cards_stand_beside_the_picture():
    frame = np.full((512, 512, 3), 77, np.uint8)
    annotated = annotate(frame, [face([200, 200, 100, 100])])
    assert annotated.shape[0] == 512
    assert annotated.shape[1] > 512
    inside = annotated[210:290, 210:290]
    assert (inside == 77).all()
    assert (annotated[250, 200] != 77).any()
    assert (frame == 77).all()


def test_bars_are_as_long_as_their_probabilities():
    frame = np.zeros((600, 600, 3), np.uint8)
    one = face([0, 0, 50, 50], [0.5, 0, 0.25, 0, 0.25, 0, 0])
    strip = annotate(frame, [one])[:, 600:]

    def length(label):
        return (strip == label_colour(one, label)).all(axis=2).sum(axis=1).max()

    assert length("angry") == pytest.approx(2 * length("fear"), abs=2)
    assert length("sad") == pytest.approx(length("fear"), abs=1)
    assert length("happy") == 0


def test_small_pictures_are_enlarged_and_large_ones_kept():
    assert annotate(np.zeros((48, 48, 3), np.uint8), [face([0, 0, 48, 48])]).shape[0] >= 250
    assert annotate(np.zeros((2000, 900, 3), np.uint8), [face([0, 0, 48, 48])]).shape[0] == 2000


def test_every_face_of_a_crowd_has_a_card():
    frame = np.zeros((240, 320, 3), np.uint8)
    faces = [face([5 * i, 100, 20, 20]) for i in range(23)]
    annotated = annotate(frame, faces)
    scale = annotated.shape[0] / 240
    strip = annotated[:, round(320 * scale) :]
    happy = (strip == label_colour(faces[0], "happy")).all(axis=2)
    starts = happy & ~np.roll(happy, 1, axis=1)
    starts &= ~np.roll(starts, 1, axis=0)
    assert starts.sum() == 23


def test_no_face_leaves_the_picture():
    frame = (np.random.default_rng(0).random((30, 40, 3)) * 255).astype(np.uint8)
    annotated = annotate(frame, [])
    np.testing.assert_array_equal(annotated, frame)
    assert annotated is not frame


@pytest.mark.parametrize("box", [[-50, -50, 90, 90], [180, 180, 90, 90], [0, 0, 200, 200]])
def test_boxes_may_reach_over_the_edge(box):
    annotated = annotate(np.full((200, 200, 3), 9, np.uint8), [face(box)])
    label = (annotated == label_colour(face(box), "happy")).all(axis=2)
    assert label[:, : annotated.shape[0]].sum() > 300  # a square picture, enlarged


def test_classes_of_ones_own_get_colours():
    own = face([0, 0, 40, 40], [0.2, 0.8], ("bored", "äußerst wach"))
    assert label_colour(own, "bored") != label_colour(own, "äußerst wach")
    assert annotate(np.zeros((200, 200, 3), np.uint8), [own]).shape[1] > 200


def test_text_is_cut_off_at_the_edges():
    picture = np.zeros((20, 20, 3), np.uint8)
    put_text(picture, "surprise 100%", -10, 8, 16, (255, 255, 255))
    put_text(picture, "far away", 50, 50, 16, (255, 255, 255))
    assert picture.any()
