"""Following faces: identity, occlusion, calm labels, and what each frame costs."""

import json
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from fer_core.datasets.demo import load_demo
from fer_core.detectors import make_detector
from fer_core.errors import DataError, PictureError
from fer_core.labels import get_scheme
from fer_core.landmarks import LandmarkPredictor
from fer_live import EmotionRecognizer, FaceFollower


class CountingDetector:
    """dlib's detector, which counts how often it is asked."""

    def __init__(self):
        self._own = make_detector("hog")
        self.asked = 0

    def detect(self, frame):
        self.asked += 1
        return self._own.detect(frame)


@pytest.fixture
def recognizer(model):
    return EmotionRecognizer(model, CountingDetector(), LandmarkPredictor())


@pytest.fixture(scope="session")
def her(astronaut):
    return astronaut[20:220, 130:330]


def scene(her, x, y=100, *, gain=1.0):
    """Return a gray frame with her face at a place."""
    frame = np.full((400, 640, 3), 110, np.uint8)
    left = max(round(x), 0)
    part = her[:, left - round(x) :][:, : 640 - left]
    frame[y : y + 200, left : left + part.shape[1]] = cv2.convertScaleAbs(part, alpha=gain)
    return frame


def test_a_moving_face_keeps_its_number_with_few_searches(recognizer, her):
    follower = FaceFollower(recognizer, detect_every=8)
    places = [100 + 6 * i for i in range(40)]
    for i, x in enumerate(places):
        result = follower.update(scene(her, x), i / 30)
        (face,) = result.faces
        assert face.track_id == 1
        # In her picture the face's middle is 96 pixels from the left.
        assert face.box[0] + face.box[2] / 2 == pytest.approx(x + 96, abs=10)
        assert result.seconds == i / 30
    assert recognizer.detector.asked == 5


def test_every_frame_is_classified_afresh_in_one_batch(recognizer, model, her):
    follower = FaceFollower(recognizer, smoothing_seconds=0)
    frame = np.hstack([scene(her, 100)[:, :320], scene(her, 100, gain=0.5)[:, :320]])
    for i in range(5):
        result = follower.update(frame, i / 30)
        assert [face.track_id for face in result.faces] == [1, 2]
        assert all(result.timings[stage] > 0 for stage in ("landmarks", "classify", "total"))
    assert model.batches == [2] * 5
    bright, dark = result.faces
    assert bright.probabilities[3] > dark.probabilities[3]


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_is_refused(recognizer, her, seconds):
    with pytest.raises(DataError, match=f"Got {seconds} instead"):
        FaceFollower(recognizer).update(her, seconds)


def test_gray_frames_do_as_well(recognizer, her):
    follower = FaceFollower(recognizer)
    (face,) = follower.update(cv2.cvtColor(scene(her, 100), cv2.COLOR_BGR2GRAY), 0).faces
    assert face.label in face.labels


def test_a_covered_face_comes_back_with_its_number(recognizer, her):
    follower = FaceFollower(recognizer)
    empty = np.full((400, 640, 3), 110, np.uint8)
    seen = []
    for i in range(60):
        covered = 20 <= i < 40
        result = follower.update(empty if covered else scene(her, 100 + 2 * i), i / 30)
        seen.append([face.track_id for face in result.faces])
    assert seen == [[1]] * 20 + [[]] * 20 + [[1]] * 20


@pytest.fixture(scope="module")
def three_people():
    """Return three of the demo's people whom the detector finds, gray, 170 pixels."""
    demo, people, known = load_demo(), [], set()
    detector = make_detector("hog")
    for face, person in zip(demo.faces, demo.groups, strict=True):
        large = cv2.resize(face, (170, 170), interpolation=cv2.INTER_CUBIC)
        frame = np.full((480, 640), 100, np.uint8)
        frame[100:270, 200:370] = large
        if person not in known and len(detector.detect(frame)) == 1:
            people.append(large)
            known.add(person)
        if len(people) == 3:
            return people
    raise AssertionError("the detector finds too few of the demo's faces")


def test_three_faces_that_cross_keep_their_numbers(recognizer, three_people):
    follower = FaceFollower(recognizer)
    background = np.random.default_rng(0).integers(60, 200, (12, 16), np.uint8)
    background = cv2.resize(background, (640, 480), interpolation=cv2.INTER_CUBIC)
    last, switches, frames_seen = {}, 0, [0, 0, 0]
    n = 100
    for i in range(n):
        # Two pass each other behind the third, who walks up and down a little.
        places = [(20 + 430 * i / n, 60), (450 - 430 * i / n, 240), (235 + 20 * np.sin(i / 9), 150)]
        frame, owner = background.copy(), np.full((480, 640), -1)
        for person, (x, y) in enumerate(places):
            inside = np.s_[round(y) : round(y) + 170, round(x) : round(x) + 170]
            frame[inside], owner[inside] = three_people[person], person
        for face in follower.update(frame, i / 25).faces:
            x, y = (face.box[:2] + face.box[2:] / 2).round().astype(int)
            person = owner[y, x]
            frames_seen[person] += 1
            switches += last.setdefault(person, face.track_id) != face.track_id
            last[person] = face.track_id
    assert switches <= 1
    assert min(frames_seen) > 0.45 * n  # the third hides the others for nearly half the time
    assert len(set(last.values())) == 3


