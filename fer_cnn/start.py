"""Networks to go on from: a file that Keras saved, or a model of the shipped store."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_cnn.architectures.ends import FEATURES, PROBABILITIES
from fer_cnn.recipe import Recipe
from fer_core.errors import DataError, ProtocolError, first_line
from fer_core.extras import require
from fer_core.lookup import none_such
from fer_core.model_entry import MANIFEST, ModelEntry
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
    model = load_keras(path)
    missing = {FEATURES, PROBABILITIES} - {layer.name for layer in model.layers}
    if missing:
        raise DataError(
            f"{path}: is not a network of fer_cnn: it has no layer '{min(missing)}'; networks that "
            "python -m fer_cnn.train stores have one"
        )
    return model


def load_keras(path: Path) -> Any:
    """Load a network that Keras saved, any one; raise `DataError` if that can't be done."""
    keras = require("keras", "train")
    if not path.is_file():
        raise DataError(f"{path}: there is no such network")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parts raise
        words = first_line(error)
        saved = _saved_by(path)
        if saved not in (None, keras.__version__):
            words = f"Keras {saved} saved it, this is {keras.__version__}; pip install -U keras"
        raise DataError(f"{path}: Keras can't load this network ({words})") from error


def _saved_by(path: Path) -> str | None:
    """Return the version of Keras that saved a network, None if the file doesn't say."""
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return None


def entry_of(name: str) -> ModelEntry | None:
    """Return what the store that a network lies in says of it, None if it lies in none.

    Parameters
    ----------
    name : str
        See `load_network`.
    """
    shipped, path = ModelStore(), Path(name)
    if name in shipped.names():
        return shipped.entry(name)
    folder = (path if path.is_dir() else path.parent).resolve()
    if not (folder.parent / MANIFEST).is_file():
        return None
    store = ModelStore(folder.parent)
    entries = (store.entry(own) for own in store.names())
    return next((e for e in entries if store.folder(e).resolve() == folder), None)


def require_same_classes(recipe: Recipe, classes: Sequence[Any]) -> None:
    """Refuse to average the weights of two networks whose columns mean other classes.

    Parameters
    ----------
    recipe : Recipe
        One without ``blend`` averages none.
    classes : sequence of str or int
        Of the training, in the order of the columns: labels, or their codes.

    Raises
    ------
    DataError
        If that network has other classes, or what they are is not known.
    """
    if not recipe.blend:
        return
    known = entry_of(recipe.init)
    if known is None or list(classes) not in (list(known.labels), list(known.codes)):
        theirs = "" if known is None else f", which tells {', '.join(known.labels)} apart"
        raise DataError(
            f"recipe '{recipe.name}' averages its weights with those of '{recipe.init}'{theirs}; "
            "train on the classes of a stored network, in their order, or take a recipe without "
            "blend, for example 'fine-tune'"
        )


def require_same_fitting(name: str, fitting: LabelledPart) -> None:
    """Refuse to go on from a stored network that may know pictures which choose or measure.

    Parameters
    ----------
    name : str
        Of the network to go on from; a file outside of any store says nothing of what it was
        fitted on, and an empty name means none.
    fitting : LabelledPart
        What the training fits on.

    Raises
    ------
    ProtocolError
        If the network was fitted on other pictures of the same dataset.
    """
    known = entry_of(name) if name else None
    if known is not None and known.fitted_on_others_of(fitting):
        raise ProtocolError(
            f"the network '{name}' to go on from was fitted on other pictures of '{fitting.name}', "
            "some of which may choose or measure here; use the whole dataset, in the same form, "
            f"and the seed that it was fitted with ({known.trained_on.get('seed')}), or go on from "
            "another network"
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
