"""Models as files: skops, which runs no code when read, joblib, and which of them answer."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

from fer_core.errors import ModelStoreError

logger = logging.getLogger(__name__)

#: Forms of a pipeline: arrays and skops to serve, a pickle to work on with.
ARRAYS_FILE = "model.npz"
SKOPS_FILE = "model.skops"
JOBLIB_FILE = "model.joblib"
#: Of a network that can be trained on; ONNX files answer.
KERAS_SUFFIX = ".keras"

#: Where the classes are that a stored pipeline may name besides those that skops knows: their
#: state setters run nothing that the file could choose. Functions and methods would: a pipeline
#: calls what it holds.
_PACKAGE = "fer_landmarks."
#: What scikit-learn's perceptron, forest and stack hold.
_PARTS = {
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
}


def save_skops(pipeline: Any, folder: Path) -> Path:
    """Write a fitted pipeline without pickling it; return the file."""
    import skops.io

    path = folder / SKOPS_FILE
    skops.io.dump(pipeline, path, compression=ZIP_DEFLATED)
    return path


def save_joblib(pipeline: Any, folder: Path) -> Path:
    """Pickle a fitted pipeline; return the file."""
    import joblib

    path = folder / JOBLIB_FILE
    joblib.dump(pipeline, path, compress=3)
    return path


def read_skops(path: Path) -> Any:
    """Read a pipeline's skops form.

    Raises
    ------
    ModelStoreError
        If it names a class that no pipeline of ours has.
    """
    import skops.io

    types = skops.io.get_untrusted_types(file=path)
    if foreign := [name for name in types if not (name in _PARTS or _is_own_class(name))]:
        raise ModelStoreError(
            f"{path}: names the type {foreign[0]}, which no pipeline of ours has; don't use it"
        )
    with _version_notice(path):
        return skops.io.load(path, trusted=types)


def _is_own_class(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    if not name.startswith(_PACKAGE):
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__ == module


def read_joblib(path: Path) -> Any:
    """Read a pipeline's pickle, which can run any program: only of files that are trusted."""
    import joblib

    with _version_notice(path):
        return joblib.load(path)


@contextmanager
def _version_notice(path: Path) -> Iterator[None]:
    """Log scikit-learn's version warnings as one line, in place of one an estimator."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    if caught:
        logger.info("%s: %s", path, caught[0].message)


def serving_files(names: Iterable[str]) -> list[str]:
    """Return those of a model's files that answer: none for training on, no pickle beside another.

    A pickle is for going on with a pipeline where it was made, and breaks elsewhere.
    """
    kept = {name for name in names if not name.endswith(KERAS_SUFFIX)}
    if kept & {ARRAYS_FILE, SKOPS_FILE}:
        kept.discard(JOBLIB_FILE)
    return sorted(kept)
