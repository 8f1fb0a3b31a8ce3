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
from tests.live.videos import write_video


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


@pytest.fixture
def shipped(monkeypatch, recognizer):
    """Serve the brightness model under any name."""
    monkeypatch.setattr(EmotionRecognizer, "load", lambda *_, **__: recognizer)


@pytest.fixture(scope="session")
def clip(tmp_path_factory, astronaut):
    """Return a video of her: 20 frames, 5 without her, 15 with her elsewhere and darker."""
    her = astronaut[20:220, 130:330]
    frames = []
    for i in range(40):
        frame = np.full((240, 320, 3), 90, np.uint8)
        if not 20 <= i < 25:
            x = 20 + 2 * i
            frame[20:220, x : x + 200] = her if i < 20 else cv2.convertScaleAbs(her, alpha=0.6)
        frames.append(frame)
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", frames, rate=20)
