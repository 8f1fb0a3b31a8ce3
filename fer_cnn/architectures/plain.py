"""Plain family: stages of 3x3 convolutions with batch normalisation, halved by pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fer_cnn.architectures.ends import FEATURES, gray_faces, probabilities
from fer_core.extras import require


def compact(
    n_classes: int, dropout: float = 0.3, widths: Sequence[int] = (32, 64, 128, 256)
) -> Any:
    """Build eight 3x3 convolutions in four stages, 1.2 million parameters.

    Stages of 32, 64, 128 and 256 channels with batch normalisation, halved by max pooling
    (the VGG pattern: Simonyan and Zisserman, 2015), then global average pooling in place of
    dense layers (Lin, Chen and Yan, 2014).

    Parameters
    ----------
    n_classes : int
    dropout : float
        Share of pooled features dropped in training.
    widths : sequence of int
        Channels of each stage.

    Returns
    -------
    keras.Model
    """
    return _plain("compact", [(width, width) for width in widths], n_classes, dropout)


def tiny(n_classes: int, dropout: float = 0.2) -> Any:
    """Build four 3x3 convolutions, 0.1 million parameters: for demonstrations and tests."""
    return _plain("tiny", ((16,), (32,), (64,), (128,)), n_classes, dropout)


def _plain(name: str, stages: Sequence[Sequence[int]], n_classes: int, dropout: float) -> Any:
    keras = require("keras", "train")
    layers = keras.layers
    faces, x = gray_faces()
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
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(faces, probabilities(x, n_classes), name=name)
