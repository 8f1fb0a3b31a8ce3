"""The two ends that all networks share: faces in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fer_core.datasets.dataset import FACE_SIZE
from fer_core.extras import require

#: Layers that every network has: the first of the head, and the one that gives the probabilities.
FEATURES = "features"
PROBABILITIES = "probabilities"
#: Layer that hands prepared colour pictures to a backbone; networks without backbone have none.
PREPROCESSING = "preprocessing"


def gray_faces() -> tuple[Any, Any]:
    """Return the input and its pixels scaled to [-1, 1].

    Returns
    -------
    faces : uint8 (n, 48, 48)
    scaled : float (n, 48, 48, 1)
    """
    layers = require("keras", "train").layers
    faces, gray = _faces()
    return faces, layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(gray)


def rgb_faces(size: int, scale: float, offset: Sequence[float]) -> tuple[Any, Any]:
    """Return the input as a network for colour pictures wants it.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    scale : float
    offset : three floats
        A channel's value is ``scale * gray level + offset``. The three channels of a gray picture
        are the same, so RGB and BGR differ in the order of `offset` alone.

    Returns
    -------
    faces : uint8 (n, 48, 48)
    prepared : float (n, size, size, 3)
    """
    layers = require("keras", "train").layers
    faces, x = _faces()
    x = layers.Rescaling(1.0, name="as_float")(x)
    if size != FACE_SIZE:
        # Left alone, this layer says that it trains, and all layers after it do where nobody says
        # otherwise: dropout and statistics of the batch would be exported with the network.
        resize = layers.Resizing(size, size, interpolation="bilinear", name="resizing")
        x = resize(x, training=False)
    x = layers.Concatenate(name="gray_to_rgb")([x, x, x])
    return faces, layers.Rescaling(scale, offset=list(offset), name=PREPROCESSING)(x)


def probabilities(features: Any, n_classes: int) -> Any:
    """Return the softmax output: float32 (n, n_classes), whatever precision trains the rest."""
    layers = require("keras", "train").layers
    return layers.Dense(n_classes, activation="softmax", dtype="float32", name=PROBABILITIES)(
        features
    )


def _faces() -> tuple[Any, Any]:
    keras = require("keras", "train")
    faces = keras.Input((FACE_SIZE, FACE_SIZE), dtype="uint8", name="faces")
    return faces, keras.layers.Reshape((FACE_SIZE, FACE_SIZE, 1), name="channel")(faces)
