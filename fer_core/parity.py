"""Parity: whether a face found in a frame looks like the crop a model learned from.

Ready crops are pasted into textured frames at random place and size, found, cropped again, and
compared with the originals: this measures detector, landmarks and framing together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.crop import boxes_from_landmarks, crop_faces
from fer_core.detectors import FaceDetector
from fer_core.ensemble import Model, label_faces
from fer_core.landmarks import N_LANDMARKS, LandmarkPredictor

#: Ranges of face height, in pixels of a 640 x 480 frame, that are reported one by one.
FACE_HEIGHTS: tuple[tuple[int, int], ...] = ((80, 120), (120, 200), (200, 400))


@dataclass(frozen=True)
class Recropped:
    """What came back from frames.

    Attributes
    ----------
    found : bool (n,)
        Which faces the detector found.
    faces : uint8 (m, 48, 48)
        Crops of those.
    landmarks : float32 (m, 68, 2) or None
        In crop pixels; None where the crops were not placed by landmarks.
    boxes, true_boxes : float32 (m, 4)
        FER2013 boxes from the detector, and where the faces were pasted.
    false_faces : int
        Detections that were no pasted face.
    """

    found: NDArray[np.bool_]
    faces: NDArray[np.uint8]
    landmarks: NDArray[np.float32] | None
    boxes: NDArray[np.float32]
    true_boxes: NDArray[np.float32]
    false_faces: int


def paste_faces(
    faces: NDArray[np.uint8],
    heights: tuple[int, int],
    seed: int = 0,
    frame_shape: tuple[int, int] = (480, 640),
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Paste each face into a textured frame of its own, at random place and height.

    Parameters
    ----------
    faces : uint8 (n, h, h)
    heights : (int, int)
        Least and most height in pixels; its logarithm is uniform between them.
    seed : int
    frame_shape : (int, int)
        Height and width of the frames.

    Yields
    ------
    frame : uint8 (H, W)
    box : float32 (4,)
        Where the face is.
    """
    rows, columns = frame_shape
    low, high = np.log(heights)
    for i, face in enumerate(faces):
        # A stream for each face: the frames don't depend on how many faces are measured.
        rng = np.random.default_rng((seed, i))
        frame = _texture(frame_shape, rng)
        side = min(round(float(np.exp(rng.uniform(low, high)))), rows, columns)
        left = int(rng.integers(columns - side + 1))
        top = int(rng.integers(rows - side + 1))
        frame[top : top + side, left : left + side] = cv2.resize(
            face, (side, side), interpolation=cv2.INTER_CUBIC
        )
        yield frame, np.array([left, top, side, side], dtype=np.float32)


def recrop(
    faces: NDArray[np.uint8],
    detector: FaceDetector,
    predictor: LandmarkPredictor | None,
    heights: tuple[int, int],
    seed: int = 0,
) -> Recropped:
    """Paste faces, find them, and crop them again.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    detector : FaceDetector
    predictor : LandmarkPredictor or None
        Places the crops; None places them by the detector's boxes.
    heights : (int, int)
    seed : int

    Returns
    -------
    Recropped
    """
    found = np.zeros(len(faces), dtype=bool)
    crops, points, boxes, true_boxes, false_faces = [], [], [], [], 0
    for i, (frame, true_box) in enumerate(paste_faces(faces, heights, seed)):
        detections = detector.detect(frame)
        hits = np.flatnonzero(_overlap(detections.boxes, true_box) > 0.4)
        false_faces += len(detections) - min(len(hits), 1)
        if not len(hits):
            continue
        found[i] = True
        box = detections.boxes[hits[:1]]
        placed = box
        if predictor is not None:
            landmarks = predictor.predict_boxes(frame, box)
            placed = boxes_from_landmarks(landmarks)
        crop = crop_faces(frame, placed)
        if predictor is not None:
            points.append(predictor.in_crops(landmarks, placed, crop)[0])
        crops.append(crop[0])
        boxes.append(box[0])
        true_boxes.append(true_box)
    known = np.array(points, dtype=np.float32).reshape(-1, N_LANDMARKS, 2) if predictor else None
    return Recropped(
        found,
        np.array(crops, dtype=np.uint8).reshape(-1, *faces.shape[1:]),
        known,
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(true_boxes, dtype=np.float32).reshape(-1, 4),
        false_faces,
    )


def measure_parity(
    faces: NDArray[np.uint8],
    y: NDArray[np.int64],
    model: Model,
    recropped: Recropped,
) -> dict[str, float]:
    """Compare a model's labels of ready crops and of the same faces found in frames.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
        The originals.
    y : int (n,)
        Their true codes.
    model : Model
    recropped : Recropped
        From `recrop` with the same faces.

    Returns
    -------
    dict
        ``found`` (rate), ``accuracy_crops`` and ``accuracy_frames`` (both on the found faces),
        ``agreement`` (same label), ``correlation`` (of pixels, mean).
    """
    kept, truth = faces[recropped.found], np.asarray(y)[recropped.found]
    codes = np.asarray(model.classes_)
    before = codes[model.predict_proba(kept).argmax(axis=1)]
    served = label_faces(model, recropped.faces, recropped.landmarks)
    after = codes[served.argmax(axis=1)]
    return {
        "n": float(len(faces)),
        "found": float(recropped.found.mean()),
        "accuracy_crops": float((before == truth).mean()),
        "accuracy_frames": float((after == truth).mean()),
        "agreement": float((before == after).mean()),
        "correlation": float(pixel_correlation(kept, recropped.faces).mean()),
    }


def pixel_correlation(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the correlation of pixel values, picture by picture: uint8 (n, h, w) twice."""
    x = a.reshape(len(a), -1).astype(np.float64)
    y = b.reshape(len(b), -1).astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    y -= y.mean(axis=1, keepdims=True)
    norms = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.asarray((x * y).sum(axis=1) / np.maximum(norms, 1e-9))


def _overlap(boxes: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intersection over union of each box with `box`."""
    low = np.maximum(boxes[:, :2], box[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    union = np.prod(boxes[:, 2:], axis=1) + np.prod(box[2:]) - shared
    return np.asarray(shared / union, dtype=np.float32)


def _texture(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return smooth noise over many scales, with a photograph's falling spectrum."""
    height, width = shape
    sum_ = np.zeros(shape, dtype=np.float32)
    for octave in range(1, 8):
        cells = 2**octave
        grid = rng.standard_normal((cells, cells * 4 // 3)).astype(np.float32)
        sum_ += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / cells**0.8
    sum_ = (sum_ - sum_.mean()) / sum_.std() * 45 + rng.uniform(90, 150)
    return np.clip(sum_, 0, 255).astype(np.uint8)
