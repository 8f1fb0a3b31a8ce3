"""The 68 face landmarks of the iBUG scheme, from dlib's regression trees."""

import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.errors import ModelStoreError
from fer_core.extras import dlib_file, require
from fer_core.files import sha256_of
from fer_core.pictures import to_gray

#: Environment variable that names another predictor file.
PREDICTOR_VARIABLE = "FER_PREDICTOR"

N_LANDMARKS = 68

#: For each landmark, the one that takes its place in the mirrored face (iBUG 68 order:
#: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, outer lips 48-59, inner lips 60-67).
MIRROR_ORDER: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)

#: Side to which crops are enlarged first, because dlib rounds landmarks to whole pixels. On
#: FER2013's 48-pixel crops, expression from landmark geometry gained 3 points over no enlarging,
#: 2 over 96 pixels, and nothing more at 288 or 384; insetting the box lost up to 8.
_WORKING_SIDE = 192

#: How a crop can be looked at, in turn: pixels of the enlarged crop that the box is inset by, and
#: whether it is mirrored. Errors of dlib's regression trees differ from look to look.
_LOOKS = ((0, False), (0, True), (4, False), (-4, False))

#: Takes a gray picture and a box (left, top, width, height), returns 68 points.
_Finder = Callable[[NDArray[np.uint8], tuple[int, int, int, int]], list[tuple[int, int]]]

#: Side in frame pixels from which a face's landmarks serve models as well as those found in its
#: crop: 1,079 FER2013 validation faces of 120 to 200 pixels got the same log loss from the
#: ensemble (0.744 and 0.745), and so did 1,071 of 80 to 120 pixels (0.753 and 0.753).
FINE_SIDE = 80

_FILE_NAME = "shape_predictor_68_face_landmarks.dat"


