"""The window, and the keys that it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.errors import DataError
from fer_live.overlay import WHITE, put_text

#: What keys do, by what they type.
KEYS: Mapping[str, str] = MappingProxyType(
    {
        " ": "pause",
        "s": "snapshot",
        "r": "record",
        "c": "scheme",
        "d": "detector",
        "l": "landmarks",
        "b": "blur",
        "h": "help",
        "q": "quit",
        "\x1b": "quit",
    }
)

HELP = (
    "space  pause and go on",
    "s  save this picture",
    "r  start and stop recording",
    "c  next label scheme",
    "d  next face detector",
    "l  landmarks on and off",
    "b  hide faces on and off",
    "h  this list",
    "q, Esc  quit",
)

_NO_WINDOWS = (
    "no window can be opened here{why}; use --headless with --out FOLDER, or 'python -m fer_live "
    "web', which shows everything in a browser"
)

#: This many lines are notes that should not cover faces; more are the list of keys.
_FEW = 3

#: Seconds after which a window system that doesn't answer counts as absent.
_PROBE_SECONDS = 20.0

_PROBE = "import cv2; cv2.namedWindow('fer-live'); cv2.waitKey(1); cv2.destroyAllWindows()"


class WindowProbe:
    """Finds out in a process of its own whether windows can be opened.

    Qt, which OpenCV's windows are made with, ends the whole process where it can't reach the
    window system: that can't be caught, so it has to happen to somebody else. The process runs
    beside the loading of models.

    Raises
    ------
    DataError
        If no window system is named at all.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if sys.platform != "linux":
            return
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            why = ": neither DISPLAY nor WAYLAND_DISPLAY is set"
            raise DataError(_NO_WINDOWS.format(why=why))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROBE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def check(self) -> None:
        """Wait for the answer.

        Raises
        ------
        DataError
            If no window can be opened.
        """
        if self._process is None:
            return
        try:
            opened = self._process.wait(_PROBE_SECONDS) == 0
        except subprocess.TimeoutExpired:
            opened = False
            self._process.kill()
            self._process.wait()
        if not opened:
            name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
            raise DataError(_NO_WINDOWS.format(why=f": the display {name} can't be reached"))

    def cancel(self) -> None:
        """End the process if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Window:
    """A window on the screen.

    Parameters
    ----------
    title : str

    Raises
    ------
    DataError
        If this build of OpenCV has no windows.
    """

    def __init__(self, title: str) -> None:
        # Qt reports fonts that the wheel doesn't bring, and no text here is Qt's.
        os.environ.setdefault("QT_LOGGING_RULES", "*=false")
        self.title = title
        self._shown = False
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            why = ": this build of OpenCV has no windows (opencv-python-headless)"
            raise DataError(_NO_WINDOWS.format(why=why)) from error

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Show a picture."""
        if not self._shown:
            cv2.resizeWindow(self.title, picture.shape[1], picture.shape[0])
            self._shown = True
        cv2.imshow(self.title, picture)

    def key(self, wait: float = 0.001) -> str | None:
        """Return what a pressed key does, ``"quit"`` where the window was closed, or None.

        Parameters
        ----------
        wait : float
            Seconds to wait for a key, at least a thousandth.
        """
        code = cv2.waitKeyEx(max(round(wait * 1000), 1))
        if self._shown and cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) < 1:
            return "quit"
        # X11 gives keys without a character, such as arrows, codes whose last byte would be a
        # letter's; modifiers are further up.
        code &= 0xFFFF
        return KEYS.get(chr(code).lower()) if code <= 0xFF else None

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()
        cv2.waitKey(1)


def write_lines(picture: NDArray[np.uint8], lines: tuple[str, ...] | list[str]) -> None:
    """Write lines onto a picture, on dark ground, in place: few at its foot, many in its middle."""
    row = max(picture.shape[0] // 24, 12)
    height, width = round(row * (len(lines) * 1.4 + 1)), row * 18
    below = picture.shape[0] - height
    top = max(below - row if len(lines) <= _FEW else below // 2, 0)
    left = row if len(lines) <= _FEW else max((picture.shape[1] - width) // 3, 0)
    part = picture[top : top + height, left : left + width]
    part[:] = part // 5
    for i, line in enumerate(lines):
        put_text(picture, line, left + row, top + round(row * (0.7 + 1.4 * i)), row, WHITE)
