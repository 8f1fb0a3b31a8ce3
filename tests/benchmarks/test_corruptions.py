import numpy as np
import pytest

from benchmarks.corruptions import CORRUPTIONS, EYES, MOUTH, STRENGTHS, corrupted, face_landmarks
from fer_core.datasets.demo import load_demo


@pytest.fixture(scope="module")
def faces():
    return load_demo().faces[::60]


@pytest.fixture(scope="module")
def landmarks(faces):
    return face_landmarks(faces)


def rms(a, b):
    return np.sqrt(((a.astype(float) - b) ** 2).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strengths_grow_from_slight_to_strong(name, faces, landmarks):
    spoilt = [corrupted(faces, CORRUPTIONS[name], s, landmarks) for s in (0, *STRENGTHS)]
    assert all(s.dtype == np.uint8 and s.shape == faces.shape for s in spoilt)
    distances = [rms(s, faces) for s in spoilt]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[1] > 0.5
    assert distances[5] > 2 * distances[1]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_face_is_spoilt_alike_whatever_is_beside_it(name, faces, landmarks):
    spoilt = corrupted(faces, CORRUPTIONS[name], 3, landmarks, seed=5)
    alone = corrupted(faces[:1], CORRUPTIONS[name], 3, landmarks[:1], seed=5)
    assert np.array_equal(spoilt[:1], alone)


def test_seeds_differ(faces, landmarks):
    a, b = (corrupted(faces, CORRUPTIONS["noise"], 1, landmarks, seed) for seed in (0, 1))
    assert not np.array_equal(a, b)


@pytest.mark.parametrize(("name", "part"), [("mouth", MOUTH), ("eyes", EYES)])
def test_covers_lie_on_the_part_and_nowhere_else(name, part, faces, landmarks):
    spoilt = corrupted(faces, CORRUPTIONS[name], 4, landmarks)
    for face, covered, points in zip(faces, spoilt, landmarks, strict=True):
        rows, columns = np.nonzero(face != covered)
        low, high = points[part].min(axis=0), points[part].max(axis=0)
        assert len(rows) > 20
        # The cover's own side is that of the part, and a margin of five pixels in all.
        assert low[0] - 4 < columns.min() < columns.max() < high[0] + 4
        assert low[1] - 4 < rows.min() < rows.max() < high[1] + 4
        middle = np.rint((low + high) / 2).astype(int)
        assert covered[middle[1], middle[0]] == round(face.mean())


def test_rotation_and_shift_move_what_they_say():
    face = np.zeros((1, 48, 48), dtype=np.uint8)
    face[0, 22:26, 22:26] = 255
    points = np.zeros((1, 68, 2), dtype=np.float32)
    for strength, level in zip(STRENGTHS, CORRUPTIONS["shift"].levels, strict=True):
        moved = corrupted(face, CORRUPTIONS["shift"], strength, points)[0].astype(float)
        y, x = (np.average(g, weights=moved) for g in np.mgrid[:48, :48])
        assert np.hypot(x - 23.5, y - 23.5) == pytest.approx(level, abs=0.3)
    face[0] = 0
    face[0, 23:25, 38:42] = 255  # right of the middle
    for strength, level in zip(STRENGTHS, CORRUPTIONS["rotation"].levels, strict=True):
        turned = corrupted(face, CORRUPTIONS["rotation"], strength, points)[0].astype(float)
        y, x = (np.average(g, weights=turned) for g in np.mgrid[:48, :48])
        assert abs(np.degrees(np.arctan2(y - 23.5, x - 23.5))) == pytest.approx(level, abs=1.5)


def test_small_faces_lose_detail_and_low_light_loses_gray_levels(faces, landmarks):
    small = corrupted(faces, CORRUPTIONS["small"], 5, landmarks).astype(float)
    assert np.abs(np.diff(small)).mean() < 0.6 * np.abs(np.diff(faces.astype(float))).mean()
    dark = corrupted(faces, CORRUPTIONS["low-light"], 5, landmarks)
    assert dark.mean() == pytest.approx(0.08 * faces.mean(), rel=0.03)
    flat = corrupted(faces, CORRUPTIONS["contrast"], 3, landmarks)
    assert flat.std(axis=(1, 2)) == pytest.approx(0.25 * faces.std(axis=(1, 2)), rel=0.03)
