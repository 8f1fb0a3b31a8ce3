"""A long run leaves nothing behind: no memory, thread or file handle."""

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.detectors import make_detector
from fer_core.landmarks import LandmarkPredictor
from fer_live import EmotionRecognizer, FaceFollower
from fer_live.outputs import Outputs
from fer_live.panel import View
from fer_live.session import Session
from fer_live.sources import Frame


class Loop:
    """The same few frames again and again, as a file gives them."""

    live, rate, name, n_frames = False, 25.0, "loop", 700

    def __init__(self, frames):
        self.images = frames

    def frames(self, start=0):
        for i in range(start, self.n_frames):
            yield Frame(i, i / self.rate, self.images[i % len(self.images)])


def held():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="asks Linux")
def test_memory_threads_and_handles_stay(tmp_path, model, astronaut):
    her = cv2.resize(astronaut[20:220, 130:330], (140, 140))
    frames = []
    for i in range(25):
        frame = np.full((160, 240, 3), 90, np.uint8)
        if i % 25 < 18:  # she comes and goes, so that tracks are begun and forgotten
            frame[10:150, 4 * i : 4 * i + 140] = her
        frames.append(frame)
    # The brightness model counts its batches; half that it keeps is no leak of ours.
    model.batches = type("Nothing", (), {"append": lambda *_: None})()
    recognizer = EmotionRecognizer(
        model, make_detector("hog", working_side=240), LandmarkPredictor()
    )
    source, job = Loop(frames), {"source": "loop"}
    outputs = Outputs(tmp_path, ["csv", "jsonl"], source, job, recognizer.scheme.labels)
    follower = FaceFollower(recognizer, remember_seconds=0.2)
    session = Session(source, follower, View(), outputs=outputs)
    threads = threading.active_count()
    for frame in session.run():
        if frame.number == 200:
            before, handles = held(), len(os.listdir("/proc/self/fd"))
    assert held() - before < 8
    outputs.close({}, finished=True)
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == handles - 2  # the two tables
    assert len(session.summary.people) > 10
