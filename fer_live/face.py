"""A face with its label, alone and in a frame of a video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Least probability of a label that is called sure, where the model's entry names none.
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Face:
    """A labelled face.

    Attributes
    ----------
    box : float32 (4,)
        Left, top, width, height in frame pixels of the square that was classified, in FER2013
        framing.
    score : float
        The detector's confidence; 1 for a ready crop.
    landmarks : float32 (68, 2)
        Frame pixels, x then y.
    labels : tuple of str
        Class names of the scheme.
    probabilities : float32 (k,)
        One for each of `labels`, summing to 1.
    threshold : float
        Least `confidence` of a sure label.
    timings : dict of str to float
        Milliseconds that each stage took for this face's frame, see `fer_live.stopwatch`.
    """

    box: NDArray[np.float32]
    score: float
    landmarks: NDArray[np.float32]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]
    threshold: float = DEFAULT_THRESHOLD
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def ranking(self) -> list[tuple[str, float]]:
        """Labels with their probabilities, most likely first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.labels[i], float(self.probabilities[i])) for i in order]

    @property
    def label(self) -> str:
        """The most likely label."""
        return self.ranking[0][0]

    @property
    def confidence(self) -> float:
        """The probability of `label`."""
        return float(self.probabilities[self.labels.index(self.label)])

    @property
    def second(self) -> str:
        """The second choice: the most likely label but for `label`."""
        label = self.label
        return next(name for name, _ in self.ranking if name != label)

    @property
    def sure(self) -> bool:
        """Whether `confidence` reaches the threshold."""
        return self.confidence >= self.threshold

    @property
    def caption(self) -> str:
        """`label`, with a question mark where it is not sure."""
        return self.label if self.sure else f"{self.label}?"

    def as_dict(self) -> dict[str, Any]:
        """Return the face as plain values, ready for JSON."""
        return {
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "second": self.second,
            "sure": self.sure,
            "probabilities": {
                name: round(float(p), 4)
                for name, p in zip(self.labels, self.probabilities, strict=True)
            },
            "box": [round(float(v), 1) for v in self.box],
            "detector_score": round(self.score, 4),
            "landmarks": [[round(float(v), 1) for v in point] for point in self.landmarks],
        }


@dataclass(frozen=True, eq=False)
class TrackedFace(Face):
    """A labelled face of a video.

    `probabilities` are smoothed over time. `label` is the steady one, which changes only when
    another is clearly or lastingly ahead, so it is not always the most probable.

    Attributes
    ----------
    track_id : int
        From 1; the same for one person's face through the video.
    raw_probabilities : float32 (k,)
        Of this frame alone.
    shown : int
        Column of `label`.
    """

    track_id: int = 0
    raw_probabilities: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    shown: int = 0

    @property
    def label(self) -> str:
        """The steady label."""
        return self.labels[self.shown]

    def as_dict(self) -> dict[str, Any]:
        """Return the face as plain values, ready for JSON."""
        raw = zip(self.labels, self.raw_probabilities, strict=True)
        return {
            "track_id": self.track_id,
            **super().as_dict(),
            "raw_probabilities": {name: round(float(p), 4) for name, p in raw},
        }


@dataclass(frozen=True, eq=False)
class FrameResult:
    """What is seen in a frame of a video.

    Attributes
    ----------
    faces : list of TrackedFace
        Those that are visible now, oldest track first.
    covered : list of float32 (4,)
        Where faces are expected that were in sight a moment ago: for hiding them all the same.
    seconds : float
        The frame's time.
    timings : dict of str to float
        Milliseconds of each stage and in ``total``, see `fer_live.stopwatch`.
    """

    faces: list[TrackedFace]
    seconds: float
    timings: Mapping[str, float]
    covered: list[NDArray[np.float32]] = field(default_factory=list)
