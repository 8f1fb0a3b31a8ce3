"""What `benchmarks.speed` times: stages of the way from a frame to a label, and the whole way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.interleaving import Work
from benchmarks.stored import StoredModels
from benchmarks.timing import BATCH
from benchmarks.worker import Notify
from fer_core.crop import crop_faces
from fer_core.datasets.demo import load_demo
from fer_core.detectors import make_detector
from fer_core.landmarks import LandmarkPredictor
from fer_core.pictures import to_gray
from fer_core.splits import make_split

#: Frames of the whole way's batch.
FRAMES = 4
#: Demo faces on which classifiers are fitted: enough for all to work, little enough for minutes.
_FITTED = 600


@dataclass
class Group:
    """Works that are compared with each other, the first being the reference.

    Attributes
    ----------
    name, title : str
    works : list of Work
    note : str
        What to know of the group.
    """

    name: str
    title: str
    works: list[Work] = field(default_factory=list)
    note: str = ""


def photograph() -> NDArray[np.uint8]:
    """Return scikit-image's astronaut as a frame with one face: uint8 (480, 640, 3) BGR."""
    from skimage.data import astronaut

    # The upper three quarters, in which neither detector finds a second face.
    picture = np.ascontiguousarray(astronaut()[:384, :, ::-1])
    enlarged = cv2.resize(picture, (640, 480), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, dtype=np.uint8)


def detector_group(frame: NDArray[np.uint8]) -> Group:
    """Return face detectors, on one frame."""
    group = Group("detectors", "Find the faces of a 640 x 480 frame")
    for name in ("hog", "haar", "cnn"):
        detector = make_detector(name)
        note = "slow; finds turned faces" if name == "cnn" else ""
        group.works.append(Work(name, partial(detector.detect, frame), note=note))
    return group


def face_group(frame: NDArray[np.uint8], faces: NDArray[np.uint8]) -> Group:
    """Return what happens to a face before it is described."""
    gray = to_gray(frame)
    boxes = make_detector("hog").detect(frame).boxes[:1]
    predictor = LandmarkPredictor()
    landmarks = predictor.predict_boxes(gray, boxes)
    return Group(
        "face",
        "Prepare one face",
        [
            Work("landmarks in a frame", lambda: predictor.predict_boxes(gray, boxes)),
            Work("crop by landmarks", lambda: crop_faces(gray, boxes, landmarks)),
            Work("landmarks of a ready crop", lambda: predictor.predict_crops(faces[:1])),
        ],
    )


def descriptor_group(faces: NDArray[np.uint8], n: int) -> Group:
    """Return descriptors of `n` faces whose landmarks are known."""
    from fer_landmarks.anchored import AnchoredFeatures
    from fer_landmarks.fisher import FisherFeatures
    from fer_landmarks.geometry import GeometryFeatures
    from fer_landmarks.hog import HogFeatures
    from fer_landmarks.lbp import LbpFeatures

    batch = np.resize(faces, (n, *faces.shape[1:]))
    landmarks = LandmarkPredictor().predict_crops(batch)
    kinds = {
        "hog": HogFeatures,
        "geometry": GeometryFeatures,
        "lbp": LbpFeatures,
        "anchored": AnchoredFeatures,
        "fisher": FisherFeatures,
    }
    works = []
    for name, kind in kinds.items():
        features = kind()
        describe = partial(features.describe, batch, landmarks)
        works.append(Work(name, describe, n, f"{features.n_features:,} numbers a face"))
    return Group(f"descriptors-{n}", f"Describe {_faces(n)}, landmarks known", works)


def classifier_groups(notify: Notify) -> list[Group]:
    """Return every classifier on the same descriptor, for one face and for a batch.

    They are fitted on demo faces: kernels, support vectors and neighbours take longer the more
    pictures they were fitted on.
    """
    from fer_landmarks import list_pipelines, make_pipeline

    fitting = make_split(load_demo()).fitting
    chosen = np.random.default_rng(0).permutation(len(fitting))[:_FITTED]
    faces, y = fitting.faces[chosen], fitting.y[chosen]
    names = [name for name in list_pipelines() if name.startswith("fusion-")]
    # The quickest comes first, because it is what the others are compared with.
    names.sort(key=lambda name: (name != "fusion-lda", name))
    described: NDArray[np.float32] | None = None
    groups = [
        Group(f"classifiers-{n}", f"Classify {_faces(n)}, described already", note=_fitted_note())
        for n in (1, BATCH)
    ]
    for name in names:
        notify(f"fitting {name}")
        pipeline: Any = make_pipeline(name, random_state=0)
        if described is None:
            described = pipeline.named_steps["descriptor"].transform(faces)
        classify = pipeline[1:].fit(described, y).predict_proba
        for group, n in zip(groups, (1, BATCH), strict=True):
            rows = np.resize(described, (n, described.shape[1]))
            group.works.append(Work(name.removeprefix("fusion-"), partial(classify, rows), n))
    return groups


def _fitted_note() -> str:
    return (
        f"Fitted on {_FITTED:,} demo faces, described by geometry and HOG. Kernels, support "
        "vectors and neighbours take longer the more pictures they were fitted on."
    )


def model_group(models: StoredModels, faces: NDArray[np.uint8], n: int) -> Group:
    """Return stored models on `n` ready crops."""
    batch = np.resize(faces, (n, *faces.shape[1:]))
    works = [
        Work(name, partial(models.load(name).predict_proba, batch), n, models.family(name))
        for name in models.entries
    ]
    return Group(f"models-{n}", f"Label {_faces(n)}, ready crops", works)


def whole_groups(models: StoredModels, frame: NDArray[np.uint8]) -> list[Group]:
    """Return the whole way from a frame to a label, for one frame and for several at once."""
    from fer_live import EmotionRecognizer

    one = Group("frame", "Whole way: find and label the face of one frame")
    several = Group("frames", f"Whole way: {FRAMES} frames at once, time of one")
    for name in models.entries:
        recognizer = EmotionRecognizer.load(name, store=models.store)
        analyze: Callable[[], object] = partial(recognizer.analyze, frame)
        one.works.append(Work(name, analyze, note=models.family(name)))
        several.works.append(
            Work(name, partial(recognizer.analyze_frames, [frame] * FRAMES), FRAMES)
        )
    return [one, several]


def _faces(n: int) -> str:
    return "one face" if n == 1 else f"{n} faces at once, time of one"
