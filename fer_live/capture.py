"""Cameras and streams: a thread reads them, and hands over the newest frame only."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import cv2
import numpy as np

from fer_core.errors import DataError
from fer_live.sources import Frame, Waiting, shown_name
from fer_live.video_file import HIGHEST_RATE, READ_TIMEOUT, open_capture

logger = logging.getLogger(__name__)

#: Seconds without a new frame after which whoever waits is told so, to keep a window alive.
PATIENCE = 0.1

#: Seconds without a new frame after which the source counts as stalled.
STALLED = 1.0

#: Seconds between two tries to open a source that has vanished.
_PAUSE = 1.0


class LiveSource:
    """A camera or a stream.

    Parameters
    ----------
    device : int or str
        Number of a camera, or the address of a stream.
    retry_seconds : float
        For how long it is tried again after it has vanished.
    capture : cv2.VideoCapture or None
        Where it is open already.

    Raises
    ------
    DataError
        If it can't be opened now.
    """

    live = True
    n_frames: int | None = None

    def __init__(
        self,
        device: int | str,
        retry_seconds: float = 30.0,
        capture: cv2.VideoCapture | None = None,
    ) -> None:
        self.device = device
        self.name = f"camera {device}" if isinstance(device, int) else shown_name(device)
        self.retry_seconds = retry_seconds
        capture = self._open() if capture is None else capture
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if np.isfinite(rate) and 0 < rate <= HIGHEST_RATE else 0.0
        self._began = monotonic()
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._lost = ""
        self._ended = False
        self._stop = threading.Event()
        # A daemon: a driver that never answers must not keep the program from ending.
        self._thread = threading.Thread(
            target=self._read, args=(capture,), name=f"capture {self.name}", daemon=True
        )
        self._thread.start()

    def frames(self, start: int = 0) -> Iterator[Frame | Waiting]:
        """Give the newest frame each time, or `Waiting` where there is none for a while.

        Numbers and times begin with the first frame that is given: the device is open before,
        while whoever asks is still getting ready.

        Raises
        ------
        DataError
            If the source has vanished and does not come back.
        """
        first: Frame | None = None
        taken: Frame | None = None
        since = monotonic()
        while not self._stop.is_set():
            with self._changed:
                if self._newest is taken and not self._ended:
                    self._changed.wait(PATIENCE)
                newest, lost, ended = self._newest, self._lost, self._ended
            if newest is not None and newest is not taken:
                taken, since = newest, monotonic()
                first = first or newest
                number, seconds = newest.number - first.number, newest.seconds - first.seconds
                yield replace(newest, number=number, seconds=seconds)
                continue
            if ended:
                raise DataError(lost)
            if not lost and monotonic() - since > STALLED:
                lost = f"{self.name} sends no pictures; waiting"
            now = 0.0 if first is None else monotonic() - self._began - first.seconds
            yield Waiting(lost, now)

    def close(self) -> None:
        """Stop the thread and let go of the device."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=READ_TIMEOUT / 1000 + 1)

    def _read(self, capture: cv2.VideoCapture) -> None:
        """Read until stopped: the thread's work."""
        try:
            self._read_on(capture)
        except Exception as error:  # of a driver; who waits for frames has to hear of it
            logger.debug("%s broke down", self.name, exc_info=True)
            with self._changed:
                self._lost = f"{self.name} broke down ({error})"
                self._ended = True
                self._changed.notify_all()

    def _read_on(self, capture: cv2.VideoCapture) -> None:
        number = 0
        lost: float | None = None  # when it was, if it has given nothing since
        while not self._stop.is_set():
            read, image = capture.read()
            if read:
                lost = None
                frame = Frame(number, monotonic() - self._began, np.asarray(image, dtype=np.uint8))
                number += 1
                with self._changed:
                    self._newest, self._lost = frame, ""
                    self._changed.notify_all()
                continue
            capture.release()
            if lost is None:
                lost = monotonic()
            else:  # it could be opened again, but gave nothing
                self._stop.wait(_PAUSE)
            again = self._open_again(lost)
            if again is None:
                return
            capture = again
        capture.release()

    def _open_again(self, lost: float) -> cv2.VideoCapture | None:
        """Return the source opened anew; None if it has been lost for too long."""
        logger.debug("%s was lost", self.name)
        while not self._stop.is_set():
            away = monotonic() - lost
            ended = away > self.retry_seconds
            with self._changed:
                if ended:
                    self._lost = f"{self.name} was lost and did not come back in {away:.0f} seconds"
                    self._ended = True
                else:
                    self._lost = f"{self.name} was lost; trying again"
                self._changed.notify_all()
            if ended:
                return None
            try:
                return self._open()
            except DataError:
                self._stop.wait(_PAUSE)
        return None

    def _open(self) -> cv2.VideoCapture:
        if isinstance(self.device, str):
            return open_capture(self.device)
        return open_camera(self.device)


def open_camera(index: int) -> cv2.VideoCapture:
    """Open a camera by its number.

    Raises
    ------
    DataError
        If there is none, it may not be used, or another program uses it.
    """
    device = Path(f"/dev/video{index}")
    if sys.platform == "linux":
        if not device.exists():
            there = sorted(Path("/dev").glob("video*"))
            found = f"found: {', '.join(map(str, there))}" if there else "this machine has none"
            raise DataError(
                f"there is no camera {index} ({found}); connect one, or name a video file instead"
                + (
                    f" (such as .{os.sep}{index}, which is there)"
                    if Path(str(index)).exists()
                    else ""
                )
            )
        if not os.access(device, os.R_OK | os.W_OK):
            raise DataError(
                f"camera {index}: you may not use {device}; add yourself to its group ('video')"
            )
    capture = cv2.VideoCapture(index)
    if not capture.isOpened():
        raise DataError(
            f"camera {index} can't be opened: it is not there, another program uses it, or the "
            "system doesn't allow it; close other programs that use cameras, or try another number"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    read, _ = capture.read()
    if not read:
        capture.release()
        raise DataError(
            f"camera {index} gives no picture: another program uses it, or it is no camera; try "
            "another number"
        )
    return capture
