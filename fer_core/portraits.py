"""The one face of a picture that shows a person, or that is a ready crop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fer_core.crop import crop_faces, is_ready_crop, whole_picture_box
from fer_core.detectors import Detections
from fer_core.landmarks import LandmarkPredictor
from fer_core.pictures import to_gray


def largest_face(
    picture: NDArray[np.uint8],
    detect: Callable[[NDArray[np.uint8]], Detections],
    predictor: LandmarkPredictor,
    crop: str = "auto",
) -> tuple[NDArray[np.uint8], bool]:
    """Return the largest face of a picture, or the whole picture where there is none.

    Parameters
    ----------
    picture : uint8 (H, W, 3) BGR or (H, W) gray
    detect : callable
        Searches a picture for faces, see `fer_core.detectors.FaceDetector.detect`.
    predictor : LandmarkPredictor
        Its landmarks place the crop.
    crop : {"auto", "always", "never"}
        See `fer_core.crop.is_ready_crop`.

    Returns
    -------
    face : uint8 (48, 48)
    found : bool
        False if a face was searched for and none found.
    """
    gray = to_gray(picture)
    ready = is_ready_crop(gray, crop)
    boxes = whole_picture_box(gray)[:0] if ready else detect(picture).boxes
    if len(boxes) == 0:
        return crop_faces(gray, whole_picture_box(gray))[0], ready
    largest = boxes[[boxes[:, 2].argmax()]]
    return crop_faces(gray, largest, predictor.predict_boxes(gray, largest))[0], True
