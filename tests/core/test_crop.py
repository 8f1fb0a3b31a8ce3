"""Crops have FER2013's framing, whatever the frame."""

import hashlib

import numpy as np
import pytest

from fer_core.crop import (
    FRAMING_VERSION,
    MEAN_LANDMARKS,
    boxes_from_landmarks,
    crop_faces,
    is_ready_crop,
    measure_framing,
    whole_picture_box,
)
from fer_core.errors import DataError


def smooth(height, width):
    """Make a picture whose every area average is known: a plane."""
    y, x = np.mgrid[:height, :width]
    return (20 + 180 * (x + 0.5) / width * 0.5 + 180 * (y + 0.5) / height * 0.5).astype(np.uint8)


def test_a_ready_crop_comes_back_unchanged():
    face = (np.random.default_rng(0).random((48, 48)) * 255).astype(np.uint8)
    frame = np.full((100, 120), 7, np.uint8)
    frame[20:68, 30:78] = face
    np.testing.assert_array_equal(crop_faces(frame, [[30, 20, 48, 48]])[0], face)


def test_shrinking_averages_areas():
    blocks = (np.random.default_rng(1).random((48, 48)) * 255).astype(np.uint8)
    frame = np.kron(blocks, np.ones((5, 5), np.uint8))
    noise = np.random.default_rng(2).integers(-20, 20, frame.shape)
    noisy = np.clip(frame.astype(int) + noise, 0, 255).astype(np.uint8)
    expected = noisy.reshape(48, 5, 48, 5).mean(axis=(1, 3))
    crop = crop_faces(noisy, [[0, 0, 240, 240]])[0]
    assert np.abs(crop - expected).max() <= 1


def test_sub_pixel_position_and_enlarging():
    frame = smooth(200, 200)
    crop = crop_faces(frame, [[60.5, 40.25, 30, 30]])[0]
    y, x = np.mgrid[:48, :48]
    expected = (
        20 + 90 * (60.5 + (x + 0.5) * 30 / 48) / 200 + 90 * (40.25 + (y + 0.5) * 30 / 48) / 200
    )
    assert np.abs(crop - expected).mean() < 1


def test_outside_repeats_the_edge():
    frame = np.full((60, 60, 3), 90, np.uint8)
    frame[:, 0] = 10
    crop = crop_faces(frame, [[-24, 0, 48, 48]])[0]
    assert (crop[:, :24] == 10).all()
    assert (crop[:, 26:] == 90).all()


def test_a_box_far_larger_than_the_frame_is_bounded():
    assert crop_faces(np.zeros((20, 20), np.uint8), [[-1e6, -1e6, 2e6, 2e6]]).shape == (1, 48, 48)


def test_landmarks_take_the_place_of_boxes():
    frame = smooth(300, 300)
    landmarks = (MEAN_LANDMARKS + 0.5) * 2.5 + (50, 30) - 0.5
    np.testing.assert_allclose(
        boxes_from_landmarks(landmarks[None]), [[50, 30, 120, 120]], atol=0.01
    )
    by_landmarks = crop_faces(frame, [[0, 0, 10, 10]], landmarks[None])
    by_box = crop_faces(frame, [[50, 30, 120, 120]])
    assert np.abs(by_landmarks.astype(int) - by_box).max() <= 1


def test_a_tilted_face_keeps_its_size():
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = MEAN_LANDMARKS.mean(axis=0)
    tilted = (MEAN_LANDMARKS - centre) @ turn.T + centre
    np.testing.assert_allclose(boxes_from_landmarks(tilted[None]), [[0, 0, 48, 48]], atol=0.01)


def test_measure_framing_bears_with_outliers():
    rng = np.random.default_rng(0)
    landmarks = MEAN_LANDMARKS + rng.normal(0, 1, (400, 68, 2))
    landmarks[:60] += 30
    assert np.abs(measure_framing(landmarks) - MEAN_LANDMARKS).max() < 0.6


def test_no_faces_give_no_crops():
    assert crop_faces(np.zeros((9, 9), np.uint8), []).shape == (0, 48, 48)


@pytest.mark.parametrize(
    ("boxes", "landmarks", "words"),
    [
        ([[0, 0, 5]], None, r"shape \(n, 4\)"),
        ([[0, 0, 0, 5]], None, "above 0"),
        ([[0, 0, np.nan, 5]], None, "finite"),
        ([[0, 0, 5, 5]], np.zeros((2, 68, 2)), r"shape \(1, 68, 2\)"),
    ],
)
def test_bad_shapes_are_named(boxes, landmarks, words):
    with pytest.raises(DataError, match=words):
        crop_faces(np.zeros((9, 9), np.uint8), boxes, landmarks)


def test_the_mean_face_is_a_face():
    left_eye, right_eye = MEAN_LANDMARKS[36:42].mean(0), MEAN_LANDMARKS[42:48].mean(0)
    mouth = MEAN_LANDMARKS[48:68].mean(0)
    assert abs(left_eye[1] - right_eye[1]) < 0.5
    assert abs((left_eye + right_eye)[0] / 2 - 23.5) < 0.5
    assert 17 < mouth[1] - left_eye[1] < 22
    with pytest.raises(ValueError, match="read-only"):
        MEAN_LANDMARKS[0] = 0


@pytest.mark.parametrize(
    ("side", "crop", "ready"),
    [
        (99, "auto", True),
        (100, "auto", False),
        (48, "always", False),
        (900, "never", True),
    ],
)
def test_small_pictures_are_ready_crops(side, crop, ready):
    assert is_ready_crop(np.zeros((48, side), np.uint8), crop) is ready


def test_crop_has_three_values():
    with pytest.raises(DataError, match="auto, always, never"):
        is_ready_crop(np.zeros((48, 48), np.uint8), "sometimes")


def test_a_narrow_ready_crop_keeps_its_proportions():
    np.testing.assert_array_equal(
        whole_picture_box(np.zeros((80, 60), np.uint8)), [[-10, 0, 80, 80]]
    )


def test_another_framing_has_another_number():
    """Models of another framing are refused by its number, which has to follow the figures."""
    digest = hashlib.sha256(MEAN_LANDMARKS.tobytes()).hexdigest()
    assert (FRAMING_VERSION, digest[:16]) == (1, "e8e0358884d9de90")
