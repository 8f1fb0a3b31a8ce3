"""Pipelines served from arrays: no scikit-learn, no pickle, ONNX Runtime for what is in bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.datasets.dataset import check_faces
from fer_core.errors import ModelStoreError
from fer_core.files import sha256_of, write_atomically
from fer_core.landmarks import PREDICTOR_VARIABLE, LandmarkPredictor, predictor_hash
from fer_core.pipeline_files import ARRAYS_FILE, JOBLIB_FILE, save_joblib, save_skops
from fer_landmarks.anchored import AnchoredFeatures
from fer_landmarks.features import Features, JoinedFeatures, chunks, describe_faces
from fer_landmarks.fisher import FisherFeatures, load_vocabulary, vocabulary_file
from fer_landmarks.geometry import GeometryFeatures
from fer_landmarks.hog import HogFeatures
from fer_landmarks.layers import LayerScores
from fer_landmarks.lbp import LbpFeatures
from fer_landmarks.projection import Projection
from fer_landmarks.scores import KernelScores

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

#: Version of the file's layout.
FORMAT = 1

#: The kinds of features that a file can name.
_KINDS: dict[str, type[Features]] = {
    kind.__name__: kind
    for kind in (GeometryFeatures, AnchoredFeatures, HogFeatures, LbpFeatures, FisherFeatures)
}
#: And the kinds of classifiers.
_SCORES: dict[str, type[KernelScores] | type[LayerScores]] = {
    kind.__name__: kind for kind in (KernelScores, LayerScores)
}


class ServedPipeline:
    """What a fitted pipeline with kernel least squares or a perceptron answers.

    Parameters
    ----------
    classes : int (k,)
        Codes of the columns.
    features : JoinedFeatures
    projections : sequence of Projection
        Applied one after the other.
    scores : KernelScores or LayerScores
    predictor : LandmarkPredictor or None
        None for the packaged one, looking once.

    Attributes
    ----------
    classes_ : int64 (k,)
    """

    def __init__(
        self,
        classes: ArrayLike,
        features: JoinedFeatures,
        projections: Sequence[Projection],
        scores: KernelScores | LayerScores,
        predictor: LandmarkPredictor | None = None,
    ) -> None:
        self.classes_ = np.asarray(classes, dtype=np.int64)
        self.features = features
        self.projections = tuple(projections)
        self.scores = scores
        self.predictor = predictor or LandmarkPredictor()

    @classmethod
    def of(cls, pipeline: Pipeline) -> Self:
        """Return what a fitted pipeline answers, see `can_serve`."""
        descriptor, *projections, classifier = pipeline.named_steps.values()
        return cls(
            pipeline.classes_,
            descriptor.features(),
            [step.projection() for step in projections],
            classifier.scores(),
            LandmarkPredictor(descriptor.predictor, descriptor.looks),
        )

    @property
    def takes_landmarks(self) -> bool:
        """Whether landmarks found elsewhere do: not where several looks are averaged."""
        return self.features.uses_landmarks and self.predictor.looks == 1

    def predict_proba(
        self, faces: ArrayLike, landmarks: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return probabilities.

        Parameters
        ----------
        faces : uint8 (n, 48, 48)
        landmarks : float32 (n, 68, 2) or None
            In crop pixels, by the same predictor; None finds them in the crops.

        Returns
        -------
        float32 (n, k)

        Raises
        ------
        DataError
            If `faces` are something else.
        """
        checked = check_faces(faces)
        out = np.empty((len(checked), len(self.classes_)), dtype=np.float32)
        for rows in chunks(len(checked)):  # the features of many faces would fill the memory
            known = None if landmarks is None else landmarks[rows]
            x = describe_faces(self.features, checked[rows], self.predictor, known)
            for projection in self.projections:
                x = projection(x)
            out[rows] = self.scores.probabilities(x)
        return out

    def predict(self, faces: ArrayLike) -> NDArray[np.int64]:
        """Return the most probable code of each face: int64 (n,)."""
        return self.classes_[self.predict_proba(faces).argmax(axis=1)]

    def save(self, path: Path) -> None:
        """Write arrays, large ones in half precision or less, and settings to an ``.npz`` file."""
        settings = {
            "format": FORMAT,
            "parts": [{"kind": type(p).__name__, **asdict(p)} for p in self.features.parts],
            "projections": [len(p.mean) for p in self.projections],
            "scores": type(self.scores).__name__,
            **self.scores.settings(),
            "looks": self.predictor.looks,
        }
        if self.predictor.path is not None:
            settings["predictor"] = predictor_hash(self.predictor.path)
        settings["vocabularies"] = {
            part.vocabulary: sha256_of(vocabulary_file(part.vocabulary))
            for part in self.features.parts
            if isinstance(part, FisherFeatures)
        }
        arrays: dict[str, NDArray[Any]] = {
            "settings": np.array(json.dumps(settings)),
            "classes": self.classes_,
            **self.scores.arrays(),
        }
        for i, projection in enumerate(self.projections):
            arrays |= projection.arrays(i)
        with write_atomically(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `save` wrote; no Python code in the file is run.

        Raises
        ------
        ModelStoreError
            If the file is no such file, or one of another format or landmark predictor.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                settings = json.loads(str(stored["settings"]))
                if settings["format"] != FORMAT:
                    raise ModelStoreError(
                        f"{path}: has format {settings['format']}, this version of fer-ensemble "
                        f"reads format {FORMAT}; install the version that made it"
                    )
                own = settings.get("predictor")
                if own is not None and predictor_hash() != own:
                    raise ModelStoreError(
                        f"{path}: fitted with another landmark predictor (SHA-256 {own}) than the "
                        f"one that is used here; name that file in {PREDICTOR_VARIABLE}"
                    )
                _check_vocabularies(path, settings.get("vocabularies", {}))
                return cls._from_arrays(settings, stored)
        except (OSError, EOFError, BadZipFile, KeyError, ValueError, TypeError) as error:
            raise ModelStoreError(
                f"{path}: this is no served pipeline ({error}); get it again, or train it again"
            ) from error

    @classmethod
    def _from_arrays(cls, settings: dict[str, Any], stored: Any) -> Self:
        parts = [_features(dict(part)) for part in settings["parts"]]
        features = JoinedFeatures(tuple(parts))
        symmetry = features.symmetry()
        projections = []
        for i in range(len(settings["projections"])):
            projections.append(Projection.from_arrays(stored, i, symmetry))
            symmetry = projections[-1].symmetry_out
        # The first files of this format knew one kind.
        kind = _SCORES[settings.get("scores", KernelScores.__name__)]
        scores = kind.from_arrays(stored, settings)
        predictor = LandmarkPredictor(looks=settings.get("looks", 1))
        return cls(stored["classes"], features, projections, scores, predictor)


def _check_vocabularies(path: Path, fitted_with: dict[str, str]) -> None:
    for name, own in fitted_with.items():
        load_vocabulary(name)  # says what to do where there is none
        file = vocabulary_file(name)
        if sha256_of(file) != own:
            raise ModelStoreError(
                f"{path}: fitted with another vocabulary '{name}' (SHA-256 {own}) than {file}; "
                "put that one there, or train the model again"
            )


def _features(settings: dict[str, Any]) -> Features:
    kind = _KINDS[settings.pop("kind")]
    # JSON has lists where the features' settings are tuples.
    return kind(**{name: _as_tuple(value) for name, value in settings.items()})


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value


def can_serve(model: Any) -> bool:
    """Return whether a fitted model is a pipeline that `ServedPipeline` can answer for."""
    from fer_landmarks.compress import SymmetricPCA
    from fer_landmarks.descriptor import FaceDescriptor
    from fer_landmarks.kernel import KernelLeastSquares
    from fer_landmarks.perceptron import DropoutPerceptron
    from fer_landmarks.symmetric_pipeline import SymmetricPipeline

    # Of others the steps may not know the symmetry that arrays are read with.
    if not isinstance(model, SymmetricPipeline):
        return False
    descriptor, *between, classifier = model.named_steps.values()
    return (
        isinstance(descriptor, FaceDescriptor)
        and all(type(part) in _KINDS.values() for part in descriptor.features().parts)
        and isinstance(classifier, KernelLeastSquares | DropoutPerceptron)
        and all(isinstance(step, SymmetricPCA) for step in between)
    )


def save_pipeline(model: Any, folder: Path) -> dict[str, Path]:
    """Write a fitted pipeline for serving and for further work; return the files by name.

    For serving: arrays if `ServedPipeline` can answer for it, otherwise skops. For further work:
    joblib. Only the last is a pickle.
    """
    files = {JOBLIB_FILE: save_joblib(model, folder)}
    if can_serve(model):
        files[ARRAYS_FILE] = folder / ARRAYS_FILE
        ServedPipeline.of(model).save(files[ARRAYS_FILE])
    else:
        skops = save_skops(model, folder)
        files[skops.name] = skops
    return files
