"""Networks served by ONNX Runtime: no TensorFlow, no compiler."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.datasets.dataset import check_faces
from fer_core.errors import ModelStoreError
from fer_core.extras import require


class OnnxClassifier:
    """A classifier of faces in an ONNX file.

    Parameters
    ----------
    network : path or bytes
        An ONNX file or its content: one uint8 input (n, 48, 48), one output (n, k) of
        probabilities.
    classes : int (k,)
        Codes of the columns.
    threads : int or None
        Threads of one call; None lets ONNX Runtime choose.
    batch_size : int
        Most faces in one call, which bounds memory.

    Raises
    ------
    ModelStoreError
        If the file is no such network.
    """

    def __init__(
        self,
        network: str | PathLike[str] | bytes,
        classes: ArrayLike,
        threads: int | None = None,
        batch_size: int = 64,
    ) -> None:
        self.network = network if isinstance(network, bytes) else Path(network)
        self.classes_ = np.asarray(classes, dtype=np.int64)
        self.threads = threads
        self.batch_size = batch_size
        self._session = self._open()

    def use_threads(self, threads: int) -> None:
        """Open the network again, for calls of so many threads."""
        self.threads = threads
        self._session = self._open()

    def predict_proba(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities.

        Parameters
        ----------
        faces : uint8 (n, 48, 48)

        Returns
        -------
        float32 (n, k)

        Raises
        ------
        DataError
            If `faces` are not uint8 (n, 48, 48).
        """
        faces = check_faces(faces)
        result = np.empty((len(faces), len(self.classes_)), dtype=np.float32)
        name = self._session.get_inputs()[0].name
        for start in range(0, len(faces), self.batch_size):
            batch = faces[start : start + self.batch_size]
            result[start : start + self.batch_size] = self._session.run(None, {name: batch})[0]
        return result

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the most probable code of each face: int64 (n,)."""
        return self.classes_[self.predict_proba(faces).argmax(axis=1)]

    def _open(self) -> Any:
        session = open_session(self.network, self.threads)
        width = session.get_outputs()[0].shape[-1]
        if width != len(self.classes_):
            raise ModelStoreError(
                f"{_name(self.network)}: the network has {width} outputs for "
                f"{len(self.classes_)} classes"
            )
        return session

    def __getstate__(self) -> dict[str, Any]:
        """Leave the session out: a copy opens the file again."""
        return {k: v for k, v in self.__dict__.items() if k != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._session = self._open()


def open_session(network: bytes | Path, threads: int | None = None) -> Any:
    """Return ONNX Runtime's session of an ONNX file or its content.

    Raises
    ------
    ModelStoreError
        If it is none.
    """
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    # Spinning threads would take the processor from the detector between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(
            network if isinstance(network, bytes) else str(network),
            options,
            providers=["CPUExecutionProvider"],
        )
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ModelStoreError(
            f"{_name(network)}: this is not a network that ONNX Runtime can open ({error})"
        ) from error


def _name(network: bytes | Path) -> str:
    return "ONNX network" if isinstance(network, bytes) else str(network)
