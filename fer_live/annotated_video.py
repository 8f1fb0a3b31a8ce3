"""Annotated video in files that a kill leaves readable."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.files import printable

#: MPEG-4 in Matroska: an MP4 file has its index at the end, so that one cut off is unreadable.
#: Every wheel of OpenCV encodes this; H.264 it does not.
SUFFIX = ".mkv"
_CODING = "mp4v"

#: Bytes that must stay free on the disk. OpenCV does not say when a write fails.
LEAST_FREE = 20_000_000

#: Frames from one look at the free space to the next.
_LOOK_EVERY = 30


class AnnotatedVideo:
    """A video file of annotated frames.

    Parameters
    ----------
    path : Path
        Ends with ``.mkv``; an older file is replaced.
    rate : float
        Frames a second; what MPEG-4 can't state becomes the nearest that it can.
    shape : (int, int)
        Height and width of the frames; others are scaled to it.

    Raises
    ------
    OSError
        If it can't be written, or, from `write`, if the disk is nearly full.
    """

    def __init__(self, path: Path, rate: float, shape: tuple[int, int]) -> None:
        self.path = path
        # A rate is written with up to three decimals, and no clock has more than 65,535 ticks.
        rate = min(max(rate, 0.01), 1000.0)
        self.rate = round(rate, next(n for n in (3, 2, 1) if rate * 10**n < 65_535))
        # Even sides, as MPEG-4 subsamples colour.
        self.shape = (shape[0] - shape[0] % 2, shape[1] - shape[1] % 2)
        self.n_frames = 0
        if printable(str(path)) != str(path):  # on which OpenCV crashes
            raise OSError(errno.EILSEQ, "a video's path must be valid UTF-8", str(path))
        _check_space(path)
        size = (self.shape[1], self.shape[0])
        self._writer = cv2.VideoWriter(
            os.path.abspath(path),
            cv2.CAP_FFMPEG,
            cv2.VideoWriter_fourcc(*_CODING),  # type: ignore[attr-defined]
            self.rate,
            size,
        )
        if not self._writer.isOpened():
            raise OSError(errno.EIO, "this video can't be written here", str(path))

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Add a frame, uint8 (H, W, 3) BGR."""
        if self.n_frames % _LOOK_EVERY == 0:
            _check_space(self.path)
        height, width = self.shape
        if picture.shape[:2] != self.shape:
            near = abs(picture.shape[0] - height) < 2 and abs(picture.shape[1] - width) < 2
            picture = np.asarray(
                picture[:height, :width] if near else cv2.resize(picture, (width, height)), np.uint8
            )
        self._writer.write(np.ascontiguousarray(picture))
        self.n_frames += 1

    def write_until(self, picture: NDArray[np.uint8], seconds: float) -> None:
        """Add a frame as often as it takes to fill the video up to a time.

        Live frames come irregularly: this keeps the video's time.
        """
        while self.n_frames <= seconds * self.rate:
            self.write(picture)

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()


def readable_frames(path: Path) -> int:
    """Return how many frames can be read of a video that may be cut off; 0 without one."""
    if not path.is_file() or printable(str(path)) != str(path):
        return 0
    capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
    n = 0
    while capture.grab():
        n += 1
    capture.release()
    return n


def _check_space(path: Path) -> None:
    if shutil.disk_usage(path.parent).free < LEAST_FREE:
        raise OSError(errno.ENOSPC, "the disk is nearly full; the video was ended", str(path))
