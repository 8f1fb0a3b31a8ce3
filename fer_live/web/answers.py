"""What the page is told about faces, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fer_live.face import Face


def frame_answer(
    faces: Iterable[Face], shape: tuple[int, ...], timings: Mapping[str, float]
) -> dict[str, Any]:
    """Return one analysed frame or picture.

    Parameters
    ----------
    faces : iterable of Face
    shape : (int, int, ...)
        Of the frame that boxes and landmarks refer to: height, width.
    timings : mapping of str to float
        Milliseconds of each stage.
    """
    return {
        "width": shape[1],
        "height": shape[0],
        "faces": [face_answer(number, face) for number, face in enumerate(faces, start=1)],
        "timings": {stage: round(ms, 2) for stage, ms in timings.items()},
    }


def face_answer(number: int, face: Face) -> dict[str, Any]:
    """Return one face; `number` stands for its track where it has none."""
    return {
        "id": getattr(face, "track_id", number),
        "box": [round(float(v), 1) for v in face.box],
        "landmarks": [round(float(v), 1) for v in face.landmarks.reshape(-1)],
        "label": face.label,
        "second": face.second,
        "sure": face.sure,
        "probabilities": [round(float(p), 4) for p in face.probabilities],
    }
