"""Networks by name: each builder returns a functional Keras model that eats uint8 faces.

Input is ``uint8 (n, 48, 48)``; scaling to [-1, 1] is a layer of the network, so that no caller can
prepare faces differently from training. Output is ``float32 (n, k)`` softmax probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fer_core.datasets.dataset import FACE_SIZE
from fer_core.extras import require
from fer_core.lookup import look_up

Builder = Callable[..., Any]


def compact(n_classes: int, dropout: float = 0.3) -> Any:
    """Build eight 3x3 convolutions in four stages, 1.2 million parameters.

    Stages of 32, 64, 128 and 256 channels with batch normalisation, halved by max pooling
    (the VGG pattern: Simonyan and Zisserman, 2015), then global average pooling in place of
    dense layers (Lin, Chen and Yan, 2014).

    Parameters
    ----------
    n_classes : int
    dropout : float
        Share of pooled features dropped in training.

    Returns
    -------
    keras.Model
    """
    return _plain("compact", ((32, 32), (64, 64), (128, 128), (256, 256)), n_classes, dropout)


def tiny(n_classes: int, dropout: float = 0.2) -> Any:
    """Build four 3x3 convolutions, 0.1 million parameters: for demonstrations and tests."""
    return _plain("tiny", ((16,), (32,), (64,), (128,)), n_classes, dropout)


#: Builders by name; a recipe names one of them.
ARCHITECTURES: Mapping[str, Builder] = MappingProxyType({"compact": compact, "tiny": tiny})


def build(name: str, n_classes: int, **options: Any) -> Any:
    """Build the architecture called `name`.

    Raises
    ------
    DataError
        If there is none; the message suggests the nearest name.
    """
    return look_up(ARCHITECTURES, name, "architecture")(n_classes, **options)


def _plain(name: str, stages: Sequence[Sequence[int]], n_classes: int, dropout: float) -> Any:
    keras = require("keras", "train")
    layers = keras.layers
    faces = keras.Input((FACE_SIZE, FACE_SIZE), dtype="uint8", name="faces")
    x = layers.Reshape((FACE_SIZE, FACE_SIZE, 1), name="channel")(faces)
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(x)
    for s, widths in enumerate(stages, start=1):
        for c, width in enumerate(widths, start=1):
            block = f"stage{s}_conv{c}"
            # Batch normalisation has the bias.
            x = layers.Conv2D(
                width,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                name=block,
            )(x)
            x = layers.BatchNormalization(momentum=0.9, name=f"{block}_norm")(x)
            x = layers.ReLU(name=f"{block}_relu")(x)
        if s < len(stages):
            x = layers.MaxPooling2D(2, name=f"stage{s}_pool")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(faces, probabilities, name=name)
