"""Searching beside the work: what the detector says late, and what it raises."""

import json
from threading import Event, Lock, get_ident

import numpy as np
import pytest

from fer_core.detectors import Detections, make_detector
from fer_core.errors import DataError
from fer_core.landmarks import LandmarkPredictor
from fer_live import EmotionRecognizer, FaceFollower
from fer_live.search import BackgroundSearch

FRAME = np.full((20, 30, 3), 7, np.uint8)
FOUND = Detections(np.array([[1, 2, 3, 3]], np.float32), np.array([0.5], np.float32))


@pytest.fixture(scope="session")
def her(astronaut):
    return astronaut[20:220, 130:330]


def scene(her, *places):
    frame = np.full((400, 640, 3), 110, np.uint8)
    for x in places:
        frame[100:300, x : x + 200] = her
    return frame


class Watched:
    """dlib's detector, which notes who asks it when and may fail."""

    def __init__(self):
        self._own = make_detector("hog")
        self._busy = Lock()
        self.threads = []
        self.fail = False

    def detect(self, frame):
        assert self._busy.acquire(blocking=False), "asked by two at once"
        try:
            self.threads.append(get_ident())
            if self.fail:
                raise DataError("no more")
            return self._own.detect(frame)
        finally:
            self._busy.release()


@pytest.fixture
def recognizer(model):
    return EmotionRecognizer(model, Watched(), LandmarkPredictor())


def test_the_caller_may_draw_on_the_frame_meanwhile():
    drawn, frame, seen = Event(), FRAME.copy(), []

    def detect(picture):
        assert drawn.wait(10)
        seen.append(picture.copy())
        return FOUND

    search = BackgroundSearch.begin(detect, frame, {}, 0)
    frame[:] = 0
    drawn.set()
    assert search.result() is FOUND
    assert (seen[0] == 7).all()


def test_a_state_goes_through_json():
    search = BackgroundSearch.begin(lambda _: FOUND, FRAME, {4: np.arange(4)}, 1.5)
    state = json.loads(json.dumps(search.state(), default=np.ndarray.tolist))
    again = BackgroundSearch.from_state(state)
    assert (again.seconds, again.age, list(again.known)) == (1.5, 0, [4])
    assert again.result().boxes == FOUND.boxes.tolist()


def test_routine_searches_run_beside_the_work(recognizer, her):
    follower = FaceFollower(recognizer, detect_every=5)
    for i in range(20):
        follower.update(scene(her, 100), i / 30)
    first, *others = recognizer.detector.threads
    assert first == get_ident()
    assert len(others) == 3
    assert get_ident() not in others


def test_somebody_new_is_shown_as_soon_as_the_answer_is_read(recognizer, her):
    follower = FaceFollower(recognizer, detect_every=8)
    shown = []
    for i in range(14):
        frame = scene(her, 20) if i < 5 else scene(her, 20, 400)
        shown.append(len(follower.update(frame, i / 30).faces))
    # Searched from frame 8 on, answered at frame 11.
    assert shown == [1] * 11 + [2] * 3


def test_what_the_detector_raises_is_raised_where_the_answer_is_read(recognizer, her):
    follower = FaceFollower(recognizer, detect_every=5)
    follower.update(scene(her, 100), 0)
    recognizer.detector.fail = True
    for i in range(1, 8):  # searched from frame 5 on
        follower.update(scene(her, 100), i / 30)
    with pytest.raises(DataError, match="no more"):
        follower.update(scene(her, 100), 8 / 30)


def test_after_a_search_that_failed_another_detector_can_be_taken(recognizer, her):
    follower = FaceFollower(recognizer, detect_every=5)
    follower.update(scene(her, 100), 0)
    recognizer.detector.fail = True
    for i in range(1, 6):  # the last frame begins a search
        follower.update(scene(her, 100), i / 30)
    follower.use(recognizer.using(detector=make_detector("hog")))
    assert len(follower.update(scene(her, 100), 0.2).faces) == 1


def test_followers_that_share_a_detector_take_turns(recognizer, her):
    followers = [FaceFollower(recognizer.using(), detect_every=2) for _ in range(3)]
    for i in range(20):
        for follower in followers:
            assert len(follower.update(scene(her, 100), i / 30).faces) == 1