def find_predictor(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the file of the 68-point shape predictor.

    Looks at `path`, then at the environment variable ``FER_PREDICTOR``, then into the package
    ``face_recognition_models``.

    Parameters
    ----------
    path : path or None
        A dlib shape predictor with 68 points of your own.

    Returns
    -------
    Path

    Raises
    ------
    ModelStoreError
        If the file named by `path` or by the variable does not exist.
    MissingExtraError
        If none is named and ``face_recognition_models`` is not installed.

    Notes
    -----
    The packaged predictor [1]_ was trained on iBUG 300-W [2]_, whose licence excludes commercial
    use. Pass a predictor trained on other data for such use.

    References
    ----------
    .. [1] Kazemi & Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression
       Trees", CVPR 2014.
    .. [2] Sagonas et al., "300 Faces In-the-Wild Challenge", ICCV Workshops 2013.
    """
    named = path if path is not None else os.environ.get(PREDICTOR_VARIABLE) or None
    if named is not None:
        file = Path(named)
        if not file.is_file():
            raise ModelStoreError(
                f"{file}: there is no landmark predictor there; pass the path of a dlib 68-point "
                f"shape predictor, or unset {PREDICTOR_VARIABLE} to use the packaged one"
            )
        return file
    return dlib_file(_FILE_NAME, f", or name a predictor of your own in {PREDICTOR_VARIABLE}")


def predictor_hash(path: str | os.PathLike[str] | None = None) -> str:
    """Return the SHA-256 of the predictor file that `find_predictor` finds; raises what it does."""
    file = find_predictor(path)
    return _hash_of(file, file.stat().st_mtime_ns)


@cache
def _hash_of(file: Path, changed: int) -> str:
    """Hash a file of 100 MB once, and again when it was changed."""
    return sha256_of(file)


def mirror_landmarks(landmarks: ArrayLike, width: int) -> NDArray[np.float32]:
    """Return the landmarks of the mirrored picture.

    Parameters
    ----------
    landmarks : float (n, 68, 2)
        Pixels, x then y.
    width : int
        Width of the picture in pixels.

    Returns
    -------
    float32 (n, 68, 2)
        In iBUG order again: left and right points have changed places.
    """
    mirrored = np.asarray(landmarks, dtype=np.float32)[:, list(MIRROR_ORDER)]
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored


class LandmarkPredictor:
    """Finds 68 landmarks in face crops, or in boxes of a frame.

    The dlib object (100 MB) is loaded on first use, once per process and file, and never
    pickled: a pickled predictor keeps the path that it was given, and looks for the packaged
    file anew where it was given none. Safe to use from several threads.

    Parameters
    ----------
    path : path or None
        See `find_predictor`, also for the licence of the packaged predictor's weights
        (trained on iBUG 300-W: no commercial use).
    looks : int
        1 to 4: over how many looks `predict_crops` averages each landmark (as it is, mirrored,
        in a slightly smaller box, in a slightly larger one), for as many times the time.
        Expression from landmark geometry alone gained 1.0 point on FER2013 by four looks; with
        gradient histograms around the landmarks it gained nothing.

    Raises
    ------
    ValueError
        If `looks` is something else.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, looks: int = 1) -> None:
        if looks not in range(1, len(_LOOKS) + 1):
            raise ValueError(f"looks must be 1 to {len(_LOOKS)}. Got {looks!r} instead.")
        self.path = path
        self.looks = looks

    def predict_crops(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the landmarks of ready face crops, taking each whole crop as the face's box.

        Parameters
        ----------
        faces : uint8 (n, h, w)
            Gray crops in FER2013 framing. No face is searched: dlib's detector finds only
            some 70 % of FER2013's faces, and the crops are registered already.

        Returns
        -------
        float32 (n, 68, 2)
            Crop pixels, x then y; points of a cut-off chin may lie outside the crop.
        """
        n, height, width = faces.shape
        scale = max(1.0, _WORKING_SIDE / max(height, width, 1))
        size = (round(width * scale), round(height * scale))
        out = np.zeros((n, N_LANDMARKS, 2), dtype=np.float32)
        find = self._finder()
        for i, face in enumerate(faces):
            large = cv2.resize(face, size, interpolation=cv2.INTER_LINEAR)
            for inset, mirrored in _LOOKS[: self.looks]:
                seen = cv2.flip(large, 1) if mirrored else large
                points = np.array(
                    find(seen, (inset, inset, size[0] - 2 * inset, size[1] - 2 * inset))
                )
                out[i] += mirror_landmarks(points[None], size[0])[0] if mirrored else points
        out /= self.looks
        # cv2.resize aligns the pictures' corners, not the centres of their corner pixels.
        return (out + np.float32(0.5)) / np.float32(scale) - np.float32(0.5)

    def predict_boxes(self, frame: NDArray[np.uint8], boxes: ArrayLike) -> NDArray[np.float32]:
        """Return the landmarks of the faces in a frame.

        Parameters
        ----------
        frame : uint8 (H, W, 3) BGR or (H, W) gray
        boxes : float (n, 4)
            Left, top, width, height in pixels; boxes may reach over the frame's edge.

        Returns
        -------
        float32 (n, 68, 2)
            Frame pixels, x then y.

        Raises
        ------
        PictureError
            If the frame is of another shape or type.
        """
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        gray = to_gray(frame)
        out = np.empty((len(boxes), N_LANDMARKS, 2), dtype=np.float32)
        find = self._finder()
        for i, (left, top, width, height) in enumerate(np.rint(boxes).astype(int).tolist()):
            out[i] = find(gray, (left, top, width, height))
        return out

    def in_crops(
        self, landmarks: ArrayLike, boxes: ArrayLike, crops: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return where a frame's landmarks lie in the crops that were cut there.

        dlib rounds landmarks to whole pixels of the frame. Of faces too small for that they are
        found anew in the crops, which are enlarged for it.

        Parameters
        ----------
        landmarks : float (n, 68, 2)
            Frame pixels, by this predictor.
        boxes : float (n, 4)
            Of the crops, see `fer_core.crop`.
        crops : uint8 (n, 48, 48)

        Returns
        -------
        float32 (n, 68, 2)
            Crop pixels, as `predict_crops` gives them.
        """
        corners, sides = np.split(np.asarray(boxes, np.float32).reshape(-1, 1, 4), 2, axis=2)
        # Landmarks are pixel centres, boxes are edges.
        points = (np.asarray(landmarks, np.float32) + 0.5 - corners) / sides
        points = points * np.float32(crops.shape[-1]) - np.float32(0.5)
        small = sides[:, 0, 0] < FINE_SIDE
        if small.any():
            points[small] = self.predict_crops(crops[small])
        return points

    def _finder(self) -> _Finder:
        return _load(str(find_predictor(self.path)))


_LOADING = threading.Lock()


def _load(path: str) -> _Finder:
    """Return the finder of a predictor file; each file is read once per process."""
    with _LOADING:
        return _load_once(path)


@cache
def _load_once(path: str) -> _Finder:
    dlib = require("dlib")
    try:
        predictor = dlib.shape_predictor(path)
    except RuntimeError as error:
        raise ModelStoreError(
            f"{path}: this is not a dlib shape predictor, or only part of one ({error}); "
            "download it again"
        ) from error

    def find(gray: NDArray[np.uint8], box: tuple[int, int, int, int]) -> list[tuple[int, int]]:
        left, top, width, height = box
        # dlib's rectangles hold their last pixel.
        shape = predictor(gray, dlib.rectangle(left, top, left + width - 1, top + height - 1))
        if shape.num_parts != N_LANDMARKS:
            raise ModelStoreError(
                f"{path}: this predictor finds {shape.num_parts} points; "
                f"one with {N_LANDMARKS} is needed"
            )
        return [(p.x, p.y) for p in shape.parts()]

    return find
