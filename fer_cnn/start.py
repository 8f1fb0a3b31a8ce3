"""Networks to go on from: a file that Keras saved, or a model of the shipped store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fer_cnn.architectures.ends import FEATURES, PROBABILITIES
from fer_core.errors import DataError, ProtocolError
from fer_core.extras import require
from fer_core.lookup import none_such
from fer_core.model_store import ModelStore
from fer_core.parts import LabelledPart

_FILE = "model.keras"


def load_network(name: str) -> Any:
    """Load a network with its weights.

    Parameters
    ----------
    name : str
        A ``.keras`` file, a folder that holds a ``model.keras``, or the name of a shipped network.

    Returns
    -------
    keras.Model

    Raises
    ------
    DataError
        If there is no such network, or it wasn't made here.
    """
    path = find_network(name)
    keras = require("keras", "train")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parts raise
        words = str(error).strip().splitlines()[:1] or ["no message"]
        raise DataError(f"{path}: Keras can't load this network ({words[0]})") from error
    missing = {FEATURES, PROBABILITIES} - {layer.name for layer in model.layers}
    if missing:
        raise DataError(
            f"{path}: is not a network of fer_cnn: it has no layer '{min(missing)}'; networks that "
            "python -m fer_cnn.train stores have one"
        )
    return model


def require_same_fitting(name: str, fitting: LabelledPart) -> None:
    """Refuse to go on from a stored network that may know pictures which choose or measure.

    Parameters
    ----------
    name : str
        Of the network to go on from; the file of one says nothing of what it was fitted on, and
        an empty name means none.
    fitting : LabelledPart
        What the training fits on.

    Raises
    ------
    ProtocolError
        If the network was fitted on other pictures of the same dataset.
    """
    store = ModelStore()
    if name not in store.names():
        return
    known = store.entry(name)
    if known.fitted_on_others_of(fitting):
        raise ProtocolError(
            f"the network '{name}' to go on from was fitted on other pictures of '{fitting.name}', "
            "some of which may choose or measure here; use the whole dataset, in the same form, "
            f"and the seed that it was fitted with ({known.trained_on.get('seed')}), or go on from "
            "a network of your own"
        )


def find_network(name: str) -> Path:
    """Return the file of a network; see `load_network`."""
    path, store = Path(name), ModelStore()
    # A shipped network comes before a folder of its name, here as in `require_same_fitting`.
    if name not in store.names() and (path.suffix == ".keras" or path.is_dir()):
        file = path / _FILE if path.is_dir() else path
        if not file.is_file():
            raise DataError(f"{file}: there is no such network")
        return file
    with_file = [
        known
        for known in store.names()
        if _FILE in {file.path for file in store.entry(known).files}
    ]
    if name not in with_file:
        raise DataError(f"{none_such(name, 'network', with_file)}; or name a .keras file")
    entry = store.entry(name)
    store.check_files(entry)
    return store.folder(entry) / _FILE
