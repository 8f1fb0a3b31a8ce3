"""Soft labels: probabilities of the classes for pictures that are fitted on.

They come from a file, in which one model says what it thinks of each picture, or from the votes of
several annotators.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.calibration import check_probabilities
from fer_core.datasets.dataset import check_faces
from fer_core.errors import DataError
from fer_core.files import write_atomically
from fer_core.parts import LabelledPart, require_role

#: Names the annotators' votes where a file of soft labels could be named.
VOTES = "votes"

_FOLDS = 5


def soft_labels_of(part: LabelledPart, source: str | Path) -> tuple[NDArray[np.float32], str]:
    """Return soft labels of the pictures to fit on, and where they come from in words.

    Parameters
    ----------
    part : LabelledPart
        n pictures.
    source : str or Path
        ``"votes"``, or a file that `write_soft_labels` wrote.

    Returns
    -------
    proba : float32 (n, k)
        Columns in the order of the scheme.
    words : str

    Raises
    ------
    DataError
        If there are no votes, or no such file of these pictures.
    """
    if str(source) == VOTES:
        return soft_labels_from_votes(part), "annotators' votes"
    return read_soft_labels(Path(source), part.faces, part.scheme.labels)


def require_source(source: str | Path) -> None:
    """Refuse what can be no source of soft labels, before anything else is read.

    Parameters
    ----------
    source : str or Path
        See `soft_labels_of`.

    Raises
    ------
    DataError
        If it is a file that there isn't, or no ``.npz`` file.
    """
    if str(source) == VOTES:
        return
    path = Path(source)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file of soft labels")
    if not is_zipfile(path):
        raise _no_soft_labels(path, "no .npz file")


def teach(
    part: LabelledPart, source: str | Path | None, weight: float
) -> tuple[NDArray[np.float32] | None, dict[str, str]]:
    """Return soft labels, None where no `source` is given, and what a model card says of them.

    Parameters
    ----------
    part, source
        See `soft_labels_of`.
    weight : float
        Their share in the targets.
    """
    if source is None:
        return None, {}
    soft, words = soft_labels_of(part, source)
    return soft, {"soft labels": f"{words}, weight {weight:g}"}


def soft_labels_from_votes(
    part: LabelledPart, proba: NDArray[np.float32] | None = None, *, seed: int = 0
) -> NDArray[np.float32]:
    """Return how likely each label is for whoever knows how the annotators voted.

    The votes are about other classes and by other people than the labels, so that their shares
    are no probabilities of the labels: what they say about a label is learnt from the pictures'
    own labels, by gradient boosting in five folds, each picture judged by what was learnt from
    the other folds.

    Parameters
    ----------
    part : LabelledPart
        n pictures to fit on, with `votes`.
    proba : float32 (n, k) or None
        What a model that was not fitted on the picture says of it; read beside the votes.
    seed : int

    Returns
    -------
    float32 (n, k)
        Columns in the order of the scheme, zero for classes without pictures.

    Raises
    ------
    DataError
        If there are no votes, or too few pictures to learn from.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    require_role(part, "fit")
    if part.votes is None:
        raise DataError(f"dataset '{part.name}' has no votes; add a table of them with --votes")
    classes, counts = np.unique(part.y, return_counts=True)
    if counts.min() < _FOLDS:
        raise DataError(
            f"dataset '{part.name}': what votes mean is learnt from at least {_FOLDS} pictures of "
            f"each class to fit on, and there are {counts.min()} of "
            f"'{part.scheme.labels[classes[counts.argmin()]]}'"
        )
    known = part.votes / np.maximum(part.votes.sum(axis=1, keepdims=True), 1)
    if proba is not None:
        known = np.hstack([known, np.log(proba + 1e-4)])
    learner = HistGradientBoostingClassifier(
        max_depth=4, learning_rate=0.06, max_iter=150, random_state=seed
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    result = np.zeros((len(part), len(part.scheme.labels)), dtype=np.float32)
    # Its threads wait by spinning: on a busy machine two take many times as long as one.
    with threadpool_limits(1):
        judged = cross_val_predict(learner, known, part.y, cv=folds, method="predict_proba")
    result[:, classes] = judged
    return result


def write_soft_labels(
    path: Path, faces: ArrayLike, proba: ArrayLike, labels: Sequence[str], source: str
) -> None:
    """Write what one model says of faces that another one may learn from.

    Parameters
    ----------
    path : Path
        An ``.npz`` file.
    faces : uint8 (n, 48, 48)
    proba : float (n, k)
        A row a face.
    labels : sequence of str
        The scheme's, one for each column.
    source : str
        Where the probabilities come from, in words.
    """
    with write_atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            proba=check_probabilities(proba).astype(np.float32),
            faces=np.array(_digest(faces)),
            labels=np.array(labels),
            source=np.array(source),
        )


def read_soft_labels(
    path: Path, faces: ArrayLike, labels: Sequence[str]
) -> tuple[NDArray[np.float32], str]:
    """Read soft labels of exactly these faces and classes.

    Parameters
    ----------
    path : Path
    faces : uint8 (n, 48, 48)
    labels : sequence of str
        Of the k classes, in order.

    Returns
    -------
    proba : float32 (n, k)
    source : str

    Raises
    ------
    DataError
        If the file is missing, no file of soft labels, or of other faces.
    """
    require_source(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            proba, digest = stored["proba"], str(stored["faces"])
            source, columns = str(stored["source"]), stored["labels"].tolist()
    except (OSError, EOFError, BadZipFile, KeyError, ValueError) as error:
        raise _no_soft_labels(path, str(error)) from error
    if digest != _digest(faces):
        raise DataError(
            f"{path}: these soft labels ({source}) are of other pictures than those to fit on, or "
            "in another order; make them again from the same data and with the same seed"
        )
    if columns != list(labels):
        raise DataError(
            f"{path}: these soft labels ({source}) are of {', '.join(columns)}, and the classes "
            f"here are {', '.join(labels)}; make them again with the same --scheme"
        )
    if np.shape(proba) != (len(np.asarray(faces)), len(columns)) or not np.isfinite(proba).all():
        raise _no_soft_labels(path, "they are no probabilities of these faces")
    return proba, source


def _no_soft_labels(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: is no file of soft labels ({why}); python -m fer_landmarks.left_out writes such "
        "files"
    )


def _digest(faces: ArrayLike) -> str:
    return hashlib.sha256(check_faces(faces).tobytes()).hexdigest()
