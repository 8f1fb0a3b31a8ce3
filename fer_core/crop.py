"""Face crops in FER2013 framing: the one way every crop is made, at training and at serving.

A *FER2013 box* is the square of a frame that becomes a 48 x 48 crop: left, top, width, height in
frame pixels, width = height, edges (not pixel centres), so that a ready FER2013 picture pasted at
column 10, row 20 and 96 pixels high has the box (10, 20, 96, 96). Detectors give such boxes; a
face's landmarks give a better one (`boxes_from_landmarks`).

FER2013's pictures are not turned upright (the line between the eyes tilts by 9.5 degrees, standard
deviation over 3,000 Training pictures), so crops are placed by position and size alone. Measured on
700 PublicTest pictures that dlib's HOG detector (threshold -0.3) found in 640 x 480 frames: a
half-trained compact CNN gave the re-crop the label of the original for 82.6 % of them when placed
by all landmarks, 80.7 % by those inside the face, 81.1 % by all and turned upright, 79.4 % by the
detector's box alone.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.datasets.dataset import FACE_SIZE
from fer_core.errors import DataError
from fer_core.pictures import to_gray

#: Side of a crop in pixels.
CROP_SIDE = FACE_SIZE

#: Raised whenever the numbers below, or what is done with them, change: a model is served rightly
#: by the framing that it was trained with.
FRAMING_VERSION = 1

#: Own pictures whose longer side is under this are taken as ready crops by ``--crop auto``.
READY_CROP_SIDE = 100

#: Values of ``--crop``, see `is_ready_crop`.
CROP_CHOICES = ("auto", "always", "never")

# fmt: off
#: Where the 68 landmarks (iBUG order) lie in FER2013's pictures: the median over the 28,709
#: Training pictures of what `LandmarkPredictor.predict_crops` finds, in crop pixels
#: (`measure_framing` makes it). All x, then all y.
_MEAN_X = (
    3.38, 3.62, 4.12, 5.38, 7.38, 10.38, 14.38, 18.62, 23.88, 28.88, 33.38, 37.12, 40.12, 42.12,
    43.12, 43.88, 43.88, 7.12, 9.62, 12.88, 16.62, 19.88, 26.88, 30.38, 33.88, 37.12, 39.88,
    23.62, 23.62, 23.62, 23.62, 19.62, 21.62, 23.62, 25.62, 27.62, 10.88, 13.12, 15.88, 18.12,
    15.62, 12.88, 28.88, 31.12, 33.88, 36.12, 34.12, 31.38, 16.12, 18.62, 21.62, 23.62, 25.62,
    28.62, 31.38, 28.62, 25.88, 23.62, 21.38, 18.62, 17.38, 21.62, 23.62, 25.88, 30.12, 25.88,
    23.62, 21.62,
)
_MEAN_Y = (
    18.38, 23.62, 28.62, 33.62, 38.38, 42.38, 45.62, 47.88, 48.12, 47.62, 45.62, 42.12, 38.12,
    33.38, 28.38, 23.12, 17.88, 13.62, 11.62, 11.12, 11.62, 12.88, 12.88, 11.38, 10.88, 11.38,
    13.12, 17.62, 20.88, 24.12, 27.62, 30.12, 30.88, 31.38, 30.62, 29.88, 17.88, 16.62, 16.62,
    18.38, 19.12, 18.88, 18.38, 16.62, 16.38, 17.62, 18.62, 18.88, 36.62, 35.38, 34.62, 35.12,
    34.62, 35.12, 36.62, 39.12, 40.38, 40.62, 40.38, 39.38, 36.88, 36.38, 36.38, 36.38, 36.62,
    37.88, 38.12, 37.88,
)
# fmt: on

#: float32 (68, 2), read-only.
MEAN_LANDMARKS: NDArray[np.float32] = np.stack([_MEAN_X, _MEAN_Y], axis=1).astype(np.float32)
MEAN_LANDMARKS.flags.writeable = False

#: Samples for a pixel of the crop, across, up to which a box is sampled from the frame itself.
_MOST_SAMPLES = 64


def crop_faces(
    frame: NDArray[np.uint8], boxes: ArrayLike, landmarks: ArrayLike | None = None
) -> NDArray[np.uint8]:
    """Cut faces out of a frame as FER2013's pictures were cut.

    Parts outside the frame repeat its edge pixels. Large faces are shrunk by area averages, so
    that fine texture does not alias.

    Parameters
    ----------
    frame : uint8 (H, W, 3) BGR or (H, W) gray
    boxes : float (n, 4)
        FER2013 boxes, used where there are no `landmarks`.
    landmarks : float (n, 68, 2) or None
        Frame pixels. Where given, they place the crops and the boxes only count the faces.

    Returns
    -------
    uint8 (n, 48, 48)

    Raises
    ------
    DataError
        If shapes don't fit or a box has no area.
    """
    gray = to_gray(frame)
    placed = _check_boxes(boxes)
    if landmarks is not None:
        points = np.asarray(landmarks, dtype=np.float32)
        if points.shape != (len(placed), *MEAN_LANDMARKS.shape):
            raise DataError(
                f"landmarks must have shape ({len(placed)}, 68, 2), one set for each box. "
                f"Got {points.shape} instead."
            )
        placed = boxes_from_landmarks(points)
    crops = np.empty((len(placed), CROP_SIDE, CROP_SIDE), dtype=np.uint8)
    for crop, box in zip(crops, placed, strict=True):
        crop[:] = _cut(gray, box)
    return crops


def boxes_from_landmarks(
    landmarks: ArrayLike, reference: NDArray[np.float32] = MEAN_LANDMARKS
) -> NDArray[np.float32]:
    """Return the FER2013 boxes that bring faces' landmarks to where FER2013 has them.

    Position matches the points' centres and size their root mean square distances from them: no
    rotation, and unlike a least-squares fit not biased towards large boxes by tilted faces.

    Parameters
    ----------
    landmarks : float (n, p, 2)
        Frame pixels, x then y.
    reference : float32 (p, 2)
        Where the same points lie in a crop; all 68 by default.

    Returns
    -------
    float32 (n, 4)
        Left, top, width, height; width = height, at least one pixel.
    """
    points = np.asarray(landmarks, dtype=np.float64).reshape(-1, *reference.shape)
    centre = points.mean(axis=1)
    aim = reference.mean(axis=0, dtype=np.float64)
    spread = np.sqrt(((points - centre[:, None]) ** 2).sum(axis=(1, 2)))
    aim_spread = np.sqrt(((reference - aim) ** 2).sum(dtype=np.float64))
    scale = np.maximum(spread / aim_spread, 1 / CROP_SIDE)[:, None]
    # Landmarks are pixel centres, boxes are edges: half a pixel apart in frame and crop alike.
    corner = centre + 0.5 - (aim + 0.5) * scale
    side = CROP_SIDE * scale
    return np.concatenate([corner, side, side], axis=1).astype(np.float32)


def check_crop(crop: str) -> None:
    """Raise `DataError` unless `crop` is one of `CROP_CHOICES`."""
    if crop not in CROP_CHOICES:
        raise DataError(f"crop must be one of {', '.join(CROP_CHOICES)}. Got '{crop}' instead.")


def is_ready_crop(picture: NDArray[np.uint8], crop: str = "auto") -> bool:
    """Tell whether a picture is taken as one face's ready crop: the rule behind ``--crop``.

    Parameters
    ----------
    picture : uint8 (H, W, 3) or (H, W)
    crop : {"auto", "always", "never"}
        Search faces in pictures of 100 pixels and more, in all of them, or in none.

    Raises
    ------
    DataError
        If `crop` is something else.
    """
    check_crop(crop)
    return crop == "never" or (crop == "auto" and max(picture.shape[:2]) < READY_CROP_SIDE)


def whole_picture_box(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the box, float32 (1, 4), of a ready crop: the square around the whole picture."""
    height, width = picture.shape[:2]
    side = max(height, width)
    return np.array([[(width - side) / 2, (height - side) / 2, side, side]], dtype=np.float32)


