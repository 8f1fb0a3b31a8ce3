"""The recogniser: frames in, labelled faces out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fer_core.crop import CROP_SIDE, crop_faces, is_ready_crop, whole_picture_box
from fer_core.detectors import DEFAULT_DETECTOR, Detections, FaceDetector, make_detector
from fer_core.ensemble import Model, label_faces, takes_landmarks
from fer_core.errors import DataError, PictureError
from fer_core.labels import SCHEMES, Scheme, get_scheme, scheme_called
from fer_core.landmarks import LandmarkPredictor, find_predictor
from fer_core.pictures import to_gray
from fer_live.face import DEFAULT_THRESHOLD, Face
from fer_live.sightings import Sightings, look_at
from fer_live.stopwatch import STAGES, TOTAL, Stopwatch

if TYPE_CHECKING:
    from fer_core.model_store import ModelStore

#: The shipped model that labels pictures; video takes the faster ``ensemble-live``.
DEFAULT_MODEL = "ensemble"


class EmotionRecognizer:
    """Finds the faces of frames and labels them.

    It keeps no state from frame to frame and shares none with other recognisers, so two of them
    work in two threads.

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
    threshold : float or None
        Least probability of a label that is called sure; None takes that of `thresholds`.
    thresholds : dict of str to float
        By the name of a scheme, what was chosen for the model on validation pictures (see
        `fer_core.certainty`); `DEFAULT_THRESHOLD` for a scheme that is not there.

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
        threshold: float | None = None,
        thresholds: Mapping[str, float] | None = None,
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
        if threshold is not None and not 0 <= threshold <= 1:
            raise DataError(f"the threshold must lie between 0 and 1. Got {threshold} instead.")
        self.thresholds = dict(thresholds or {})
        # A detector keeps state while it searches; followers search beside other work.
        self._searching = Lock()
        self._stated = threshold

    @property
    def threshold(self) -> float:
        """Least probability of a label that is called sure."""
        if self._stated is not None:
            return self._stated
        return self.thresholds.get(self.scheme.name, DEFAULT_THRESHOLD)

    @classmethod
    def load(
        cls,
        model: str = DEFAULT_MODEL,
        *,
        store: ModelStore | str | os.PathLike[str] | None = None,
        detector: str | FaceDetector = DEFAULT_DETECTOR,
        scheme: str | None = None,
        members: Sequence[str] | None = None,
        threshold: float | None = None,
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
        members : sequence of str or None
            Names of the members of an ensemble to ask; None asks all.
        threshold : float or None
            Least probability of a label that is called sure; None takes what was chosen for the
            model and the scheme on validation pictures, where its entry in the store names it.
        predictor_path : path or None
            A 68-point dlib shape predictor of your own.
        **detector_options
            For the detector that is named, for example ``working_side=1280``.

        Raises
        ------
        FerError
            If the model, the detector, the scheme or the predictor can't be had.
        TypeError
            If options are given that `detector` doesn't take.
        """
        # These bring the classifiers' libraries, which importing this module need not.
        from fer_core.ensemble import only_members
        from fer_core.model_store import ModelStore

        if not isinstance(store, ModelStore):
            store = ModelStore(store)
        wanted = None if scheme is None else get_scheme(scheme)
        entry = store.entry(model)
        own = scheme_called(entry.scheme, entry.labels)
        if isinstance(detector, str):
            detector = make_detector(detector, **detector_options)
        elif detector_options:
            given = ", ".join(detector_options)
            raise TypeError(f"a detector of your own takes no options here. Got {given} instead.")
        loaded = store.load(model)
        thresholds = {name: found["confidence"] for name, found in entry.thresholds.items()}
        if members is not None:
            known = store.names()  # second names among them
            own_names = [store.entry(m).name if m in known else m for m in members]
            loaded = only_members(loaded, model, own_names)
            thresholds = {}  # they were chosen for all members together
        find_predictor(predictor_path)
        predictor = LandmarkPredictor(predictor_path)
        return cls(loaded, detector, predictor, wanted, own, threshold, thresholds)

    def using(
        self, *, scheme: Scheme | None = None, detector: FaceDetector | None = None
    ) -> EmotionRecognizer:
        """Return a recogniser with another scheme or detector that shares the model.

        Raises
        ------
        DataError
            If the model's classes can't be turned into the scheme's.
        """
        other = EmotionRecognizer(
            self.model,
            self.detector if detector is None else detector,
            self.predictor,
            self.scheme if scheme is None else scheme,
            self.model_scheme,
            self._stated,
            self.thresholds,
        )
        if other.detector is self.detector:
            other._searching = self._searching
        return other

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
        frames : sequence of uint8 (H, W, 3) BGR or (H, W) gray, of any sizes

        Returns
        -------
        list of list of Face
            For each frame, its faces, with timings of it and of its share of the batch.

        Raises
        ------
        PictureError
            If a frame is of another shape or type, or `frames` is one.
        """
        shape: tuple[int, ...] = getattr(frames, "shape", ())
        if len(shape) == 2 or (len(shape) == 3 and shape[-1] == 3):
            raise PictureError("frames is one frame; ask analyze for it, or pass [frame]")
        watches = [Stopwatch() for _ in frames]
        found = [self.find(frame, watch) for frame, watch in zip(frames, watches, strict=True)]
        return self._label(found, [watch.read() for watch in watches])

    def analyze_picture(self, picture: NDArray[np.uint8], crop: str = "auto") -> list[Face]:
        """Label a picture's faces, or the whole picture where it is one face's ready crop.

        Parameters
        ----------
        picture : uint8 (H, W, 3) BGR or (H, W) gray
        crop : {"auto", "always", "never"}
            See `fer_core.crop.is_ready_crop`.

        Returns
        -------
        list of Face
            Of a small picture of one gray level none, unless `crop` says that it is one.
        """
        if not is_ready_crop(picture, crop):
            return self.analyze(picture)
        known = crop == "never" or np.ptp(to_gray(picture))
        return [self.analyze_crop(picture)] if known else []

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
        watch = Stopwatch()
        gray, box = to_gray(picture), whole_picture_box(picture)
        with watch.stage("landmarks"):
            landmarks = self.predictor.predict_boxes(gray, box)
            found = Sightings(box, np.ones(1, np.float32), landmarks, crop_faces(gray, box))
        return self._label([found], [watch.read()])[0][0]

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Search a frame, uint8 (H, W, 3) BGR or (H, W) gray, when the detector is free."""
        with self._searching:
            return self.detector.detect(frame)

    def find(self, frame: NDArray[np.uint8], watch: Stopwatch | None = None) -> Sightings:
        """Find the faces of one frame without labelling them.

        Parameters
        ----------
        frame : uint8 (H, W, 3) BGR or (H, W) gray
        watch : Stopwatch or None
            Gets the times of the stages ``detect`` and ``landmarks``.

        Raises
        ------
        PictureError
            If the frame is of another shape or type.
        """
        watch = watch or Stopwatch()
        with watch.stage("detect"):
            detections = self.detect(frame)
        with watch.stage("landmarks"):
            return look_at(to_gray(frame), detections.boxes, detections.scores, self.predictor)

    def classify(
        self, crops: NDArray[np.uint8], landmarks: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities of faces in the classes of `scheme`.

        Parameters
        ----------
        crops : uint8 (n, 48, 48)
        landmarks : float32 (n, 68, 2) or None
            In crop pixels, for models that would find them again.

        Returns
        -------
        float32 (n, k)
        """
        if not len(crops):
            return np.zeros((0, len(self.scheme.labels)), dtype=np.float32)
        answered = label_faces(self.model, crops, landmarks)
        # A model that never saw some class has no column for it.
        full = np.zeros((len(crops), len(self.model_scheme.labels)), dtype=np.float32)
        full[:, np.asarray(self.model.classes_)] = answered
        return full if self.scheme == self.model_scheme else self.scheme.project(full)

    def classify_sightings(self, found: Sequence[Sightings]) -> NDArray[np.float32]:
        """Return the probabilities of all faces of `found`, in one batch: float32 (n, k)."""
        if not any(len(f) for f in found):
            return self.classify(np.zeros((0, CROP_SIDE, CROP_SIDE), np.uint8))
        crops = np.concatenate([f.crops for f in found])
        # Models find landmarks with the packaged predictor; another's may lie elsewhere.
        if self.predictor.path is not None or not takes_landmarks(self.model):
            return self.classify(crops)
        known = [self.predictor.in_crops(f.landmarks, f.boxes, f.crops) for f in found]
        return self.classify(crops, np.concatenate(known))

    def _label(
        self, found: Sequence[Sightings], times: Sequence[dict[str, float]]
    ) -> list[list[Face]]:
        watch, labelled = Stopwatch(), []
        rows = self.classify_sightings(found)
        each = watch.read()[TOTAL] / max(len(rows), 1)
        row = iter(rows)
        for f, spent in zip(found, times, strict=True):
            share = each * len(f)
            timings = {**spent, "classify": share}
            timings[TOTAL] = sum(timings[stage] for stage in STAGES)
            labelled.append(
                [
                    Face(
                        f.boxes[i],
                        float(f.scores[i]),
                        f.landmarks[i],
                        self.scheme.labels,
                        next(row),
                        self.threshold,
                        timings,
                    )
                    for i in range(len(f))
                ]
            )
        return labelled
