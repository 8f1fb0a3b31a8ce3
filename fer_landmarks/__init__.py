"""Classical family: faces to landmarks, geometry and gradient histograms, to a classifier."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer_landmarks.compress import SymmetricPCA
    from fer_landmarks.descriptor import FaceDescriptor
    from fer_landmarks.kernel import KernelLeastSquares
    from fer_landmarks.mirroring import MirroredClassifier
    from fer_landmarks.pipelines import list_pipelines, make_pipeline
    from fer_landmarks.transformers import (
        AnchoredHistograms,
        DenseHog,
        FisherVectors,
        LandmarkGeometry,
        LbpHistograms,
    )

_HOMES = {
    "AnchoredHistograms": "transformers",
    "DenseHog": "transformers",
    "FaceDescriptor": "descriptor",
    "FisherVectors": "transformers",
    "KernelLeastSquares": "kernel",
    "LandmarkGeometry": "transformers",
    "LbpHistograms": "transformers",
    "MirroredClassifier": "mirroring",
    "SymmetricPCA": "compress",
    "list_pipelines": "pipelines",
    "make_pipeline": "pipelines",
}

__all__ = [
    "AnchoredHistograms",
    "DenseHog",
    "FaceDescriptor",
    "FisherVectors",
    "KernelLeastSquares",
    "LandmarkGeometry",
    "LbpHistograms",
    "MirroredClassifier",
    "SymmetricPCA",
    "list_pipelines",
    "make_pipeline",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: scikit-learn alone takes a second."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fer_landmarks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"fer_landmarks.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
