"""Made-up video for measuring the live app: people of the demo who walk about."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.demo import load_demo
from fer_core.detectors import make_detector

#: Height and width of the frames, and a person's side, in pixels.
SHAPE = (480, 640)
SIDE = 160

#: Frames a second.
RATE = 25.0


def find_people(n: int) -> list[NDArray[np.uint8]]:
    """Return `n` people of the demo whom the default detector finds, uint8 (160, 160)."""
    demo, detector = load_demo(), make_detector()
    people: dict[str, NDArray[np.uint8]] = {}
    for face, person in zip(demo.faces, demo.groups, strict=True):
        if person in people:
            continue
        large = np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
        frame = np.full(SHAPE, 100, np.uint8)
        frame[100 : 100 + SIDE, 200 : 200 + SIDE] = large
        if len(detector.detect(frame)) == 1:
            people[person] = large
            if len(people) == n:
                break
    return list(people.values())


def swaying(people: list[NDArray[np.uint8]], n_frames: int) -> list[NDArray[np.uint8]]:
    """Return frames, uint8 (480, 640, 3), in which up to four people sway, each in a quarter."""
    corners = [(60, 30), (380, 30), (60, 260), (380, 260)]
    frames = []
    for i in range(n_frames):
        angle = 2 * np.pi * i / n_frames  # the end joins the beginning
        frame = _background()
        for k, (person, (x, y)) in enumerate(zip(people, corners, strict=False)):
            left = round(x + 40 * np.sin(2 * angle + k))
            top = round(y + 15 * np.cos(3 * angle + k))
            frame[top : top + SIDE, left : left + SIDE] = person[:, :, None]
        frames.append(frame)
    return frames


def crossing(
    people: list[NDArray[np.uint8]], n_frames: int = 100
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Give frames in which two people pass each other behind a third, and whose each pixel is."""
    for i in range(n_frames):
        done = i / n_frames
        places = [(20 + 430 * done, 60), (450 - 430 * done, 240), (235 + 20 * np.sin(i / 9), 150)]
        frame, owner = _background(), np.full(SHAPE, -1)
        for k, (x, y) in enumerate(places):
            inside = np.s_[round(y) : round(y) + SIDE, round(x) : round(x) + SIDE]
            frame[inside], owner[inside] = people[k][:, :, None], k
        yield frame, owner


def _background() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(60, 200, (12, 16, 3), np.uint8)
    smooth = cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, dtype=np.uint8)
