"""What reads the files of a stored model, by the name that a manifest calls it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fer_core.ensemble import Ensemble
from fer_core.errors import ModelStoreError
from fer_core.model_entry import ENSEMBLE_LOADER, ONNX_LOADER, PIPELINE_LOADER, ModelEntry
from fer_core.onnx_model import OnnxClassifier
from fer_core.pipeline_files import ARRAYS_FILE, JOBLIB_FILE, SKOPS_FILE, read_joblib, read_skops
from fer_core.pooling import read_spec

if TYPE_CHECKING:
    from fer_core.model_store import ModelStore


def load_pipeline(store: ModelStore, entry: ModelEntry) -> Any:
    """Load a classical pipeline: arrays or skops, which run no code, or else its pickle."""
    names = [file.path for file in entry.files]
    if ARRAYS_FILE in names:
        # Looked up when called: the classical family lies above this package.
        serving = importlib.import_module("fer_landmarks.serving")
        return serving.ServedPipeline.read(store.folder(entry) / ARRAYS_FILE)
    if SKOPS_FILE in names:
        return read_skops(store.folder(entry) / SKOPS_FILE)
    path = store.folder(entry) / JOBLIB_FILE
    if JOBLIB_FILE not in names:  # of which nobody has checked a hash
        raise ModelStoreError(f"{path}: the manifest lists no such file; store the model again")
    if not store.trusted:
        raise ModelStoreError(
            f"{path}: this is a pickle, and loading one can run any program; if you trust where "
            "the store comes from, open it with ModelStore(root, trusted=True)"
        )
    return read_joblib(path)


def load_onnx(store: ModelStore, entry: ModelEntry) -> OnnxClassifier:
    """Load a network for ONNX Runtime."""
    (path,) = (file.path for file in entry.files if file.path.endswith(".onnx"))
    return OnnxClassifier(store.folder(entry) / path, entry.codes)


def load_ensemble(store: ModelStore, entry: ModelEntry) -> Ensemble:
    """Load an ensemble and its members from the same store."""
    spec = read_spec(store.folder(entry) / entry.files[0].path)
    for name, digest in entry.members.items():
        if store.entry(name).digest != digest:
            raise ModelStoreError(
                f"{store.folder(entry)}: the ensemble's member '{name}' is another than the one it "
                "was made of, so its weights don't hold; make the ensemble again"
            )
    return Ensemble(spec, {name: store.load(name) for name in spec.members})


#: The only functions that a manifest can name.
LOADERS: Mapping[str, Callable[[ModelStore, ModelEntry], Any]] = MappingProxyType(
    {
        PIPELINE_LOADER: load_pipeline,
        ONNX_LOADER: load_onnx,
        ENSEMBLE_LOADER: load_ensemble,
    }
)
