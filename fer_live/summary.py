"""What a run over a video or camera amounts to: people, labels, speed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from fer_live.face import FrameResult
from fer_live.stopwatch import TOTAL

#: Frames whose times are kept for the percentile.
_RECENT = 5000

#: Frames over which the shown rate is averaged.
_RATE_FRAMES = 30

#: People listed at the end: those seen in most frames.
_LISTED = 12


class Summary:
    """Counts what passes."""

    def __init__(self) -> None:
        self.n_frames = 0
        self.n_empty = 0
        self.people: dict[int, Counter[str]] = {}
        self._times: deque[float] = deque(maxlen=_RECENT)
        self._ticks: deque[float] = deque(maxlen=_RATE_FRAMES)
        self._start = perf_counter()

    def add(self, result: FrameResult) -> None:
        """Count a frame."""
        self.n_frames += 1
        self.n_empty += not result.faces
        for face in result.faces:
            self.people.setdefault(face.track_id, Counter())[face.caption] += 1
        self._times.append(result.timings[TOTAL])
        self._ticks.append(perf_counter())

    def state(self) -> dict[str, Any]:
        """Return what it has counted, for `restore`, ready for JSON; times of frames are left."""
        return {
            "frames": self.n_frames,
            "empty": self.n_empty,
            # Pairs, because JSON's keys are text.
            "people": [[track, dict(labels)] for track, labels in self.people.items()],
            "seconds": perf_counter() - self._start,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on counting where the summary was that `state` was taken from."""
        self.n_frames, self.n_empty = state["frames"], state["empty"]
        self.people = {track: Counter(labels) for track, labels in state["people"]}
        self._start = perf_counter() - state["seconds"]

    @property
    def rate(self) -> float:
        """Frames a second, lately."""
        if len(self._ticks) < 2:
            return 0.0
        return (len(self._ticks) - 1) / max(self._ticks[-1] - self._ticks[0], 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        times = np.array(self._times or [0.0])
        return {
            "frames": self.n_frames,
            "frames without a face": self.n_empty,
            "faces": len(self.people),
            "seconds of work": round(perf_counter() - self._start, 2),
            "median ms from frame to labels": round(float(np.median(times)), 2),
            "95th percentile ms": round(float(np.percentile(times, 95)), 2),
        }

    def table(self) -> Table:
        """Return a row for each person: in how many frames, and with which labels.

        A label with a question mark was not sure.
        """
        table = Table("face", "frames", "labels, share of frames")
        seen = sorted(self.people.items(), key=lambda item: (-item[1].total(), item[0]))
        for track, labels in sorted(seen[:_LISTED]):
            total = labels.total()
            shares = ", ".join(f"{escape(n)} {c / total:.0%}" for n, c in labels.most_common(3))
            table.add_row(str(track), str(total), shares)
        if len(seen) > _LISTED:
            table.add_row("…", "", f"and {len(seen) - _LISTED} more")
        return table
