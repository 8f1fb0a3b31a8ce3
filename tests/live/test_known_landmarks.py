"""Landmarks that were found in a frame are handed to models in crop pixels."""

import numpy as np
import pytest

from fer_core.crop import CROP_SIDE, crop_faces
from fer_core.detectors import make_detector
from fer_core.landmarks import FINE_SIDE, LandmarkPredictor
from fer_core.model_store import ModelStore
from fer_live import EmotionRecognizer


class Spy:
    """Keeps what it is asked about."""

    classes_ = np.arange(7)
    takes_landmarks = True

    def predict_proba(self, faces, landmarks=None):
        self.faces, self.landmarks = faces, landmarks
        return np.full((len(faces), 7), 1 / 7, np.float32)


def test_models_are_given_crop_pixels(astronaut):
    spy = Spy()
    recognizer = EmotionRecognizer(spy, make_detector("haar"), LandmarkPredictor())
    (face,) = recognizer.analyze(astronaut)
    left, top, side, _ = face.box
    assert side >= FINE_SIDE
    expected = (face.landmarks + 0.5 - (left, top)) / side * CROP_SIDE - 0.5
    np.testing.assert_allclose(spy.landmarks[0], expected, atol=1e-3)
    found_anew = LandmarkPredictor().predict_crops(spy.faces)
    # In the crop the same predictor sees fewer pixels, and in the frame it rounds to whole ones.
    assert np.abs(spy.landmarks - found_anew).mean() < 1.2


def test_landmarks_of_small_faces_are_found_anew(astronaut):
    predictor = LandmarkPredictor()
    boxes = np.array([[179, 72, FINE_SIDE - 1, FINE_SIDE - 1], [179, 72, 95, 95]], np.float32)
    crops = crop_faces(astronaut, boxes)
    known = predictor.in_crops(np.zeros((2, 68, 2)), boxes, crops)
    np.testing.assert_array_equal(known[:1], predictor.predict_crops(crops[:1]))
    assert (known[1] < 0).all()  # those of the large one are taken as they are


@pytest.mark.parametrize("name", ["landmarks", "ensemble-live"])
def test_shipped_models_answer_for_a_frame_as_for_its_crop(name, astronaut):
    recognizer = EmotionRecognizer.load(name)
    (face,) = recognizer.analyze(astronaut)
    crops = crop_faces(astronaut, face.box[None])
    model = ModelStore().load(name)
    alone = model.predict_proba(crops)[0]
    assert np.abs(face.probabilities - alone).max() < 0.1
    known = recognizer.predictor.in_crops(face.landmarks[None], face.box[None], crops)
    np.testing.assert_allclose(face.probabilities, model.predict_proba(crops, known)[0], atol=1e-5)
    elsewhere = model.predict_proba(crops, np.zeros_like(known))[0]
    assert np.abs(elsewhere - alone).max() > 0.01  # they do count
