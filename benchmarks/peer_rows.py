"""What recognisers find in the same crops and frames, as rows of figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import measure
from benchmarks.resampling import share_interval
from fer_core.labels import LABELS
from fer_core.parity import paste_faces

#: Heights of the pasted faces in pixels of a 640 x 480 frame.
HEIGHTS = (80, 400)
#: Overlap (intersection over union) with the pasted face from which a found face is that face.
#: Lower than between our own boxes, because everyone draws boxes differently.
OVERLAP = 0.3


@dataclass(frozen=True, eq=False)
class Found:
    """Faces that a recogniser finds in frames, labelled: k faces in m frames.

    Attributes
    ----------
    index : int64 (k,)
        Each face's frame.
    boxes : float32 (k, 4)
        Left, top, width, height.
    proba : float32 (k, 7)
        In FER2013's order.
    ms : float64 (m,)
        Of each frame.
    """

    index: NDArray[np.int64]
    boxes: NDArray[np.float32]
    proba: NDArray[np.float32]
    ms: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pictures:
    """What everyone is asked: ready crops, and the first of them pasted into frames.

    Attributes
    ----------
    crops : uint8 (n, 48, 48)
    y : int64 (n,)
    copied : bool (n,)
    groups : int64 (n,)
        Pictures that are of one person or copies of each other share a number.
    frames : uint8 (m, 480, 640)
        Of the first m crops, which the order of the pictures makes a fair sample.
    true_boxes : float32 (m, 4)
    """

    crops: NDArray[np.uint8]
    y: NDArray[np.int64]
    copied: NDArray[np.bool_]
    groups: NDArray[np.int64]
    frames: NDArray[np.uint8]
    true_boxes: NDArray[np.float32]


def make_pictures(
    crops: NDArray[np.uint8],
    y: NDArray[np.int64],
    copied: NDArray[np.bool_],
    groups: NDArray[np.int64],
    n_frames: int,
    seed: int,
) -> Pictures:
    """Shuffle the pictures and paste the first `n_frames` of them into frames."""
    order = np.random.default_rng(seed).permutation(len(crops))
    crops, y, copied, groups = crops[order], y[order], copied[order], groups[order]
    pasted = list(paste_faces(crops[:n_frames], HEIGHTS, seed))
    frames = np.array([frame for frame, _ in pasted], np.uint8).reshape(-1, 480, 640)
    boxes = np.array([box for _, box in pasted], np.float32).reshape(-1, 4)
    return Pictures(crops, y, copied, groups, frames, boxes)


def crops_row(
    proba: NDArray[np.float32], pictures: Pictures, source: str, ms: NDArray[np.float64]
) -> dict[str, Any]:
    """Measure probabilities of ready crops."""
    figures = measure(pictures.y, proba, LABELS, source, pictures.groups)
    correct = proba.argmax(axis=1) == pictures.y
    return {
        "input": "crops",
        "n": len(correct),
        "found": None,
        "accuracy": figures["accuracy"],
        "interval": figures["intervals"]["accuracy"],
        "without_copies": _share(correct[~pictures.copied]),
        "macro_f1": figures["macro_f1"],
        "log_loss": figures["log_loss"],
        "machine": {"ms": round(float(np.median(ms)), 3)},
    }


def frames_row(found: Found, pictures: Pictures) -> dict[str, Any]:
    """Measure what was found in frames; a face that was not found is an error."""
    n = len(pictures.frames)
    hit, correct, strangers = np.zeros(n, bool), np.zeros(n, bool), 0
    for i, true in enumerate(pictures.true_boxes):
        faces = np.flatnonzero(found.index == i)
        overlaps = np.array([_overlap(box, true) for box in found.boxes[faces]])
        strangers += int((overlaps <= OVERLAP).sum()) if len(faces) else 0
        if len(faces) and overlaps.max() > OVERLAP:
            best = faces[overlaps.argmax()]
            hit[i] = True
            correct[i] = found.proba[best].argmax() == pictures.y[i]
    copied = pictures.copied[:n]
    return {
        "input": "frames",
        "n": n,
        "found": _share(hit),
        "accuracy": _share(correct),
        "interval": [round(v, 6) for v in share_interval(correct, groups=pictures.groups[:n])],
        "without_copies": _share(correct[~copied]),
        "accuracy_on_found": _share(correct[hit]),
        "false_faces": strangers,
        "macro_f1": None,
        "log_loss": None,
        "machine": {"ms": round(float(np.median(found.ms)), 3)},
    }


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    low = np.maximum(a[:2], b[:2])
    high = np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = np.prod(np.maximum(high - low, 0))
    return float(shared / (np.prod(a[2:]) + np.prod(b[2:]) - shared))


def _share(flags: NDArray[np.bool_]) -> float | None:
    return round(float(flags.mean()), 6) if len(flags) else None