def measure_framing(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Return where landmarks lie in ready crops: this is how `MEAN_LANDMARKS` was made.

    Parameters
    ----------
    landmarks : float (n, 68, 2)
        Of ready crops, in crop pixels. The median over them bears with the failures of a
        predictor on covered or drawn faces.

    Returns
    -------
    float32 (68, 2)
    """
    return np.median(np.asarray(landmarks, dtype=np.float32), axis=0).astype(np.float32)


def _check_boxes(boxes: ArrayLike) -> NDArray[np.float32]:
    checked = np.asarray(boxes, dtype=np.float32)
    if checked.size == 0:
        return np.zeros((0, 4), dtype=np.float32)
    if checked.ndim != 2 or checked.shape[1] != 4:
        raise DataError(
            f"boxes must have shape (n, 4): left, top, width, height. Got {checked.shape} instead."
        )
    if not np.isfinite(checked).all() or (checked[:, 2:] <= 0).any():
        raise DataError("every box needs finite numbers, and a width and height above 0")
    return checked


def _cut(gray: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[Any]:
    """Cut one box: at k times the crop's side by bilinear sampling, then k x k averages."""
    left, top, width, height = (float(v) for v in box)
    shrink = int(min(max(width, height), max(gray.shape)) / (CROP_SIDE * _MOST_SAMPLES)) + 1
    if shrink > 1:
        # A box of thousands of pixels: averages of the frame serve as well as its pixels.
        size = (-(-gray.shape[1] // shrink), -(-gray.shape[0] // shrink))
        x, y = size[0] / gray.shape[1], size[1] / gray.shape[0]
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        left, top, width, height = left * x, top * y, width * x, height * y
    # k so that samples lie at most one frame pixel apart; a box far larger than the frame would
    # otherwise ask for any amount of memory.
    k = min(int(np.ceil(max(width, height) / CROP_SIDE)), -(-max(gray.shape) // CROP_SIDE))
    side = CROP_SIDE * max(k, 1)
    step_x, step_y = width / side, height / side
    to_frame = np.array([[step_x, 0, left + step_x / 2 - 0.5], [0, step_y, top + step_y / 2 - 0.5]])
    sampled = cv2.warpAffine(
        gray,
        to_frame,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(sampled, (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_AREA)
