"""A face pasted into a frame, found and cropped again, is the same crop."""

import cv2
import numpy as np
import pytest
from skimage import data

from fer_core.crop import MEAN_LANDMARKS, crop_faces, measure_framing
from fer_core.detectors import make_detector
from fer_core.landmarks import LandmarkPredictor
from fer_core.parity import (
    FACE_HEIGHTS,
    measure_parity,
    paste_faces,
    pixel_correlation,
    recrop,
)


@pytest.fixture(scope="module")
def astronaut():
    """Return her face in FER2013 framing, at its own size, found without a detector."""
    gray = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    return gray[72:167, 179:274]


def test_pasting_is_repeatable_and_within_the_frame(astronaut):
    faces = np.stack([cv2.resize(astronaut, (48, 48), interpolation=cv2.INTER_AREA)] * 4)
    pasted = list(paste_faces(faces, (80, 120), seed=3))
    again = list(paste_faces(faces[:2], (80, 120), seed=3))
    np.testing.assert_array_equal(pasted[1][0], again[1][0])
    for frame, (left, top, width, height) in pasted:
        assert frame.shape == (480, 640)
        assert 79 <= width == height <= 121
        crop = crop_faces(frame, [[left, top, width, height]])
        assert pixel_correlation(crop, faces[:1])[0] > 0.99


@pytest.mark.parametrize("heights", FACE_HEIGHTS)
@pytest.mark.parametrize("detector", ["hog", "haar"])
def test_the_astronaut_comes_back(astronaut, heights, detector):
    """Where FER2013's own framing can't disagree: the crop is canonical to begin with."""
    predictor = LandmarkPredictor()
    landmarks = predictor.predict_boxes(astronaut, [[0, 0, 95, 95]])
    canonical = crop_faces(astronaut, [[0, 0, 95, 95]], landmarks)
    result = recrop(np.repeat(canonical, 3, axis=0), make_detector(detector), predictor, heights)
    assert result.found.all()
    assert pixel_correlation(result.faces, np.repeat(canonical, 3, axis=0)).min() > 0.85
    points = predictor.predict_crops(result.faces)
    for part in (slice(36, 42), slice(42, 48), slice(48, 68)):
        aim = MEAN_LANDMARKS[part].mean(axis=0)
        assert np.abs(points[:, part].mean(axis=1) - aim).max() < 3.0


def test_nothing_found_is_a_rate_of_zero():
    class Blind:
        def detect(self, frame):
            return make_detector("hog", threshold=99.0).detect(frame)

    result = recrop(np.zeros((2, 48, 48), np.uint8), Blind(), None, (80, 120))
    assert result.faces.shape == (0, 48, 48)
    assert not result.found.any()


def test_measures_are_on_the_found_faces(astronaut):
    class Brightness:
        classes_ = np.array([4, 9])

        def predict_proba(self, faces):
            bright = faces.mean(axis=(1, 2)) > 100
            return np.stack([~bright, bright], axis=1).astype(np.float32)

    face = cv2.resize(astronaut, (48, 48), interpolation=cv2.INTER_AREA)
    faces = np.stack([face, np.zeros_like(face), face // 4])
    result = recrop(faces, make_detector("haar"), None, (120, 200))
    assert result.found.tolist()[:2] == [True, False]
    measured = measure_parity(faces, np.array([9, 9, 9]), Brightness(), result)
    kept = result.found.sum()
    assert measured["found"] == pytest.approx(kept / 3)
    assert measured["agreement"] == 1.0
    assert measured["accuracy_crops"] == measured["accuracy_frames"] == pytest.approx(1 / kept)


@pytest.fixture(scope="module")
def fer2013(fer2013_folder):
    files = sorted((fer2013_folder / "train").glob("*/*.jpg"))[::60]
    return np.stack([cv2.imread(str(f), cv2.IMREAD_GRAYSCALE) for f in files])


@pytest.mark.fer2013
@pytest.mark.slow
def test_the_constants_are_what_is_measured(fer2013):
    measured = measure_framing(LandmarkPredictor().predict_crops(fer2013))
    assert np.abs(measured - MEAN_LANDMARKS).max() < 0.8


@pytest.mark.fer2013
@pytest.mark.slow
def test_most_of_fer2013_is_found_and_framed_alike(fer2013):
    faces = fer2013[::8]
    result = recrop(faces, make_detector("hog"), LandmarkPredictor(), (120, 200))
    assert result.found.mean() >= 0.70
    ratio = result.boxes[:, 2] / result.true_boxes[:, 2]
    assert 0.95 < np.median(ratio) < 1.06
    assert np.median(pixel_correlation(result.faces, faces[result.found])) > 0.5
