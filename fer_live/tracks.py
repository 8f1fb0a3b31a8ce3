"""Tracks: one person's face from frame to frame, and which found face continues which track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_live.sightings import Sightings
from fer_live.steadiness import SteadyExpression

#: A face whose crop correlates less than this with how its track looked is not followed further
#: (see `Sightings.looks` for what faces and background give).
SAME_LOOK = 0.5

#: A found face may lie this many sides from where its track is expected, and so many more for each
#: second that the track was out of sight, up to a limit.
_REACH = 0.5
_REACH_PER_SECOND = 1.5
_MOST_REACH = 1.5

#: Largest ratio of the sides of two sightings of one face.
_SIZE_RATIO = 1.8

#: A found face that correlates less than this with how a track looked is not its face.
_LEAST_ALIKE = 0.3

#: What a look that doesn't correlate at all costs, in sides of distance: at once, and after the
#: track was out of sight for `_FADE_SECONDS`, when its place says little.
_LOOK_COST = 1.0
_LOOK_COST_LATER = 4.0
_FADE_SECONDS = 0.5

#: Time constant with which a face out of sight is expected to stop.
_STOP_SECONDS = 0.8

#: Squares that overlap more than this show the same face.
SAME_PLACE = 0.5

#: Time constants: of a track's speed, and of its memory of how the face looks.
_SPEED_SECONDS = 0.1
_LOOK_SECONDS = 2.0

_IMPOSSIBLE = 1e6


@dataclass(eq=False)
class Track:
    """One face over time.

    Attributes
    ----------
    track_id : int
    box : float32 (4,)
        Where it was last seen.
    look : float32 (2304,)
        How it looks on average, see `Sightings.looks`.
    seen : float
        When it was last seen, in seconds.
    confirmed : float
        When a detector last found it.
    score : float
        What the detector said then.
    visible : bool
        False while it is covered or lost.
    expression : SteadyExpression or None
        None until it is first classified.
    speed : float64 (2,)
        Pixels a second.
    """

    track_id: int
    box: NDArray[np.float32]
    look: NDArray[np.float32]
    seen: float
    confirmed: float
    score: float
    visible: bool = True
    expression: SteadyExpression | None = None
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def expected_box(self, seconds: float) -> NDArray[np.float32]:
        """Return where the face should be now: on as it moved, and slowing down."""
        box = self.box.copy()
        lasting = _STOP_SECONDS * -np.expm1((self.seen - seconds) / _STOP_SECONDS)
        box[:2] += (self.speed * lasting).astype(np.float32)
        return box

    def move(self, box: NDArray[np.float32], look: NDArray[np.float32], seconds: float) -> None:
        """Note that the face is seen at `box` now."""
        passed = seconds - self.seen
        if passed > 0:
            speed = (centres(box) - centres(self.box)).astype(np.float64) / passed
            # A new array each time: states that were taken of the track stay as they were.
            fresh = 1 - np.exp(-passed / _SPEED_SECONDS)
            self.speed = self.speed + fresh * (speed - self.speed)
            mixed = self.look + (1 - np.exp(-passed / _LOOK_SECONDS)) * (look - self.look)
            self.look = (mixed / max(np.linalg.norm(mixed), 1e-6)).astype(np.float32)
        self.box, self.seen, self.visible = box, seconds, True

    def state(self) -> dict[str, Any]:
        """Return everything it knows, for `from_state`."""
        state = {name.name: getattr(self, name.name) for name in fields(self)}
        return {**state, "expression": self.expression and self.expression.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Track:
        """Make again what `state` was taken from."""
        expression = state["expression"] and SteadyExpression.from_state(state["expression"])
        return cls(**{**state, "expression": expression})


def match(
    tracks: Sequence[Track], found: Sightings, seconds: float
) -> tuple[list[tuple[int, int]], list[int]]:
    """Decide which found face continues which track.

    All pairs are decided at once (the Hungarian method), by distance from where the track is
    expected and by look; pairs too far apart or of too different size are left alone.

    Returns
    -------
    pairs : list of (int, int)
        Indices into `tracks` and `found`.
    new : list of int
        Indices of found faces that continue none.
    """
    from scipy.optimize import linear_sum_assignment

    if not tracks or not len(found):
        return [], list(range(len(found)))
    expected = np.stack([track.expected_box(seconds) for track in tracks])
    side = np.maximum(expected[:, None, 2], found.boxes[None, :, 2])
    distance = np.linalg.norm(centres(expected)[:, None] - centres(found.boxes)[None], axis=2)
    distance = distance / side
    hidden = np.array([seconds - track.seen for track in tracks])[:, None]
    faded = np.minimum(hidden / _FADE_SECONDS, 1)
    reach = np.minimum(_REACH + _REACH_PER_SECOND * hidden, _MOST_REACH)
    ratio = side / np.minimum(expected[:, None, 2], found.boxes[None, :, 2])
    alike = np.stack([track.look for track in tracks]) @ found.looks().T
    cost = distance + (_LOOK_COST + (_LOOK_COST_LATER - _LOOK_COST) * faded) * (1 - alike)
    cost[(distance > reach) | (ratio > _SIZE_RATIO) | (alike < _LEAST_ALIKE)] = _IMPOSSIBLE
    rows, columns = linear_sum_assignment(cost)
    pairs = [
        (int(i), int(j)) for i, j in zip(rows, columns, strict=True) if cost[i, j] < _IMPOSSIBLE
    ]
    taken = {j for _, j in pairs}
    return pairs, [j for j in range(len(found)) if j not in taken]


def near(boxes: ArrayLike, others: ArrayLike) -> NDArray[np.bool_]:
    """Return which squares (n, 4) could show one face with which of (m, 4): bool (n, m)."""
    a = np.asarray(boxes, dtype=np.float32).reshape(-1, 1, 4)
    b = np.asarray(others, dtype=np.float32).reshape(1, -1, 4)
    larger, smaller = np.maximum(a[..., 2], b[..., 2]), np.minimum(a[..., 2], b[..., 2])
    apart = np.linalg.norm(centres(a) - centres(b), axis=2)
    return np.asarray((apart <= _REACH * larger) & (larger <= _SIZE_RATIO * smaller))


def centres(boxes: ArrayLike) -> NDArray[np.float32]:
    """Return the centres (..., 2) of boxes (..., 4)."""
    array = np.asarray(boxes, dtype=np.float32)
    return np.asarray(array[..., :2] + array[..., 2:] / 2, dtype=np.float32)


def overlaps(boxes: ArrayLike) -> NDArray[np.float32]:
    """Return how much each box overlaps each other: intersection over union, float32 (n, n)."""
    array = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    low, high = array[:, :2], array[:, :2] + array[:, 2:]
    inside = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    shared = np.maximum(inside, 0).prod(axis=2)
    area = array[:, 2] * array[:, 3]
    union = area[:, None] + area[None] - shared
    return np.asarray(shared / union, dtype=np.float32)
