"""A model whose answers are known, and a portrait."""

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from fer_core.detectors import make_detector
from fer_core.landmarks import LandmarkPredictor
from fer_core.pictures import read_picture
from fer_live.image import portrait
from fer_live.recognizer import EmotionRecognizer
from fer_live.web.app import make_app
from fer_live.web.engine import Engine
from fer_live.web.gate import AllowedHosts
from tests.live.own_page import ORIGIN


class BrightnessModel:
    """Says "happy" the surer the brighter a crop is, "sad" otherwise; has no disgust column."""

    classes_ = np.array([0, 2, 3, 4, 5, 6])

    def __init__(self):
        self.batches = []

    def predict_proba(self, faces):
        assert faces.dtype == np.uint8
        assert faces.shape[1:] == (48, 48)
        self.batches.append(len(faces))
        proba = np.full((len(faces), 6), 0.02, np.float32)
        bright = faces.mean(axis=(1, 2)) / 255
        proba[:, 2] = 0.92 * bright
        proba[:, 3] = 0.92 * (1 - bright)
        return proba


@pytest.fixture
def model():
    return BrightnessModel()


@pytest.fixture
def recognizer(model):
    return EmotionRecognizer(model, make_detector("haar"), LandmarkPredictor())


@pytest.fixture(scope="session")
def astronaut():
    return read_picture(portrait())


@pytest.fixture(scope="session")
def two_faces(astronaut):
    """Return a frame with her face twice: bright on the left, dark on the right."""
    part = astronaut[20:240, 100:340]
    return np.hstack([part, cv2.convertScaleAbs(part, alpha=0.4)])


@pytest.fixture(scope="session")
def jpeg(astronaut):
    return cv2.imencode(".jpg", astronaut)[1].tobytes()


@pytest.fixture
def client(recognizer):
    """Return a client of the page's server, which labels as `recognizer` does."""
    engine = Engine(lambda: recognizer, lambda: recognizer)
    engine.load()
    with TestClient(make_app(engine, AllowedHosts.of("127.0.0.1")), base_url=ORIGIN) as client:
        yield client
