"""Anyone's own pictures: a folder or a table of classes, any size, any colour."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.crop import FRAMING_VERSION, check_crop
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.decoding import decode_tree
from fer_core.datasets.sources import Source, open_source
from fer_core.datasets.table import columns_of, file_of, read_table
from fer_core.datasets.tree import (
    Tree,
    is_picture,
    labelled_tree,
    read_tree,
    refuse_empty_folders,
)
from fer_core.detectors import (
    DEFAULT_DETECTOR,
    PHOTO_WORKING_SIDE,
    Detections,
    FaceDetector,
    make_detector,
)
from fer_core.errors import DataError
from fer_core.landmarks import LandmarkPredictor, predictor_hash
from fer_core.portraits import largest_face

#: Value of `groups` that takes the person from the file name.
BY_PREFIX = "prefix"

#: File inside a folder that says each picture's label, where there are no class folders.
LABELS_TABLE = "labels.csv"


def load_folder(
    path: str | os.PathLike[str],
    *,
    crop: str = "auto",
    detector: str = DEFAULT_DETECTOR,
    groups: str | os.PathLike[str] | None = None,
    skip_broken: bool = False,
) -> Dataset:
    """Load pictures that lie in a folder a class, or that a table labels; in an archive, too.

    Parameters
    ----------
    path : path
        ``<class>/<picture>`` or ``train/<class>/<picture>``, ``test/<class>/<picture>``. Or
        pictures in any folders, and ``labels.csv`` with the columns ``picture`` (path inside the
        folder, or file name) and ``label``; pictures not in it are left out.
    crop : {"auto", "always", "never"}
        Whether faces are searched and cropped. ``auto``: only in pictures whose longer side is
        100 pixels or more. Where they are not, the whole picture is scaled to 48x48.
    detector : str
        Which face detector searches (see `fer_core.detectors.make_detector`). Of several faces
        the largest is taken.
    groups : path, "prefix" or None
        Who is on the pictures, so that nobody is on both sides of a split: a csv with the columns
        ``picture`` (path inside the folder, or file name) and ``group``, or ``"prefix"`` for the
        file name up to its first ``_``. Pictures not in the csv are groups of their own.
    skip_broken : bool
        Leave out pictures that can't be read, and list them in ``notes["skipped"]``.

    Returns
    -------
    Dataset
        Named like the folder; scheme ``fer7`` where the folders spell FER2013's labels. `found`
        is false for pictures without a face, which are also listed in ``notes["no_face"]``.

    Raises
    ------
    DataError
        If there are fewer than two classes, an empty class folder, a broken picture and
        `skip_broken` is false, no face at all, or `groups` doesn't fit the pictures.
    """
    check_crop(crop)
    source = open_source(path)
    tree = _read_tree(source)
    persons, alone = read_groups(tree.pictures, groups)
    kind = f"folder, {_crop_kind(crop, detector)}"
    arrays = decode_tree(source, tree, _FaceMaker(crop, detector), kind, skip_broken=skip_broken)
    kept, found = arrays["index"], arrays["found"]
    if not found.any():
        raise DataError(
            f"{source.path}: no face was found in any of the {len(found)} pictures; "
            "if they are faces already, pass --crop never"
        )
    names = np.array(tree.pictures)[kept]
    notes = {
        "skipped": arrays["broken"].tolist(),
        "no_face": names[~found].tolist(),
        "ignored": tree.ignored,
        "joined": list(tree.joined),
        "no_group": alone,
        "persons": 0 if groups is None else len(set(persons[kept][~np.isin(names, alone)])),
    }
    return Dataset(
        name=source.path.resolve().name,
        faces=arrays["faces"],
        y=np.array(tree.y, dtype=np.int64)[kept],
        scheme=tree.scheme,
        names=names,
        parts=np.array(tree.parts)[kept],
        groups=persons[kept],
        found=None if found.all() else found,
        notes={key: value for key, value in notes.items() if value},
    )


def _read_tree(source: Source) -> Tree:
    """Read labels from our table, if there is one, and else from the folders' names."""
    names = source.names()
    content = source.read(LABELS_TABLE) if LABELS_TABLE in names else b""
    if {"picture", "label"} <= set(columns_of(content)):  # other tables are called so, too
        pictures = [name for name in names if is_picture(name)]
        table = source.path / LABELS_TABLE
        return labelled_tree(table, read_table(content, table, pictures, "label"))
    tree = read_tree(source.path, names)
    refuse_empty_folders(source.path, tree)
    return tree


def read_groups(
    pictures: list[str], groups: str | os.PathLike[str] | None = None
) -> tuple[NDArray[np.int64], list[str]]:
    """Give each picture the number of its group.

    Parameters
    ----------
    pictures : list of str
        Paths inside the dataset.
    groups : path, "prefix" or None
        See `load_folder`.

    Returns
    -------
    numbers : int64 (n,)
    alone : list of str
        Pictures that a table doesn't name: each is a group of its own.

    Raises
    ------
    DataError
        If the table has other columns, names a picture that there isn't, or several by one name,
        or no two names have a prefix in common.
    """
    if groups is None:
        return np.arange(len(pictures), dtype=np.int64), []
    if groups == BY_PREFIX:
        group_of = {name: file_of(name).split("_")[0] for name in pictures}
        if len(set(group_of.values())) == len(pictures):
            raise DataError(
                f"groups '{BY_PREFIX}': no two file names begin alike up to their first _, so that "
                f"every picture (the first is '{pictures[0]}') would be of another person; rename "
                "them, name persons in a csv table, or leave the groups out"
            )
    else:
        group_of = _read_groups(Path(groups), pictures)
    # A tuple can't be the name of a group, so pictures without one stay by themselves.
    keys = [group_of.get(name, (name,)) for name in pictures]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    alone = [name for name in pictures if name not in group_of]
    return np.array([number[key] for key in keys], dtype=np.int64), alone


def _read_groups(path: Path, pictures: list[str]) -> dict[str, str]:
    try:
        return read_table(path.read_bytes(), path, pictures, "group")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such table of groups") from None


class _FaceMaker:
    """Turns pictures into faces; each thread has a detector of its own, as detectors keep state."""

    def __init__(self, crop: str, detector: str) -> None:
        self.crop = crop
        self.detector = detector
        self._own = threading.local()
        self._landmarks = LandmarkPredictor()
        if crop != "never":
            self._detector()  # a wrong name is refused before any picture is read

    def __call__(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
        return largest_face(picture, self._detect, self._landmarks, self.crop)

    def _detect(self, picture: NDArray[np.uint8]) -> Detections:
        return self._detector().detect(picture)

    def _detector(self) -> FaceDetector:
        if not hasattr(self._own, "detector"):
            self._own.detector = make_detector(self.detector, working_side=PHOTO_WORKING_SIDE)
        return self._own.detector


def _crop_kind(crop: str, detector: str) -> str:
    """Return words that change with anything that a picture's face depends on."""
    if crop == "never":
        return f"crop never, framing {FRAMING_VERSION}"
    return (
        f"crop {crop}, detector {detector} at {PHOTO_WORKING_SIDE}, framing {FRAMING_VERSION}, "
        f"predictor {predictor_hash()}"
    )
