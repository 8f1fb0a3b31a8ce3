"""Backbone family: networks of `keras.applications` under a new head.

A backbone sees the face enlarged, three times the same gray channel, and scaled as pictures were
when its published weights were trained. It lies between the layers ``preprocessing`` and
``features``, which is how `fer_cnn.weights` finds it to freeze it and to give it weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fer_cnn.architectures.ends import FEATURES, probabilities, rgb_faces
from fer_core.datasets.dataset import FACE_SIZE
from fer_core.extras import require

#: ImageNet's mean colour in BGR, which VGG and ResNet subtract (`keras.applications`, mode caffe).
IMAGENET_BGR = (-103.939, -116.779, -123.68)

#: Of batch normalisation's moving statistics, at most. MobileNetV2 comes with 0.999, which is meant
#: for millions of steps: after two thousand they still lagged, and validation stayed at chance.
MOMENTUM = 0.99


def vgg16(
    n_classes: int, size: int = 96, dense: Sequence[int] = (256,), dropout: float = 0.5
) -> Any:
    """Build VGG16 (Simonyan and Zisserman, 2015) under a dense head, 15 million parameters.

    Parameters
    ----------
    n_classes : int
    size : int
        Height and width in pixels that faces are enlarged to.
    dense : sequence of int
        Widths of the head's dense layers.
    dropout : float
        Share dropped after each of them.

    Returns
    -------
    keras.Model
    """
    applications = require("keras", "train").applications
    return under_head(
        "vgg16", applications.VGG16, n_classes, size, 1.0, IMAGENET_BGR, dense, dropout
    )


def resnet50(
    n_classes: int, size: int = 96, dense: Sequence[int] = (256,), dropout: float = 0.5
) -> Any:
    """Build ResNet50 (He et al., 2016) under a dense head, 24 million parameters; see `vgg16`."""
    applications = require("keras", "train").applications
    return under_head(
        "resnet50", applications.ResNet50, n_classes, size, 1.0, IMAGENET_BGR, dense, dropout
    )


def mobilenet_v2(
    n_classes: int,
    size: int = 96,
    dense: Sequence[int] = (256,),
    dropout: float = 0.5,
    width: float = 1.0,
) -> Any:
    """Build MobileNetV2 (Sandler et al., 2018) under a dense head, 3 million parameters.

    As `vgg16`; `width` multiplies all channels (published weights: 0.35, 0.5, 0.75, 1, 1.3, 1.4).
    """

    def make(**options: Any) -> Any:
        return require("keras", "train").applications.MobileNetV2(alpha=width, **options)

    return under_head("mobilenet-v2", make, n_classes, size, 1 / 127.5, (-1.0,) * 3, dense, dropout)


def deepfer_vgg16(n_classes: int, dropout: float = 0.5, decay: float = 1e-3) -> Any:
    """Build VGG16 at 48 pixels, normalised, pooled, flattened, and two regularised dense layers.

    Parameters
    ----------
    n_classes : int
    dropout : float
        Share dropped after each dense layer.
    decay : float
        Weight of the squared weights of the dense layers in the loss.

    Returns
    -------
    keras.Model
    """
    keras = require("keras", "train")
    layers = keras.layers
    faces, x = rgb_faces(FACE_SIZE, 1.0, IMAGENET_BGR)
    backbone = keras.applications.VGG16(include_top=False, weights=None, input_tensor=x)
    x = layers.BatchNormalization(name=FEATURES)(backbone.output)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="features_pool")(x)
    x = layers.Flatten(name="features_flat")(x)
    for d, width in enumerate((256, 128), start=1):
        x = layers.Dense(
            width,
            activation="relu",
            kernel_regularizer=keras.regularizers.L2(decay),
            name=f"dense{d}",
        )(x)
        x = layers.Dropout(dropout, name=f"dense{d}_dropout")(x)
    return keras.Model(faces, probabilities(x, n_classes), name="deepfer-vgg16")


def under_head(
    name: str,
    make: Any,
    n_classes: int,
    size: int,
    scale: float,
    offset: Sequence[float],
    dense: Sequence[int],
    dropout: float,
) -> Any:
    """Put a backbone between prepared faces and a dense head.

    Parameters
    ----------
    name : str
    make : callable
        Lays the backbone over a tensor, with the keyword arguments of `keras.applications`.
    n_classes, size : int
    scale, offset
        See `fer_cnn.architectures.ends.rgb_faces`.
    dense : sequence of int
    dropout : float

    Returns
    -------
    keras.Model
    """
    keras = require("keras", "train")
    layers = keras.layers
    faces, x = rgb_faces(size, scale, offset)
    backbone = make(include_top=False, weights=None, input_tensor=x)
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = min(layer.momentum, MOMENTUM)
    x = layers.GlobalAveragePooling2D(name=FEATURES)(backbone.output)
    for d, width in enumerate(dense, start=1):
        x = layers.Dense(width, activation="relu", name=f"dense{d}")(x)
        x = layers.Dropout(dropout, name=f"dense{d}_dropout")(x)
    return keras.Model(faces, probabilities(x, n_classes), name=name)
