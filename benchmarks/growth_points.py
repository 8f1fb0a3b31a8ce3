"""What was measured of a pipeline at several sizes, and how it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

#: An exponent is fitted to so many of the largest sizes, none of them smaller than this: there
#: fixed costs count, and pipelines with 4,000 centres have not got them all.
FITTED_SIZES, SMALLEST_FITTED = 3, 3000
#: Memory is the same each time, and what grows fastest of it shows at the largest sizes alone.
MEMORY_SIZES = 2
#: Exponents up to which a fit counts as linear, and a prediction as one that does not grow.
_LINEAR, _CONSTANT = 1.25, 0.25


@dataclass(frozen=True)
class Point:
    """One pipeline at one size.

    Attributes
    ----------
    pipeline : str
    n : int
        Faces fitted on.
    mirrored : bool
        Whether half of them are mirror images of the others.
    status : str
        ``"measured"``, ``"stopped"``, ``"failed"``, or ``"not tried"`` after a smaller size that
        was stopped.
    reason : str
        Why not measured.
    figures : dict of str to float or None
        See `benchmarks.growth.measure`.
    """

    pipeline: str
    n: int
    mirrored: bool
    status: str
    reason: str = ""
    figures: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """Seconds to fit."""
        return self.figures.get("fit_seconds")

    @property
    def gib(self) -> float | None:
        """Most memory while fitting."""
        most = self.figures.get("fit_mb")
        return None if most is None else most / 1024

    @property
    def ms(self) -> float | None:
        """Milliseconds a face, in batches."""
        return self.figures.get("ms_per_face_batch")


@dataclass(frozen=True)
class Growth:
    """How one pipeline grows: exponents e of n^e, fitted to the largest sizes measured.

    Attributes
    ----------
    pipeline : str
    points : sequence of Point
        By size.
    """

    pipeline: str
    points: Sequence[Point]

    @property
    def measured(self) -> list[Point]:
        """The points that have figures."""
        return [p for p in self.points if p.status == "measured"]

    @property
    def time_exponent(self) -> float | None:
        """Of the seconds to fit."""
        return _exponent([(p.n, p.seconds) for p in self.measured])

    @property
    def memory_exponent(self) -> float | None:
        """Of the memory that fitting adds to what the process held before."""
        return _exponent([(p.n, _added(p)) for p in self.measured], MEMORY_SIZES)

    @property
    def prediction_exponent(self) -> float | None:
        """Of the milliseconds a face."""
        return _exponent([(p.n, p.ms) for p in self.measured])

    def seconds_at(self, n: int) -> float | None:
        """Return the seconds that a fit on n faces would take."""
        return _extended([(p.n, p.seconds) for p in self.measured], self.time_exponent, n)

    def gib_at(self, n: int) -> float | None:
        """Return the memory that a fit on n faces would take."""
        added = _extended([(p.n, _added(p)) for p in self.measured], self.memory_exponent, n)
        return None if added is None else added / 1024

    def verdict(self) -> str:
        """Say whether the pipeline stays linear, or what does not."""
        if stopped := [p for p in self.points if p.status == "stopped"]:
            return f"no: {stopped[0].reason} at {stopped[0].n:,}"
        if any(p.status == "failed" for p in self.points):
            return "unknown"
        for exponent, limit, what in (
            (self.time_exponent, _LINEAR, "fit time"),
            (self.memory_exponent, _LINEAR, "memory"),
            (self.prediction_exponent, _CONSTANT, "prediction time"),
        ):
            if exponent is None:
                return "unknown"
            if exponent > limit:
                return f"no: {what} grows as n^{exponent:.1f}"
        return "yes"


def growths(points: Sequence[Point]) -> list[Growth]:
    """Return how each pipeline grows, in the order of their names' first points."""
    names = dict.fromkeys(p.pipeline for p in points)
    return [
        Growth(name, sorted((p for p in points if p.pipeline == name), key=lambda p: p.n))
        for name in names
    ]


def _added(point: Point) -> float | None:
    most, base = point.figures.get("fit_mb"), point.figures.get("base_mb")
    return None if most is None or base is None else max(most - base, 1.0)


def _exponent(
    pairs: Sequence[tuple[int, float | None]], largest: int = FITTED_SIZES
) -> float | None:
    """Return the slope of log value over log n; None with fewer than two sizes to fit."""
    known = [(n, v) for n, v in pairs if v is not None and v > 0 and n >= SMALLEST_FITTED]
    known = known[-largest:]
    if len(known) < 2:
        return None
    n, values = np.log(np.array(known)).T
    return float(np.polyfit(n, values, 1)[0])


def _extended(
    pairs: Sequence[tuple[int, float | None]], exponent: float | None, n: int
) -> float | None:
    known = [(size, value) for size, value in pairs if value is not None]
    if exponent is None or not known:
        return None
    size, value = known[-1]
    # Fixed costs make small sizes look better than linear, which nothing stays.
    return float(value * (n / size) ** max(exponent, 1.0))
