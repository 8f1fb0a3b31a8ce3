"""A detector's search of one frame beside the work on the next ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fer_core.detectors import Detections


class BackgroundSearch:
    """A search that has begun; dlib's and OpenCV's detectors let other threads work meanwhile.

    Parameters
    ----------
    detect : callable
        Searches a frame; called in a thread of its own.
    frame : uint8 (H, W, 3) or (H, W)
        Copied: the caller may draw on it.
    known : dict of int to float32 (4,)
        Boxes of the tracks that are visible in this frame, by number.
    seconds : float
        The frame's time.

    Attributes
    ----------
    age : int
        Frames since, counted by the caller.
    """

    def __init__(
        self,
        detect: Callable[[NDArray[np.uint8]], Detections],
        frame: NDArray[np.uint8],
        known: Mapping[int, NDArray[np.float32]],
        seconds: float,
    ) -> None:
        self.known = dict(known)
        self.seconds = seconds
        self.age = 0
        self._found: Detections | None = None
        self._error: BaseException | None = None
        self._thread: Thread | None = Thread(
            target=self._work, args=(detect, frame.copy()), name="face search"
        )
        self._thread.start()

    def result(self) -> Detections:
        """Wait for what was found; raises what the detector raised."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found

    def state(self) -> dict[str, Any]:
        """Wait for what was found, and return everything, for `from_state`."""
        found = self.result()
        return {
            "boxes": found.boxes,
            "scores": found.scores,
            "known": list(self.known.items()),  # JSON's keys are strings
            "seconds": self.seconds,
            "age": self.age,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Make again, with its result, what `state` was taken from."""
        search = cls.__new__(cls)
        search.known = dict(state["known"])
        search.seconds, search.age = state["seconds"], state["age"]
        search._found = Detections(state["boxes"], state["scores"])
        search._error = search._thread = None
        return search

    def _work(
        self, detect: Callable[[NDArray[np.uint8]], Detections], frame: NDArray[np.uint8]
    ) -> None:
        try:
            self._found = detect(frame)
        except BaseException as error:  # raised where the result is wanted
            self._error = error
