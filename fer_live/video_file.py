"""Video files: every frame in order, upright, timed by its own timestamp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fer_core.errors import DataError
from fer_core.files import printable
from fer_live.sources import ADDRESSES, Frame, shown_name

#: Milliseconds after which FFmpeg gives up opening a stream, and waiting for a frame of it.
OPEN_TIMEOUT = 8000
READ_TIMEOUT = 4000

#: A file that ends this much before the length it states was cut off; states are rounded.
_ROUNDING = 0.02

#: Frames a second above which what is stated is no rate of frames.
HIGHEST_RATE = 240.0

#: Frames by whose times a rate is measured where none is stated.
_MEASURED_FRAMES = 60

#: Longer than any video: what a file without a length states is far more, or negative.
_MOST_FRAMES = 1e8


class DamagedVideoError(DataError):
    """A local video file holds less than it states; reading it again gives no more."""


class VideoFile:
    """A video file, or an address that serves one whole.

    Parameters
    ----------
    name : str
        Path or address.
    capture : cv2.VideoCapture or None
        Where it is open already.
    shown : str
        What to call it to people, in place of `name`.

    Raises
    ------
    DataError
        If it is empty or can't be read.
    """

    live = False

    def __init__(self, name: str, capture: cv2.VideoCapture | None = None, shown: str = "") -> None:
        self.name = shown or shown_name(name)
        self._target = name
        self._capture = open_capture(name) if capture is None else capture
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        known = bool(np.isfinite(rate)) and 0 < rate <= HIGHEST_RATE
        # Where frames come unevenly, as from a browser or a screen recorder, FFmpeg states the
        # clock's rate for the frames', and counts its ticks for frames.
        self.rate = float(rate) if known else self._measured_rate()
        stated = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.n_frames = int(stated) if known and states_length(self._capture) else None

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height in square pixels, of those that the file states."""
        sides = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        width, height = (int(self._capture.get(side)) for side in sides)
        return round(width * self._pixel_width()), height

    def _pixel_width(self) -> float:
        """Return how wide a pixel is for its height: television's are seldom square."""
        sides = (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN)
        wide, high = (self._capture.get(side) for side in sides)
        return wide / high if wide > 0 and high > 0 and 0.25 <= wide / high <= 4 else 1.0

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Give the frames from number `start` on.

        Frames before `start` are decoded and dropped, since seeking in compressed video doesn't
        hit the frame in every format.

        Raises
        ------
        DamagedVideoError
            If the file has no frame, or ends before the length it states.
        DataError
            If an address does: its connection may have dropped.
        """
        problem = DataError if self._is_address else DamagedVideoError
        square = self.frame_size if self._pixel_width() != 1 else None
        number, before, first = 0, -1.0, 0.0
        while self._capture.grab():
            seconds = self._seconds(number, before)
            if number == 0:
                first = seconds
            before = seconds
            if number >= start:
                read, image = self._capture.retrieve()
                if not read:
                    break
                if square is not None:
                    image = cv2.resize(image, square, interpolation=cv2.INTER_AREA)
                yield Frame(number, seconds - first, np.asarray(image, dtype=np.uint8))
            number += 1
        if number == 0:
            raise problem(f"{self.name}: the video holds no frame that can be read")
        if self.n_frames is not None and self._is_short(number, seconds - first):
            raise problem(
                f"{self.name}: the video is cut off or damaged: it ends after {number} of "
                f"{self.n_frames} frames"
            )

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    @property
    def _is_address(self) -> bool:
        return self._target.lower().startswith(ADDRESSES)

    def _is_short(self, number: int, seconds: float) -> bool:
        """Tell whether a file lacks frames, of which the last began after `seconds`.

        In time, too: some containers state a duration, which FFmpeg multiplies by the rate, and
        frames that come unevenly are fewer than that.
        """
        assert self.n_frames is not None
        few = self.n_frames - number > 2 + _ROUNDING * self.n_frames
        return few and (seconds + 1 / self.rate) * self.rate < (1 - _ROUNDING) * self.n_frames - 2

    def _measured_rate(self) -> float:
        """Return the rate of a file's first frames by their times; 0 of an address."""
        if self._is_address:
            return 0.0
        again = open_capture(self._target)
        times: list[float] = []
        while len(times) < _MEASURED_FRAMES and again.grab():
            times.append(float(again.get(cv2.CAP_PROP_POS_MSEC)) / 1000)
        again.release()
        span = times[-1] - times[0] if times else 0.0
        rate = (len(times) - 1) / span if span > 0 else 0.0
        return rate if rate <= HIGHEST_RATE else 0.0

    def _seconds(self, number: int, before: float) -> float:
        """Return the frame's own timestamp, or one from its number where it has none."""
        stamp = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if np.isfinite(stamp) and (stamp > before or number == 0):
            return stamp
        return before + 1 / (self.rate or 25.0)


def open_capture(name: str) -> cv2.VideoCapture:
    """Open a video file or an address through FFmpeg, with time limits.

    Raises
    ------
    DataError
        If it is missing, empty, or nothing that FFmpeg reads.
    """
    if name.lower().startswith(ADDRESSES):
        target, problem = name, "nothing answers there with a video; check address and network"
    else:
        path = Path(name)
        _check_file(path)
        # Absolute, because FFmpeg takes "a:b.mp4" for an address.
        target = str(path.resolve())
        problem = "this is no video that can be read, or it is cut off or damaged"
    if printable(target) != target:
        raise DataError(f"{printable(name)}: the file's name is no valid UTF-8; rename it")
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT]
    capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise DataError(f"{shown_name(name)}: {problem}")
    # Where the backend knows it: the newest frame is wanted, not those that wait.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def states_length(capture: cv2.VideoCapture) -> bool:
    """Tell whether a video says how many frames it has, as streams don't."""
    return 0 < capture.get(cv2.CAP_PROP_FRAME_COUNT) < _MOST_FRAMES


def _check_file(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: there is no such file")
    if not path.is_file():
        raise DataError(f"{path}: a video file is needed here")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    with path.open("rb"):
        pass  # says clearly where it may not be read
