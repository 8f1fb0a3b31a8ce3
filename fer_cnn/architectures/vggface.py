"""VGGFace: VGG16 and ResNet50 in the layouts whose published weights learned to tell people apart.

Parkhi, Vedaldi and Zisserman, "Deep Face Recognition", BMVC 2015 (VGG16 layout), and Cao et al.,
"VGGFace2", FG 2018 (ResNet50 layout). The Keras form of their weights is that of the package
keras-vggface; ``/`` in its layer names is ``_`` here, because Keras 3 allows no ``/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fer_cnn.architectures.backbones import under_head
from fer_core.extras import require

#: Mean colours in BGR of VGGFace and VGGFace2, which their networks subtract.
VGGFACE_BGR = (-93.5940, -104.7624, -129.1863)
VGGFACE2_BGR = (-91.4953, -103.8827, -131.0912)


def vggface_vgg16(
    n_classes: int, size: int = 96, dense: Sequence[int] = (256,), dropout: float = 0.5
) -> Any:
    """Build VGG16 with VGGFace's preprocessing; see `fer_cnn.architectures.backbones.vgg16`."""
    applications = require("keras", "train").applications
    return under_head(
        "vggface-vgg16", applications.VGG16, n_classes, size, 1.0, VGGFACE_BGR, dense, dropout
    )


def vggface_resnet50(
    n_classes: int, size: int = 96, dense: Sequence[int] = (256,), dropout: float = 0.5
) -> Any:
    """Build VGGFace2's ResNet50: no biases, other padding than `keras.applications` has."""
    return under_head(
        "vggface-resnet50", _resnet50, n_classes, size, 1.0, VGGFACE2_BGR, dense, dropout
    )


def _resnet50(*, include_top: bool, weights: None, input_tensor: Any) -> Any:
    keras = require("keras", "train")
    layers = keras.layers
    x = _conv_norm(input_tensor, 64, 7, "conv1_7x7_s2", stride=2)
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, (count, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=2):
        for block in range(1, count + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            x = _bottleneck(x, width, f"conv{stage}_{block}", stride=stride, project=block == 1)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x)


def _bottleneck(x: Any, width: int, name: str, *, stride: int, project: bool) -> Any:
    layers = require("keras", "train").layers
    shortcut = x
    if project:
        shortcut = _conv_norm(x, 4 * width, 1, f"{name}_1x1_proj", stride=stride)
    x = _conv_norm(x, width, 1, f"{name}_1x1_reduce", stride=stride)
    x = layers.ReLU(name=f"{name}_1x1_reduce_relu")(x)
    x = _conv_norm(x, width, 3, f"{name}_3x3")
    x = layers.ReLU(name=f"{name}_3x3_relu")(x)
    x = _conv_norm(x, 4 * width, 1, f"{name}_1x1_increase")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_norm(x: Any, width: int, kernel: int, name: str, *, stride: int = 1) -> Any:
    layers = require("keras", "train").layers
    x = layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)
