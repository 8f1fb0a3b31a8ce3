"""Raw probabilities of one model, kept apart by what they may be used for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import DataError, ProtocolError
from fer_core.files import write_atomically
from fer_core.splits import LabelledPart, TestPart, require_role

PartName = Literal["validation", "test"]
_FIELDS = ("proba", "y", "names", "copied")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of one part of a split.

    Attributes
    ----------
    model : str
        The model's name.
    part : str
        ``"validation"``: choices, calibration and weights may read it. ``"test"``: only measuring.
    proba : float32 (n, k)
    y : int64 (n,)
    names : str (n,)
    copied : bool (n,)
        Whether a copy is among the pictures that fit or choose (all False for validation).
    """

    model: str
    part: PartName
    proba: NDArray[np.float32]
    y: NDArray[np.int64]
    names: NDArray[np.str_]
    copied: NDArray[np.bool_]


def on_validation(model: str, proba: NDArray[np.float32], part: LabelledPart) -> Predictions:
    """Join probabilities with the validation pictures they belong to."""
    require_role(part, "validation")
    copied = np.zeros(len(part), dtype=bool)
    return Predictions(model, "validation", proba, part.y, part.names, copied)


def on_test(model: str, proba: NDArray[np.float32], part: TestPart) -> Predictions:
    """Join probabilities with the test pictures they belong to."""
    return Predictions(model, "test", proba, part.reveal().y, part.names, part.copied)


def require_validation(predictions: Predictions) -> Predictions:
    """Return `predictions` if choices may be made on them.

    Raises
    ------
    ProtocolError
        If they are of test pictures.
    """
    if predictions.part != "validation":
        raise ProtocolError(
            f"weights and temperatures are learned on validation pictures only. Got the "
            f"{predictions.part} predictions of '{predictions.model}' instead."
        )
    return predictions


def save_predictions(
    path: str | os.PathLike[str], validation: Predictions, test: Predictions
) -> None:
    """Write both parts of one model's probabilities to one ``.npz``."""
    arrays = {
        f"{p.part}_{field}": getattr(p, field) for p in (validation, test) for field in _FIELDS
    }
    with write_atomically(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def load_predictions(path: str | os.PathLike[str]) -> tuple[Predictions, Predictions]:
    """Read what `save_predictions` wrote: the validation part and the test part.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not one of ours.
    """
    p = Path(path)
    try:
        with np.load(p) as stored:
            validation, test = (
                Predictions(p.stem, part, *(stored[f"{part}_{field}"] for field in _FIELDS))
                for part in ("validation", "test")
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(
            f"{p}: these are not a model's saved probabilities ({error}); delete the file and run "
            "again with --resume"
        ) from error
    return validation, test
