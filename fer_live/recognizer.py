"""The recogniser: frames in, labelled faces out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fer_core.crop import boxes_from_landmarks, crop_faces, whole_picture_box
from fer_core.detectors import DEFAULT_DETECTOR, FaceDetector, make_detector
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, Scheme, get_scheme
from fer_core.landmarks import LandmarkPredictor
from fer_core.pictures import to_gray

if TYPE_CHECKING:
    from fer_core.ensemble import Model
    from fer_core.model_store import ModelStore

#: The shipped model that labels pictures; video takes the faster ``ensemble-live``.
DEFAULT_MODEL = "ensemble"


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
    """

    box: NDArray[np.float32]
    score: float
    landmarks: NDArray[np.float32]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]

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
        return self.ranking[0][1]

    @property
    def second(self) -> str:
        """The second choice."""
        return self.ranking[1][0]

    def as_dict(self) -> dict[str, Any]:
        """Return the face as plain values, ready for JSON."""
        return {
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "second": self.second,
            "probabilities": {
                name: round(float(p), 4)
                for name, p in zip(self.labels, self.probabilities, strict=True)
            },
            "box": [round(float(v), 1) for v in self.box],
            "detector_score": round(self.score, 4),
            "landmarks": [[round(float(v), 1) for v in point] for point in self.landmarks],
        }


class EmotionRecognizer:
    """Finds the faces of frames and labels them.

    It keeps no state from frame to frame and shares none with other recognisers, so two of them
    work in two threads; one of them belongs to one thread, as its detector does.

    Parameters
    ----------
    model : Model
        Anything with ``classes_`` and ``predict_proba(faces)``.
    detector : FaceDetector
    predictor : LandmarkPredictor
    scheme : Scheme or None
        Classes to answer with; None takes the model's own.
    model_scheme : Scheme
        What the codes in ``model.classes_`` mean. Seven-class models serve every scheme.

    Raises
    ------
    DataError
        If the model's classes can't be turned into the scheme's.
    """

    def __init__(
        self,
        model: Model,
        detector: FaceDetector,
        predictor: LandmarkPredictor,
        scheme: Scheme | None = None,
        model_scheme: Scheme = SCHEMES["fer7"],
    ) -> None:
        self.model = model
        self.detector = detector
        self.predictor = predictor
        self.model_scheme = model_scheme
        self.scheme = model_scheme if scheme is None else scheme
        if self.scheme != model_scheme and model_scheme != SCHEMES["fer7"]:
            raise DataError(
                f"the model answers in scheme '{model_scheme.name}' and can't be turned into "
                f"'{self.scheme.name}'; only seven-class models serve every scheme"
            )

    @classmethod
    def load(
        cls,
        model: str = DEFAULT_MODEL,
        *,
        store: ModelStore | str | os.PathLike[str] | None = None,
        detector: str | FaceDetector = DEFAULT_DETECTOR,
        scheme: str | None = None,
        predictor_path: str | os.PathLike[str] | None = None,
        **detector_options: Any,
    ) -> EmotionRecognizer:
        """Make a recogniser from a stored model.

        Parameters
        ----------
        model : str
            A name from the store, by default from `fer_core.model_store.list_models`.
        store : ModelStore, path or None
            Where the model is: a store, the folder of one (whose pickles are not loaded: open it
            with ``ModelStore(folder, trusted=True)`` if you trust them), or None for the shipped
            models.
        detector : str or FaceDetector
            A name for `fer_core.detectors.make_detector`, or a detector of your own.
        scheme : str or None
            Name of a label scheme; None takes the model's own.
        predictor_path : path or None
            A 68-point dlib shape predictor of your own.
        **detector_options
            For the detector, for example ``working_side=1280``.

        Raises
        ------
        FerError
            If the model, the detector, the scheme or the predictor can't be had.
        """
        # The store brings the classifiers' libraries, which importing this module need not.
        from fer_core.model_store import ModelStore

        if not isinstance(store, ModelStore):
            store = ModelStore(store)
        wanted = None if scheme is None else get_scheme(scheme)
        entry = store.entry(model)
        own = SCHEMES.get(entry.scheme) or Scheme(entry.scheme, tuple(entry.labels))
        if isinstance(detector, str):
            detector = make_detector(detector, **detector_options)
        predictor = LandmarkPredictor(predictor_path)
        return cls(store.load(model), detector, predictor, wanted, own)

    def analyze(self, frame: NDArray[np.uint8]) -> list[Face]:
        """Find and label the faces of one frame.

        Parameters
        ----------
        frame : uint8 (H, W, 3) BGR or (H, W) gray

        Returns
        -------
        list of Face
            The detector's surest first; empty where it finds none.

        Raises
        ------
        PictureError
            If the frame is of another shape or type.
        """
        return self.analyze_frames([frame])[0]

    def analyze_frames(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Find and label the faces of several frames, classifying all of them in one batch.

        Parameters
        ----------
        frames : sequence of uint8 (H, W, 3) BGR or (H, W) gray
            Sizes may differ.

        Returns
        -------
        list of list of Face
            For each frame, its faces.
        """
        found = [_Found.of(frame, self.detector, self.predictor) for frame in frames]
        return self._classify(found)

    def analyze_crop(self, picture: NDArray[np.uint8]) -> Face:
        """Label a picture that is one face's ready crop, without searching for a face.

        Parameters
        ----------
        picture : uint8 (H, W, 3) BGR or (H, W) gray
            In FER2013 framing, of any size.

        Returns
        -------
        Face
        """
        gray, box = to_gray(picture), whole_picture_box(picture)
        landmarks = self.predictor.predict_boxes(gray, box)
        found = _Found(box, np.ones(1, np.float32), landmarks, crop_faces(gray, box))
        return self._classify([found])[0][0]

    def _classify(self, found: Sequence[_Found]) -> list[list[Face]]:
        crops = [f.crops for f in found if len(f.crops)]
        if not crops:
            return [[] for _ in found]
        rows = iter(self._probabilities(np.concatenate(crops)))
        return [
            [
                Face(box, float(score), landmarks, self.scheme.labels, next(rows))
                for box, score, landmarks in zip(f.boxes, f.scores, f.landmarks, strict=True)
            ]
            for f in found
        ]

    def _probabilities(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        answered = self.model.predict_proba(faces)
        # A model that never saw some class has no column for it.
        full = np.zeros((len(faces), len(self.model_scheme.labels)), dtype=np.float32)
        full[:, np.asarray(self.model.classes_)] = answered
        return full if self.scheme == self.model_scheme else self.scheme.project(full)


@dataclass(frozen=True, eq=False)
class _Found:
    """The faces of one frame before they are labelled: arrays of n boxes, scores, and so on."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    crops: NDArray[np.uint8]

    @classmethod
    def of(
        cls, frame: NDArray[np.uint8], detector: FaceDetector, predictor: LandmarkPredictor
    ) -> _Found:
        detections = detector.detect(frame)
        gray = to_gray(frame)
        landmarks = predictor.predict_boxes(gray, detections.boxes)
        crops = crop_faces(gray, detections.boxes, landmarks)
        return cls(boxes_from_landmarks(landmarks), detections.scores, landmarks, crops)
