"""Probabilities and words that don't flicker: smoothing over time, and hysteresis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Steadiness:
    """How calm labels are.

    Attributes
    ----------
    smoothing_seconds : float
        Time constant of the exponential average of probabilities: after that long, a new
        expression makes up 63 % of it. 0 shows each frame's own probabilities.
    margin : float
        A word changes at once when another class's smoothed probability is so much higher.
    hold_seconds : float
        It also changes when another class has been ahead for so long by less.
    """

    smoothing_seconds: float = 0.25
    margin: float = 0.1
    hold_seconds: float = 0.5


class SteadyExpression:
    """One face's probabilities over time, and the class that is shown for them.

    Attributes
    ----------
    probabilities : float32 (k,)
        Smoothed.
    shown : int
        Column of the class that is shown, which may trail the most probable one.
    """

    def __init__(self, raw: NDArray[np.float32], seconds: float) -> None:
        self.probabilities = raw
        self.shown = int(raw.argmax())
        self._seconds = seconds
        self._behind_since: float | None = None

    def update(self, raw: NDArray[np.float32], seconds: float, how: Steadiness) -> None:
        """Take in a frame's probabilities.

        The weight of what was before falls with the time that has passed, however many frames
        that was: after a gap of a few time constants nothing of it is left.
        """
        passed = max(seconds - self._seconds, 0.0)
        self._seconds = seconds
        kept = np.exp(-passed / how.smoothing_seconds) if how.smoothing_seconds > 0 else 0.0
        mixed = raw + np.float32(kept) * (self.probabilities - raw)
        self.probabilities = mixed / mixed.sum()
        self._choose(seconds, how)

    def state(self) -> dict[str, Any]:
        """Return everything it knows, for `from_state`."""
        return {
            "probabilities": self.probabilities,
            "shown": self.shown,
            "seconds": self._seconds,
            "behind_since": self._behind_since,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> SteadyExpression:
        """Make again what `state` was taken from."""
        made = cls(state["probabilities"], state["seconds"])
        made.shown, made._behind_since = state["shown"], state["behind_since"]
        return made

    def _choose(self, seconds: float, how: Steadiness) -> None:
        best = int(self.probabilities.argmax())
        lead = float(self.probabilities[best] - self.probabilities[self.shown])
        if best == self.shown:
            self._behind_since = None
            return
        if self._behind_since is None:
            self._behind_since = seconds
        if lead >= how.margin or seconds - self._behind_since >= how.hold_seconds:
            self.shown = best
            self._behind_since = None
