"""A detector's search of one frame beside the work on the next ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from threading import Thread
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fer_core.detectors import Detections


@dataclass(eq=False)
class BackgroundSearch:
    """A search that has begun; HOG and Haar detectors let other threads work meanwhile.

    Attributes
    ----------
    known : dict of int to float32 (4,)
        Boxes of the tracks that are visible in the frame, by number.
    seconds : float
        The frame's time.
    found : Future of Detections
    age : int
        Frames since, counted by whoever began it.
    """

    known: Mapping[int, NDArray[np.float32]]
    seconds: float
    found: Future[Detections]
    age: int = 0

    @classmethod
    def begin(
        cls,
        detect: Callable[[NDArray[np.uint8]], Detections],
        frame: NDArray[np.uint8],
        known: Mapping[int, NDArray[np.float32]],
        seconds: float,
    ) -> Self:
        """Search a frame by `detect` in a thread of its own.

        The frame, uint8 (H, W, 3) or (H, W), is copied: the caller may draw on it.
        """
        found: Future[Detections] = Future()
        Thread(target=_work, args=(found, detect, frame.copy()), name="face search").start()
        return cls(dict(known), seconds, found)

    def result(self) -> Detections:
        """Wait for what was found; raises what the detector raised."""
        return self.found.result()

    def wait(self) -> None:
        """Wait for the end of the search, whatever it is."""
        wait([self.found])

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
        found: Future[Detections] = Future()
        found.set_result(Detections(state["boxes"], state["scores"]))
        return cls(dict(state["known"]), state["seconds"], found, state["age"])


def _work(
    found: Future[Detections],
    detect: Callable[[NDArray[np.uint8]], Detections],
    frame: NDArray[np.uint8],
) -> None:
    try:
        found.set_result(detect(frame))
    except BaseException as error:  # raised where the result is wanted
        found.set_exception(error)
