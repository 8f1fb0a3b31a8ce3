"""The session's window: what it shows, and what each key does."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_core.detectors import DETECTORS, make_detector
from fer_core.errors import DataError
from fer_live import session as session_module
from fer_live.annotated_video import AnnotatedVideo
from fer_live.follower import DETECT_EVERY, FaceFollower
from fer_live.panel import View
from fer_live.session import Session
from fer_live.sources import Frame, Waiting


class FakeWindow:
    """Takes keys from a list, one a picture, and keeps what it shows."""

    def __init__(self, *actions):
        self.actions = list(actions)
        self.shown = []

    def show(self, picture):
        self.shown.append(picture.copy())

    def key(self, wait=0.001):
        return self.actions.pop(0) if self.actions else "quit"


class FakeSource:
    name, rate, n_frames = "made up", 1000.0, None

    def __init__(self, moments, live=False):
        self.moments, self.live = moments, live

    def frames(self, start=0):
        yield from self.moments[start:]


@pytest.fixture
def frames(astronaut):
    frame = np.full((240, 320, 3), 90, np.uint8)
    frame[20:220, 60:260] = astronaut[20:220, 130:330]
    return [Frame(i, i / 1000, frame) for i in range(30)]


@pytest.fixture
def play(recognizer, tmp_path):
    """Return a function that plays moments into a window with keys."""

    def run(moments, *actions, live=False, **options):
        told = []
        session = Session(
            FakeSource(moments, live),
            FaceFollower(recognizer),
            View(),
            window=FakeWindow(*actions),
            snapshots=tmp_path / "saved",
            tell=told.append,
            **{"names": ("mine", "haar"), **options},
        )
        numbers = [frame.number for frame in session.run()]
        return session, numbers, told

    return run


def changed(session, a, b):
    return (session.window.shown[a] != session.window.shown[b]).mean()


def test_it_plays_to_the_end_or_until_quit(play, frames):
    _, numbers, _ = play(frames[:4], None, None, None, None)
    assert numbers == [0, 1, 2, 3]
    session, numbers, _ = play(frames, None, None, "quit")
    assert numbers == [0, 1, 2]
    assert session.quit


def test_a_pause_keeps_a_files_place(play, frames):
    session, numbers, _ = play(frames[:3], "pause", None, None, "pause", None, None)
    assert numbers == [0, 1, 2]
    assert len(session.window.shown) == 6


def test_landmarks_help_and_blur_are_seen(play, frames):
    keys = [None, "landmarks", None, "landmarks", "help", None, "help", "blur", None]
    session, _, _ = play(frames[: len(keys)], *keys)
    assert 0 < changed(session, 1, 2) < 0.05
    assert changed(session, 4, 5) > 0.1
    assert changed(session, 7, 8) > 0.1


def test_the_scheme_and_the_detector_change_in_the_midst(play, frames):
    session, _, _ = play(frames[:4], None, "scheme", "detector", None)
    assert session.follower.recognizer.scheme.name == "merged6"
    assert session.detector == "cnn"
    assert {len(labels) for labels in session.summary.people.values()} == {1}


def test_a_new_scheme_uncovers_no_hidden_face(play, frames, tmp_path):
    session, _, _ = play(frames[:3], "blur", "pause", "scheme", "snapshot", "quit")
    saved = cv2.imread(str(tmp_path / "saved" / "snapshot-1.png"))
    frame, result = session._last
    bare = View().compose(frame.image, result, session.follower.recognizer.scheme.labels)
    detector = make_detector("hog")
    assert [len(detector.detect(picture)) for picture in (bare, saved)] == [1, 0]


def test_hidden_faces_are_searched_in_every_frame(play, frames):
    session, _, _ = play(frames[:2], None, "blur")
    assert session.follower.detect_every == 1
    session, _, _ = play(frames[:3], None, "blur", "blur")
    assert session.follower.detect_every == DETECT_EVERY
    session, _, _ = play(frames[:2], None, "blur", detect_every=4)
    assert session.follower.detect_every == 1
    session, _, _ = play(frames[:3], None, "blur", "blur", detect_every=4)
    assert session.follower.detect_every == 4


@pytest.mark.parametrize("live", [False, True])
def test_faces_of_a_file_whose_rows_are_saved_stay_hidden_or_not(play, frames, live):
    class Outputs:
        start = 0

        def write(self, frame, result, picture): ...
        def checkpoint(self, follower, summary): ...
        def hold(self, picture, seconds): ...

    session, _, _ = play(frames[:3], None, "blur", None, live=live, outputs=Outputs())
    assert session.view.blur is live
    assert session.follower.detect_every == (1 if live else DETECT_EVERY)


def test_a_pause_drops_what_a_camera_sees(play, frames):
    keys = [None, "pause", *[None] * 5, "pause", None]
    session, numbers, _ = play(frames[: len(keys)], *keys, live=True)
    assert numbers == [0, 1, 8]
    assert session.summary.n_frames == 3
    assert len(session.window.shown) == len(keys)


def test_a_detector_that_fails_is_not_the_one_that_is_named(play, frames, monkeypatch):
    def make(name, **options):
        if name == "cnn":
            raise DataError("its file is missing")
        return make_detector(name, **options)

    monkeypatch.setattr(session_module, "make_detector", make)
    session, _, told = play(frames[:2], "detector", None)
    assert told == ["its file is missing"]
    assert session.detector == "haar"
    assert type(session.follower.recognizer.detector) is DETECTORS["haar"]
    # The next turn is the next detector's.
    session, _, _ = play(frames[:3], "detector", "detector", None)
    assert session.detector == "hog"


def test_a_detectors_own_file_comes_back_with_it(play, frames, monkeypatch, tmp_path):
    made = []

    def make(name, **options):
        made.append((name, options))
        return make_detector("haar")

    monkeypatch.setattr(session_module, "make_detector", make)
    mine = tmp_path / "mine.onnx"
    play(frames[:4], *["detector"] * 4, names=("mine", "yunet"), detector_file=mine)
    assert made == [("hog", {}), ("haar", {}), ("cnn", {}), ("yunet", {"path": mine})]
    made.clear()
    play(frames[:4], *["detector"] * 4)
    assert [name for name, _ in made] == ["cnn", "hog", "haar", "cnn"]


def test_a_snapshot_and_a_recording_are_saved_where_they_say(play, frames, tmp_path):
    keys = ["snapshot", "record", *[None] * 20, "record", "snapshot"]
    play(frames[: len(keys)], *keys)
    saved = sorted(path.name for path in (tmp_path / "saved").iterdir())
    assert saved == ["recording-1.mkv", "snapshot-1.png", "snapshot-2.png"]
    assert cv2.imread(str(tmp_path / "saved" / "snapshot-1.png")).shape[0] == 480
    capture = cv2.VideoCapture(str(tmp_path / "saved" / "recording-1.mkv"))
    assert capture.get(cv2.CAP_PROP_FRAME_HEIGHT) == 480
    # 21 thousandths of a second, at a thousand frames a second.
    assert 19 <= capture.get(cv2.CAP_PROP_FRAME_COUNT) <= 22


@pytest.mark.parametrize("lost", [False, True])
def test_a_recording_stands_still_as_it_goes(play, frames, monkeypatch, lost):
    # For 50 frames, in a pause or while no camera is there: written one by one, not all at once.
    filled = []
    plain = AnnotatedVideo.write_until

    def watched(self, picture, seconds):
        before = self.n_frames
        plain(self, picture, seconds)
        filled.append(self.n_frames - before)

    monkeypatch.setattr(AnnotatedVideo, "write_until", watched)
    moments = [replace(frames[0], number=i, seconds=i / 1000) for i in range(60)]
    if lost:
        moments[3:54] = [Waiting("camera 0 was lost", moment.seconds) for moment in moments[3:54]]
    pause = None if lost else "pause"
    play(moments, "record", None, pause, *[None] * 50, pause, None, "record", live=True)
    assert sum(filled) >= 53
    assert max(filled) <= 2


def test_a_lost_camera_is_said_once_and_the_window_lives(play, frames):
    lost = Waiting("camera 0 was lost; trying again")
    moments = [Waiting(), frames[0], Waiting(), lost, lost, lost, frames[1]]
    session, numbers, told = play(moments, *[None] * 7, live=True)
    assert numbers == [0, 1]
    assert told == ["camera 0 was lost; trying again"]
    assert len(session.window.shown) == 7
    again = [frames[0], lost, lost, frames[1], lost, frames[2]]
    assert play(again, *[None] * 6, live=True)[2] == [lost.message] * 2
    assert changed(session, 2, 3) > 0.02
