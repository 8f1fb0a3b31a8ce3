"""Times of the stages of a frame."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

#: What is done with a frame, in this order; a stage that a frame skips takes 0.
STAGES = ("detect", "landmarks", "classify")

#: Everything from frame to labels.
TOTAL = "total"


class Stopwatch:
    """Measures stages in milliseconds, and all time since it was made."""

    def __init__(self) -> None:
        self._start = perf_counter()
        self._spent = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to the stage called `name`."""
        start = perf_counter()
        try:
            yield
        finally:
            self._spent[name] += 1000 * (perf_counter() - start)

    def read(self) -> dict[str, float]:
        """Return the milliseconds of each stage, and of everything as ``total``."""
        return {**self._spent, TOTAL: 1000 * (perf_counter() - self._start)}
