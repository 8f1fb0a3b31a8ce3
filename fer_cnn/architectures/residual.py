"""Residual family: basic blocks with squeeze and excitation, for the strongest single network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fer_cnn.architectures.ends import FEATURES, gray_faces, probabilities
from fer_core.extras import require


def residual(
    n_classes: int,
    widths: Sequence[int] = (48, 96, 192, 384),
    blocks: Sequence[int] = (2, 2, 2, 2),
    squeeze: int = 8,
    dropout: float = 0.4,
) -> Any:
    """Build a residual network for 48-pixel faces: 17 3x3 convolutions, 6.4 million parameters.

    Basic blocks of two 3x3 convolutions around a shortcut (He et al., "Deep residual learning",
    CVPR 2016) whose channels are weighted by squeeze and excitation (Hu, Shen and Sun, CVPR 2018).
    The first convolution keeps the full resolution and each later stage halves it, because a face
    of 48 pixels has none to give away. Shortcuts that halve average first (He et al., "Bag of
    tricks", CVPR 2019).

    Parameters
    ----------
    n_classes : int
    widths, blocks : sequence of int
        Channels and number of blocks of each stage.
    squeeze : int
        The excitation's bottleneck has ``width / squeeze`` channels; 0 leaves it out.
    dropout : float
        Share of pooled features dropped in training.

    Returns
    -------
    keras.Model
    """
    keras = require("keras", "train")
    layers = keras.layers
    faces, x = gray_faces()
    x = layers.ReLU(name="stem_relu")(_conv_norm(x, widths[0], "stem"))
    for s, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
        for b in range(1, count + 1):
            halve = s > 1 and b == 1
            x = _block(x, width, f"stage{s}_block{b}", squeeze=squeeze, halve=halve)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(faces, probabilities(x, n_classes), name="residual")


def _block(x: Any, width: int, name: str, *, squeeze: int, halve: bool) -> Any:
    layers = require("keras", "train").layers
    shortcut = x
    if halve:
        shortcut = layers.AveragePooling2D(2, name=f"{name}_shortcut_pool")(shortcut)
    if shortcut.shape[-1] != width:
        shortcut = _conv_norm(shortcut, width, f"{name}_shortcut", kernel=1)
    x = _conv_norm(x, width, f"{name}_conv1", stride=2 if halve else 1)
    x = layers.ReLU(name=f"{name}_conv1_relu")(x)
    # A last scale of zero makes the block start as its shortcut (Goyal et al., 2017).
    x = _conv_norm(x, width, f"{name}_conv2", gamma="zeros")
    if squeeze:
        x = _excite(x, width // squeeze, f"{name}_excite")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _excite(x: Any, bottleneck: int, name: str) -> Any:
    layers = require("keras", "train").layers
    width = x.shape[-1]
    weight = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    weight = layers.Conv2D(bottleneck, 1, activation="relu", name=f"{name}_down")(weight)
    weight = layers.Conv2D(width, 1, activation="sigmoid", name=f"{name}_up")(weight)
    return layers.Multiply(name=name)([x, weight])


def _conv_norm(
    x: Any, width: int, name: str, *, kernel: int = 3, stride: int = 1, gamma: str = "ones"
) -> Any:
    layers = require("keras", "train").layers
    x = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(momentum=0.9, gamma_initializer=gamma, name=f"{name}_norm")(x)
