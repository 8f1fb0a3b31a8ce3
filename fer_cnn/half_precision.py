"""Saved networks at half the size: their weights as float16 numbers."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.extras import require

#: Keras's name of the weights inside a ``.keras`` archive.
_WEIGHTS = "model.weights.h5"


def save_to_go_on_from(model: Any, path: Path) -> None:
    """Save a network as a ``.keras`` file, without its optimiser and with weights as float16.

    Keras computes with them in float32 again. The optimiser's moments would be twice the size of
    the weights, and nothing that goes on from a finished network reads them.

    Parameters
    ----------
    model : keras.Model
        With one input and one output.
    path : Path
        To write; probabilities of the network it holds differ by some 0.001 from `model`'s.
    """
    keras = require("keras", "train")
    bare = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.keras"
        bare.save(whole)
        halve(whole, path)


def halve(source: Path, path: Path) -> None:
    """Write the ``.keras`` file `source` to `path` with its weights as float16."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files[_WEIGHTS] = _halved(files[_WEIGHTS])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _halved(weights: bytes) -> bytes:
    h5py = require("h5py", "train")
    halved = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as before, h5py.File(halved, "w") as after:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                after[name] = _half_precision(item[()])
            else:
                after.require_group(name).attrs.update(item.attrs)

        before.visititems(copy)
    return halved.getvalue()


def _half_precision(values: NDArray[Any]) -> NDArray[Any]:
    # What float16 can't hold (a running variance of a layer without normalised input, say) stays.
    holds = values.dtype == np.float32 and not (np.abs(values) > np.finfo(np.float16).max).any()
    return values.astype(np.float16) if holds else values
