"""Student family: the hand-made networks of well-known course projects on FER2013.

The projects describe their networks by kinds of layers (convolution, pooling, dense, dropout); the
widths here are ours, in the range that such projects use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fer_cnn.architectures.ends import FEATURES, gray_faces, probabilities
from fer_core.extras import require


def four_class(
    n_classes: int,
    widths: Sequence[int] = (64, 32, 32),
    dense: int = 512,
    dropout: float = 0.2,
    dense_dropout: float = 0.4,
) -> Any:
    """Build a baseline of three convolutions with 2x2 kernels, each pooled, and a dense layer.

    Parameters
    ----------
    n_classes : int
    widths : sequence of int
        Channels of each convolution.
    dense : int
        Width of the dense layer.
    dropout, dense_dropout : float
        Shares dropped after each pooling and after the dense layer.

    Returns
    -------
    keras.Model
    """
    stages = [(width,) for width in widths]
    return _student("four-class", stages, (dense,), n_classes, 2, dropout, dense_dropout)


def seven_class(n_classes: int) -> Any:
    """Build convolution, pooling and dense layers, 1.8 million parameters.

    Two convolutions a stage at 64 and 128 channels, one of 256, pooled after each stage, then two
    dense layers with dropout.
    """
    return _student("seven-class", ((64, 64), (128, 128), (256,)), (128, 128), n_classes, 3, 0, 0.3)


def active_five(n_classes: int) -> Any:
    """Build the shallowest baseline: two pooled convolutions and one dense layer."""
    return _student("active-five", ((32,), (64,)), (128,), n_classes, 3, 0, 0.5)


def six_class(n_classes: int) -> Any:
    """Build nine convolutions, pooled after every third, and two dense layers with dropout.

    All are normalised by batch: with plain dense layers at their end they learn nothing in the
    first epochs.
    """
    stages = ((32, 32, 32), (64, 64, 64), (128, 128, 128))
    return _student("six-class", stages, (64, 64), n_classes, 3, 0.2, 0.2, norm=True)


def _student(
    name: str,
    stages: Sequence[Sequence[int]],
    dense: Sequence[int],
    n_classes: int,
    kernel: int,
    dropout: float,
    dense_dropout: float,
    norm: bool = False,
) -> Any:
    keras = require("keras", "train")
    layers = keras.layers
    faces, x = gray_faces()
    for s, widths in enumerate(stages, start=1):
        for c, width in enumerate(widths, start=1):
            block = f"stage{s}_conv{c}"
            x = layers.Conv2D(width, kernel, padding="same", name=block)(x)
            if norm:
                x = layers.BatchNormalization(name=f"{block}_norm")(x)
            x = layers.ReLU(name=f"{block}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"stage{s}_pool")(x)
        x = layers.Dropout(dropout, name=f"stage{s}_dropout")(x)
    x = layers.Flatten(name=FEATURES)(x)
    for d, width in enumerate(dense, start=1):
        x = layers.Dense(width, name=f"dense{d}")(x)
        if norm:
            x = layers.BatchNormalization(name=f"dense{d}_norm")(x)
        x = layers.ReLU(name=f"dense{d}_relu")(x)
        x = layers.Dropout(dense_dropout, name=f"dense{d}_dropout")(x)
    return keras.Model(faces, probabilities(x, n_classes), name=name)
