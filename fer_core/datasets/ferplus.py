"""FER+ votes: ten annotators' opinions of each FER2013 picture.

Barsoum, Zhang, Canton Ferrer and Zhang, "Training deep networks for facial expression recognition
with crowd-sourced label distribution", ICMI 2016.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.class_folders import part_of
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError
from fer_core.labels import LABELS

#: Columns of Microsoft's fer2013new.csv, after Usage and Image name.
VOTE_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)

#: For each FER2013 label, its column among the votes.
_COLUMN_OF_LABEL = [
    VOTE_COLUMNS.index(c)
    for c in ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
]


def join_votes(dataset: Dataset, path: str | os.PathLike[str]) -> Dataset:
    """Add FER+ votes to FER2013.

    Parameters
    ----------
    dataset : Dataset
        FER2013 as folders or as csv.
    path : path
        Microsoft's ``fer2013new.csv``, whose rows are those of ``fer2013.csv`` in the same order
        (for FER2013 as csv), or a table whose first column ``file`` holds picture names.

    Returns
    -------
    Dataset
        The same pictures with `votes`; rows of zeros where the table has none.

    Raises
    ------
    DataError
        If the table is not FER+, fits no picture of the dataset, or names files without their
        folders where several have that name.
    """
    p = Path(path)
    header, rows = _read(p)
    missing = [c for c in VOTE_COLUMNS if c not in header]
    if missing:
        raise DataError(f"{p}: this is not a table of FER+ votes: no column '{missing[0]}'")
    columns = [header.index(c) for c in VOTE_COLUMNS]
    try:
        table = np.array([[float(row[c]) for c in columns] for row in rows], dtype=np.float32)
    except (ValueError, IndexError):
        raise DataError(f"{p}: some votes are not numbers; get the table again") from None
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise DataError(f"{p}: some votes are no numbers of people; get the table again")
    if "file" in header:
        i_file = header.index("file")
        row_of, keys = _by_name(p, [row[i_file] for row in rows], dataset.names.tolist())
    else:
        i_name = header.index("Image name") if "Image name" in header else None
        # A row with an empty name is a picture that FER+ took out: no votes. The number in a
        # name is not the row's number, so only the position counts.
        row_of = {
            f"row{i:05d}": i for i, row in enumerate(rows) if i_name is None or row[i_name].strip()
        }
        keys = [str(name) for name in dataset.names]
    votes = np.zeros((len(dataset), len(VOTE_COLUMNS)), dtype=np.float32)
    index = np.array([row_of.get(key, -1) for key in keys])
    if not (index >= 0).any():
        raise DataError(
            f"{p}: none of its rows belongs to a picture of '{dataset.name}'; Microsoft's table "
            "goes with fer2013.csv (same row order), a table with a 'file' column with folders"
        )
    if "Usage" in header and "file" not in header:
        usage = [part_of(row[header.index("Usage")]) for row in rows]
        for i, part in zip(index.tolist(), dataset.parts.tolist(), strict=True):
            if i >= 0 and part and usage[i] and usage[i] != part:
                raise DataError(
                    f"{p}: row {i + 1} is of {usage[i]}, and the picture of '{dataset.name}' that "
                    f"it should be of, of {part}; the table is of other pictures, or in another "
                    "order"
                )
    votes[index >= 0] = table[index[index >= 0]]
    return replace(dataset, votes=votes)


def _by_name(path: Path, files: list[str], names: list[str]) -> tuple[dict[str, int], list[str]]:
    """Return the row of each file, and what each picture is called there."""
    row_of = {file: i for i, file in enumerate(files)}
    if any(name in row_of for name in names):
        return row_of, names
    bare, keys = ([PurePosixPath(name).name for name in which] for which in (files, names))
    for which in (bare, keys):
        if len(set(which)) < len(which):
            twice = next(name for name, n in Counter(which).items() if n > 1)
            raise DataError(
                f"{path}: several pictures are called '{twice}'; write their paths inside the "
                "dataset's folder, such as train/happy/1.png, into the column 'file'"
            )
    return {file: i for i, file in enumerate(bare)}, keys


def majority(votes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the label that most annotators chose.

    Parameters
    ----------
    votes : float32 (n, 10)
        In the order of `VOTE_COLUMNS`.

    Returns
    -------
    int64 (n,)
        FER2013 codes; -1 where contempt, unknown or not-a-face has most votes, where two labels
        share the lead, or where there are no votes.
    """
    top = votes.max(axis=1, keepdims=True)
    leaders = votes == top
    label_of_column = np.full(len(VOTE_COLUMNS), -1, dtype=np.int64)
    label_of_column[_COLUMN_OF_LABEL] = np.arange(len(LABELS))
    clear = (leaders.sum(axis=1) == 1) & (top[:, 0] > 0)
    return np.where(clear, label_of_column[votes.argmax(axis=1)], -1)


def label_distribution(votes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the votes over FER2013's seven labels as probabilities.

    Parameters
    ----------
    votes : float32 (n, 10)
        In the order of `VOTE_COLUMNS`.

    Returns
    -------
    float32 (n, 7)
        Columns in FER2013's order; rows of zeros where no vote names one of the seven.
    """
    chosen = votes[:, _COLUMN_OF_LABEL]
    total = chosen.sum(axis=1, keepdims=True)
    return (chosen / np.where(total > 0, total, 1)).astype(np.float32)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [column.strip() for column in next(reader, [])]
            return header, [row for row in reader if row]
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: this is not a csv table") from None