def test_a_face_that_stays_away_is_forgotten(recognizer, her):
    follower = FaceFollower(recognizer, remember_seconds=0.5)
    empty = np.full((400, 640, 3), 110, np.uint8)
    follower.update(scene(her, 100), 0)
    for i in range(1, 20):
        assert follower.update(empty, i / 10).faces == []
    (face,) = follower.update(scene(her, 100, gain=0.5), 2).faces
    assert face.track_id == 2
    # Nothing of the forgotten face's probabilities is left.
    np.testing.assert_array_equal(face.probabilities, face.raw_probabilities)


def test_a_face_that_leaves_is_not_followed_onto_the_background(recognizer, her):
    follower = FaceFollower(recognizer)
    background = np.random.default_rng(0).integers(0, 255, (10, 16, 3), np.uint8)
    background = cv2.resize(background, (640, 400), interpolation=cv2.INTER_CUBIC)
    frame = background.copy()
    frame[100:300, 100:300] = her
    assert len(follower.update(frame, 0).faces) == 1
    assert follower.update(background, 0.033).faces == []


def test_smoothing_counts_seconds_not_frames(recognizer, her):
    def after_half_a_second(rate):
        follower = FaceFollower(recognizer, smoothing_seconds=0.5)
        follower.update(scene(her, 100), 0)
        for i in range(1, rate // 2 + 1):
            (face,) = follower.update(scene(her, 100, gain=0.6), i / rate).faces
        return face

    slow, fast = after_half_a_second(10), after_half_a_second(40)
    np.testing.assert_allclose(slow.probabilities, fast.probabilities, atol=0.01)
    np.testing.assert_allclose(slow.raw_probabilities, fast.raw_probabilities, atol=0.02)
    (first,) = FaceFollower(recognizer).update(scene(her, 100), 0).faces
    # One time constant: 37 % of the old face is left.
    left = (fast.probabilities[3] - fast.raw_probabilities[3]) / (
        first.probabilities[3] - fast.raw_probabilities[3]
    )
    assert left == pytest.approx(np.exp(-1), abs=0.05)


def test_a_step_back_in_time_or_another_size_begins_anew(recognizer, her):
    follower = FaceFollower(recognizer)
    numbers = []
    for frame, seconds in (
        (scene(her, 100), 5),
        (scene(her, 100), 1),
        (scene(her, 100)[:380], 1.1),
        (scene(her, 100)[:380], 60),
    ):
        numbers += [face.track_id for face in follower.update(frame, seconds).faces]
    assert numbers == [1, 2, 3, 4]


def test_another_scheme_in_the_midst_keeps_tracks(recognizer, her):
    follower = FaceFollower(recognizer)
    follower.update(scene(her, 100), 0)
    follower.use(recognizer.using(scheme=get_scheme("valence3")))
    (face,) = follower.update(scene(her, 100), 0.03).faces
    assert face.track_id == 1
    assert face.labels == ("positive", "neutral", "negative")
    assert face.probabilities.shape == (3,)


def test_as_dict_is_json(recognizer, her):
    (face,) = FaceFollower(recognizer).update(scene(her, 100), 0).faces
    read = json.loads(json.dumps(face.as_dict()))
    assert read["track_id"] == 1
    assert read["sure"] == face.sure
    assert set(read["raw_probabilities"]) == set(face.labels)


def test_frames_are_checked(recognizer):
    with pytest.raises(PictureError, match="uint8"):
        FaceFollower(recognizer).update(np.zeros((4, 4, 3)), 0)


def test_two_followers_work_in_two_threads(model, her):
    def follow(gain):
        own = EmotionRecognizer(model, make_detector("hog"), LandmarkPredictor())
        follower = FaceFollower(own)
        frames = [scene(her, 100 + 4 * i, gain=gain) for i in range(15)]
        return [
            [face.as_dict() for face in follower.update(frame, i / 30).faces]
            for i, frame in enumerate(frames)
        ]

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(follow, [1.0, 0.6]))
    assert together == [follow(1.0), follow(0.6)]
    assert [len(faces) for faces in together[0]] == [1] * 15
