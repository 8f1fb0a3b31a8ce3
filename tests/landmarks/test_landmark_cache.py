import numpy as np
import pytest

from fer_core.landmarks import LandmarkPredictor
from fer_landmarks import landmark_cache
from fer_landmarks.landmark_cache import cached_landmarks


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """An empty cache, and the list of how many faces dlib was asked about."""
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    calls = []
    find = LandmarkPredictor.predict_crops

    def counting(self, faces):
        calls.append(len(faces))
        return find(self, faces)

    monkeypatch.setattr(LandmarkPredictor, "predict_crops", counting)
    return calls


def test_each_face_is_asked_about_once(asked, faces, landmarks):
    np.testing.assert_array_equal(cached_landmarks(faces[:20]), landmarks[:20])
    order = np.array([30, 3, 3, 19, 25, 30])
    np.testing.assert_array_equal(cached_landmarks(faces[order]), landmarks[order])
    np.testing.assert_array_equal(cached_landmarks(faces[order]), landmarks[order])
    assert asked == [20, 2]


def test_mirrored_faces_are_others(asked, faces, landmarks):
    cached_landmarks(faces[:5])
    mirrored = cached_landmarks(np.ascontiguousarray(faces[:5, :, ::-1]))
    assert asked == [5, 5]
    assert np.abs(mirrored - landmarks[:5]).max() > 1


def test_the_faces_used_last_are_kept(asked, faces, landmarks, monkeypatch, tmp_path):
    monkeypatch.setattr(landmark_cache, "KEPT_FACES", 12)
    cached_landmarks(faces[:10])
    np.testing.assert_array_equal(cached_landmarks(faces[2:14]), landmarks[2:14])
    cached_landmarks(faces[2:14])
    cached_landmarks(faces[:2])
    assert asked == [10, 4, 2]
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(cached_landmarks(faces), landmarks)  # more than are kept


def test_no_faces(asked, faces):
    assert cached_landmarks(faces[:0]).shape == (0, 68, 2)
