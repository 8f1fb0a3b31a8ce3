"""Networks by name: each builder returns a functional Keras model that eats uint8 faces.

Input is ``uint8 (n, 48, 48)``; scaling, resizing and gray to RGB are layers of the network, so that
no caller can prepare faces differently from training. Output is ``float32 (n, k)`` softmax
probabilities from a layer named ``probabilities``; the head begins with the layer named
``features``. One file a family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fer_cnn.architectures.backbones import deepfer_vgg16, mobilenet_v2, resnet50, vgg16
from fer_cnn.architectures.plain import compact, tiny
from fer_cnn.architectures.residual import residual
from fer_cnn.architectures.student import active_five, four_class, seven_class, six_class
from fer_cnn.architectures.vggface import vggface_resnet50, vggface_vgg16
from fer_core.lookup import look_up

Builder = Callable[..., Any]

#: Builders by name; a recipe names one of them.
ARCHITECTURES: Mapping[str, Builder] = MappingProxyType(
    {
        builder.__name__.replace("_", "-"): builder
        for builder in (
            compact,
            tiny,
            residual,
            four_class,
            seven_class,
            active_five,
            six_class,
            vgg16,
            resnet50,
            mobilenet_v2,
            deepfer_vgg16,
            vggface_vgg16,
            vggface_resnet50,
        )
    }
)


def build(name: str, n_classes: int, **options: Any) -> Any:
    """Build the architecture called `name`.

    Parameters
    ----------
    name : str
        One of `ARCHITECTURES`.
    n_classes : int
    **options
        Passed to the builder.

    Returns
    -------
    keras.Model
        With random weights.

    Raises
    ------
    DataError
        If there is none of that name; the message suggests the nearest.
    """
    return look_up(ARCHITECTURES, name, "architecture")(n_classes, **options)
