"""Raw probabilities of one model, kept apart by what they may be used for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import check_probabilities
from fer_core.copies import joint_groups
from fer_core.datasets.dataset import Dataset
from fer_core.ensemble import Model
from fer_core.errors import DataError, ProtocolError
from fer_core.files import write_atomically
from fer_core.parts import LabelledPart, TestPart, require_role

PartName = Literal["validation", "test"]
_PARTS: tuple[PartName, ...] = ("validation", "test")
_FIELDS = ("proba", "y", "names", "copied")
#: Absent in files of older runs, and where there is nothing of the kind.
_OPTIONAL = ("groups", "votes", "folds")

_PREDICT_BATCH = 512


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
    groups : int64 (n,) or None
        Pictures with the same number are of one person or copies of each other; None in files of
        older runs, where every picture stands for itself.
    votes : float32 (n, 10) or None
        FER+ votes.
    folds : int64 (n,) or None
        Of a cross-validation, the fold in which each picture was measured.
    """

    model: str
    part: PartName
    proba: NDArray[np.float32]
    y: NDArray[np.int64]
    names: NDArray[np.str_]
    copied: NDArray[np.bool_]
    groups: NDArray[np.int64] | None = None
    votes: NDArray[np.float32] | None = None
    folds: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the true one: bool (n,)."""
        return self.proba.argmax(axis=1) == self.y

    def same_pictures(self, other: Predictions) -> bool:
        """Return whether the rows are the same pictures, labelled alike, in the same order."""
        return np.array_equal(self.names, other.names) and np.array_equal(self.y, other.y)

    def subset(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Predictions:
        """Return the predictions of some of the pictures."""
        given = {f: getattr(self, f) for f in (*_FIELDS, *_OPTIONAL)}
        return replace(self, **{f: v[index] for f, v in given.items() if v is not None})


def on_validation(model: str, proba: NDArray[np.float32], part: LabelledPart) -> Predictions:
    """Join probabilities with the validation pictures they belong to."""
    require_role(part, "validation")
    copied = np.zeros(len(part), dtype=bool)
    return _joined(model, "validation", proba, part, copied)


def on_test(model: str, proba: NDArray[np.float32], part: TestPart) -> Predictions:
    """Join probabilities with the test pictures they belong to."""
    return _joined(model, "test", proba, part.reveal(), part.copied)


def _joined(
    model: str,
    part: PartName,
    proba: NDArray[np.float32],
    pictures: Dataset,
    copied: NDArray[np.bool_],
) -> Predictions:
    groups = joint_groups(pictures.faces, pictures.groups)
    return Predictions(
        model, part, proba, pictures.y, pictures.names, copied, groups, pictures.votes
    )


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
        f"{p.part}_{field}": getattr(p, field)
        for p in (validation, test)
        for field in (*_FIELDS, *_OPTIONAL)
        if getattr(p, field) is not None
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
                Predictions(
                    p.stem,
                    part,
                    *(stored[f"{part}_{field}"] for field in _FIELDS),
                    **{f: stored[f"{part}_{f}"] for f in _OPTIONAL if f"{part}_{f}" in stored},
                )
                for part in _PARTS
            )
    except FileNotFoundError:
        raise DataError(
            f"{p}: a model's saved probabilities are missing; run again with --resume"
        ) from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(
            f"{p}: these are not a model's saved probabilities ({error}); delete the file and run "
            "again with --resume"
        ) from error
    for predictions in (validation, test):
        try:
            check_probabilities(predictions.proba)
        except DataError as error:
            raise DataError(
                f"{p}: the {predictions.part} part is damaged ({error}); delete the file and run "
                "again with --resume"
            ) from error
    return validation, test


def predict_in_batches(model: Model, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Predict in batches, which bounds the memory that descriptors take."""
    starts = range(0, max(len(faces), 1), _PREDICT_BATCH)  # no faces are one batch of none
    return np.concatenate([model.predict_proba(faces[i : i + _PREDICT_BATCH]) for i in starts])
