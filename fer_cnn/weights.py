"""Pretrained weights: whence they come, and which layers they go into.

Every network's head begins with the layer ``features`` (see `fer_cnn.architectures.ends`); what
lies before it is its body. In networks with a backbone, the backbone is the body without the
preparation of pictures.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_cnn.architectures.ends import FEATURES, PREPROCESSING, PROBABILITIES, probabilities
from fer_core.errors import DataError, FerError, first_line
from fer_core.extras import require
from fer_core.files import sha256_of
from fer_core.lookup import did_you_mean

logger = logging.getLogger(__name__)

#: What `load_weights` takes besides a file.
NONE, IMAGENET, VGGFACE = "none", "imagenet", "vggface"

#: For each architecture, the `keras.applications` network whose ImageNet weights fit it.
_IMAGENET = {
    "vgg16": "VGG16",
    "deepfer-vgg16": "VGG16",
    "resnet50": "ResNet50",
    "mobilenet-v2": "MobileNetV2",
}

_VGGFACE_RELEASE = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
#: For each architecture, the file of keras-vggface's release that fits it.
_VGGFACE = {
    "vggface-vgg16": "rcmalli_vggface_tf_notop_vgg16.h5",
    "vggface-resnet50": "rcmalli_vggface_tf_notop_resnet50.h5",
}

#: MD5 of published files by name, as `keras.applications` lists them. keras-vggface lists none.
KNOWN_MD5: Mapping[str, str] = {
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5": "6d6bbae143d832006294945121d1f1fc",
    "vgg16_weights_tf_dim_ordering_tf_kernels.h5": "64373286793e3c8b2b4e3219cbf3544b",
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5": "4d473c1dd8becc155b73f8504c6f6626",
    "resnet50_weights_tf_dim_ordering_tf_kernels.h5": "2cb95161c43110f7111970584f804107",
}

#: A layer's name, and its arrays in Keras's order.
Layers = dict[str, list[NDArray[np.float32]]]


def body_of(model: Any) -> Any:
    """Return the part of `model` before its head, as a Keras model that shares its layers."""
    return require("keras", "train").Model(model.inputs[0], model.get_layer(FEATURES).input)


def backbone_of(model: Any) -> Any | None:
    """Return the backbone of `model`, as a Keras model that shares its layers; None without one."""
    if PREPROCESSING not in {layer.name for layer in model.layers}:
        return None
    pictures = model.get_layer(PREPROCESSING).output
    return require("keras", "train").Model(pictures, model.get_layer(FEATURES).input)


def freeze_body(model: Any, frozen: bool) -> None:
    """Keep the body's weights as they are in training, or let them be trained.

    Frozen batch normalisation also keeps its statistics.
    """
    for layer in body_of(model).layers:
        layer.trainable = not frozen


def with_new_head(model: Any, n_classes: int) -> Any:
    """Return a model of the same layers whose last one, with random weights, has `n_classes`."""
    keras = require("keras", "train")
    last = model.get_layer(PROBABILITIES).input
    return keras.Model(model.inputs[0], probabilities(last, n_classes), name=model.name)


def load_weights(model: Any, weights: str, width: float = 1.0) -> None:
    """Give the backbone of `model` pretrained weights.

    Parameters
    ----------
    model : keras.Model
        From `fer_cnn.architectures.build`; its name is the architecture's.
    weights : str
        ``"none"``, ``"imagenet"`` (downloaded by `keras.applications`), ``"vggface"`` (downloaded
        from keras-vggface's release), or a file: ``.h5`` as both of these publish it,
        ``.weights.h5`` of the backbone, or a ``.keras`` network with the same backbone.
    width : float
        Of MobileNetV2.

    Raises
    ------
    DataError
        If the architecture has no backbone, there are no such weights for it, or a file is
        missing, damaged or of another network.
    FerError
        If a download fails.
    """
    if weights == NONE:
        return
    backbone = backbone_of(model)
    if backbone is None:
        raise _no_backbone(model.name, weights)
    _check_source(weights, model.name)
    if weights == IMAGENET:
        _assign(backbone, _imagenet_layers(model.name, backbone, width), "ImageNet weights")
    elif weights == VGGFACE:
        path = _download_vggface(model.name)
        _assign(backbone, _read_layers(path), str(path))
    else:
        _load_file(backbone, Path(weights))


def _imagenet_layers(name: str, backbone: Any, width: float) -> Layers:
    keras = require("keras", "train")
    options = {"alpha": width} if name == "mobilenet-v2" else {}
    make = getattr(keras.applications, _IMAGENET[name])
    try:
        donor = make(
            include_top=False, weights=IMAGENET, input_shape=backbone.input.shape[1:], **options
        )
    except Exception as error:  # Keras raises plain Exception where a download fails
        raise _no_download("ImageNet weights", error) from error
    return _layers(donor)


def _download_vggface(name: str) -> Path:
    keras = require("keras", "train")
    file = _VGGFACE[name]
    try:
        found = keras.utils.get_file(file, _VGGFACE_RELEASE + file, cache_subdir="models/vggface")
    except Exception as error:  # see above
        raise _no_download("VGGFace weights", error) from error
    # keras-vggface publishes no hashes: this lets people compare with each other.
    logger.info("%s: SHA-256 %s", found, sha256_of(found))
    return Path(found)


def _no_download(what: str, error: Exception) -> FerError:
    words = " ".join(str(error).split())
    return FerError(
        f"{what} could not be downloaded ({words}); without a network, get the file on another "
        "machine and name it with --weights FILE, or train from random weights with --weights none"
    )


def check_weights(weights: str, architecture: str) -> None:
    """Refuse weights that an architecture can't take, before anything is read or built.

    Raises
    ------
    DataError
        If the architecture has no backbone, there are no such weights for it, or no such file.
    """
    if weights == NONE:
        return
    if architecture not in {*_IMAGENET, *_VGGFACE}:
        raise _no_backbone(architecture, weights)
    _check_source(weights, architecture)


def _check_source(weights: str, architecture: str) -> None:
    for name, words, fitting in (
        (IMAGENET, "ImageNet", _IMAGENET),
        (VGGFACE, "VGGFace", _VGGFACE),
    ):
        if weights == name and architecture not in fitting:
            raise DataError(
                f"there are no {words} weights for architecture '{architecture}'; there are some "
                f"for {', '.join(fitting)}"
            )
    if weights not in (IMAGENET, VGGFACE) and not Path(weights).is_file():
        named = did_you_mean(weights, (NONE, IMAGENET, VGGFACE))
        raise DataError(
            f"{weights}: there is no such file; --weights takes {NONE}, {IMAGENET}, {VGGFACE} or a "
            f"file.{named}"
        )


def _no_backbone(architecture: str, weights: str) -> DataError:
    return DataError(
        f"architecture '{architecture}' has no backbone that pretrained weights ({weights}) could "
        "go into; to go on from a network of yours use --init"
    )


def _load_file(backbone: Any, path: Path) -> None:
    known = KNOWN_MD5.get(path.name)
    if known is not None and _md5_of(path) != known:
        raise DataError(
            f"{path}: the content is not what was published under this name (cut off or changed); "
            "get it again"
        )
    if path.name.endswith(".weights.h5"):
        try:
            backbone.load_weights(path)
        except Exception as error:  # Keras and h5py raise what they like
            raise DataError(_misfit(path, error)) from error
    else:
        _assign(backbone, _read_layers(path), str(path))


def _read_layers(path: Path) -> Layers:
    """Read the layers of a network that Keras saved in any of its formats."""
    try:
        if path.suffix == ".keras":
            model = require("keras", "train").saving.load_model(path, compile=False)
            return _layers(backbone_of(model) or model)
        with require("h5py", "train").File(path) as file:
            group = file.get("model_weights", file)
            return {
                name: [
                    np.asarray(group[name][weight]) for weight in _strings(group[name], "weight")
                ]
                for name in _strings(group, "layer")
            }
    except Exception as error:  # whatever h5py and Keras raise on files of another kind
        raise DataError(_misfit(path, error)) from error


def _strings(group: Any, kind: str) -> list[str]:
    """Return the names in an attribute of Keras's .h5 format, which is cut up where it is long."""
    key = f"{kind}_names"
    chunks = [key] if key in group.attrs else []
    while f"{key}{len(chunks)}" in group.attrs:
        chunks.append(f"{key}{len(chunks)}")
    if not chunks:
        raise DataError(f"it has no attribute '{key}'")
    names = [name for chunk in chunks for name in group.attrs[chunk]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _layers(model: Any) -> Layers:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def _assign(backbone: Any, layers: Layers, source: str) -> None:
    """Copy weights layer by layer: by name where the names are the same, else in order."""
    given = {name.replace("/", "_"): arrays for name, arrays in layers.items() if arrays}
    mine = [layer for layer in backbone.layers if layer.weights]
    if all(layer.name in given for layer in mine):
        chosen = [given[layer.name] for layer in mine]
    else:
        chosen = list(given.values())[: len(mine)]
    shapes = [[array.shape for array in arrays] for arrays in chosen]
    wanted = [[tuple(weight.shape) for weight in layer.weights] for layer in mine]
    for layer, found, want in zip(mine, shapes, wanted, strict=False):
        if found != want:
            raise DataError(
                f"{source}: doesn't fit the backbone; for its layer '{layer.name}' it holds arrays "
                f"of shapes {found} in place of {want}"
            )
    if len(chosen) < len(mine):
        raise DataError(
            f"{source}: doesn't fit the backbone, which has {len(mine)} layers with weights; it "
            f"holds {len(chosen)}"
        )
    for layer, arrays in zip(mine, chosen, strict=True):
        layer.set_weights(arrays)


def _misfit(path: Path, error: Exception) -> str:
    return (
        f"{path}: no weights of this backbone can be read from it ({first_line(error)}); --weights "
        "takes .h5 and .weights.h5 files of the backbone and .keras networks with the same backbone"
    )


def _md5_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
