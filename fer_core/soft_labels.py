"""Soft labels in a file: probabilities of the classes for pictures that are fitted on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.calibration import check_probabilities
from fer_core.datasets.dataset import check_faces
from fer_core.errors import DataError
from fer_core.files import write_atomically


def write_soft_labels(path: Path, faces: ArrayLike, proba: ArrayLike, source: str) -> None:
    """Write what one model says of faces that another one may learn from.

    Parameters
    ----------
    path : Path
        An ``.npz`` file.
    faces : uint8 (n, 48, 48)
    proba : float (n, k)
        A row a face, columns in the order of the scheme.
    source : str
        Where the probabilities come from, in words.
    """
    with write_atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            proba=check_probabilities(proba).astype(np.float32),
            faces=np.array(_digest(faces)),
            source=np.array(source),
        )


def read_soft_labels(path: Path, faces: ArrayLike) -> tuple[NDArray[np.float32], str]:
    """Read soft labels of exactly these faces.

    Parameters
    ----------
    path : Path
    faces : uint8 (n, 48, 48)

    Returns
    -------
    proba : float32 (n, k)
    source : str

    Raises
    ------
    DataError
        If the file is missing, no file of soft labels, or of other faces.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            proba, digest = stored["proba"], str(stored["faces"])
            source = str(stored["source"])
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file of soft labels") from None
    except (OSError, EOFError, BadZipFile, KeyError, ValueError) as error:
        raise DataError(
            f"{path}: is no file of soft labels ({error}); python -m fer_landmarks.left_out "
            "writes such files"
        ) from error
    if digest != _digest(faces):
        raise DataError(
            f"{path}: these soft labels ({source}) are of other pictures than those to fit on, or "
            "in another order; make them again from the same data and with the same seed"
        )
    return proba, source


def _digest(faces: ArrayLike) -> str:
    return hashlib.sha256(check_faces(faces).tobytes()).hexdigest()
