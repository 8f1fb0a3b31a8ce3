"""Pictures in a folder a class, optionally below a folder a split, or labelled by a table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_core.errors import DataError
from fer_core.labels import (
    LABELS,
    Scheme,
    canonical_label,
    is_contempt,
    own_scheme,
    scheme_of_labels,
)
from fer_core.pictures import SUFFIXES

#: Folder names of splits, and what FER2013's Usage column says.
_SPLITS: Mapping[str, str] = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "publictest": "public_test",
    "privatetest": "private_test",
}

#: Beginnings of the names of FER2013's pictures: in its ``test`` folder two parts lie together.
_PREFIXES = ("Training_", "PublicTest_", "PrivateTest_")


def is_picture(name: str) -> bool:
    """Return whether a file's name ends like that of a picture."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def part_of(name: str) -> str:
    """Return the part that a split's folder or FER2013's Usage column names, or ``""``."""
    return _SPLITS.get(name.strip().lower(), "")


@dataclass(frozen=True)
class Tree:
    """What the names of a source's files say.

    Attributes
    ----------
    pictures : list of str
        Names of the pictures, sorted.
    y : list of int
        Label codes in the order of `scheme`.
    parts : list of str
        Part of each picture (see `fer_core.datasets.dataset.Dataset`).
    scheme : Scheme
        ``fer7`` if the class folders spell FER2013's seven labels; one of those that there are
        if they spell some of them; else the folders' own names.
    ignored : dict of str to int
        Classes whose pictures no scheme knows and were left out, with their number.
    """

    pictures: list[str]
    y: list[int]
    parts: list[str]
    scheme: Scheme
    ignored: dict[str, int]


def read_tree(path: Path, names: Sequence[str]) -> Tree:
    """Read labels and parts from file names such as ``train/happy/Training_1.jpg``.

    A class is the folder that pictures lie in; in others below it, such as one a person, it is the
    one that spells a label or comes after a split's.

    A class folder ``contempt``, which AffectNet and CK+ have and no scheme knows, is left out when
    the others spell FER2013's labels.

    Parameters
    ----------
    path : Path
        Where the names come from, for messages.
    names : sequence of str
        All files of the source, sorted.

    Raises
    ------
    DataError
        If there is no class folder, or only one class.
    """
    found: list[tuple[str, str, str, str]] = []
    for name in names:
        *folders, file = name.split("/")
        if folders and is_picture(file):
            prefix = file.split("_")[0] if file.startswith(_PREFIXES) else ""
            found.append((name, *_class_and_part(folders), part_of(prefix)))
    if not found:
        raise DataError(
            f"{path}: there are no pictures in class folders here; expected "
            "<class>/<picture> or train/<class>/<picture> (.jpg, .png, …), or a table labels.csv "
            "with the columns picture and label"
        )
    classes = sorted({folder for _, folder, _, _ in found})
    # In one's own division of FER2013's pictures folders say more than names.
    kaggles = all(said in ("", "test") or said == named for _, _, said, named in found)
    if all(part_of(folder) for folder in classes):
        raise DataError(
            f"{path}: the pictures lie in folders named after splits ({', '.join(classes)}) and "
            "not in class folders; expected train/<class>/<picture>"
        )
    labels = {name: folder for name, folder, _, _ in found}
    return _tree(path, labels, {n: _part(s, named, kaggles) for n, _, s, named in found})


def _class_and_part(folders: Sequence[str]) -> tuple[str, str]:
    """Return the class folder and the part that the folders of a picture name."""
    spelled = [i for i, f in enumerate(folders) if canonical_label(f) or is_contempt(f)]
    after = [i + 1 for i, folder in enumerate(folders[:-1]) if part_of(folder)]
    last = len(folders) - 1
    # A split's folder inside a class folder is no way that pictures lie, and refused as a class.
    place = last if part_of(folders[-1]) else (spelled or after or [last])[-1]
    parts = [part for folder in folders[:place] if (part := part_of(folder))]
    return folders[place], parts[-1] if parts else ""


def labelled_tree(path: Path, labels: Mapping[str, str]) -> Tree:
    """Return what a table says that labels pictures, which may lie in any folders.

    Parameters
    ----------
    path : Path
        Of the table, for messages.
    labels : dict of str to str
        Class by picture.

    Raises
    ------
    DataError
        If it names no picture, or pictures of one class only.
    """
    if not labels:
        raise DataError(f"{path}: no picture is named here; write a row a picture")
    parts = {name: next(filter(None, map(part_of, name.split("/")[:-1])), "") for name in labels}
    return _tree(path, dict(sorted(labels.items())), parts)


def _tree(path: Path, labels: Mapping[str, str], parts: Mapping[str, str]) -> Tree:
    """Return pictures with their classes as codes, less those that no scheme knows."""
    scheme, codes = _scheme_of(sorted(set(labels.values())))
    if len(scheme.labels) < 2:
        raise DataError(
            f"{path}: all pictures are in one class ('{scheme.labels[0]}'); "
            "at least two classes are needed"
        )
    kept = [name for name, label in labels.items() if label in codes]
    dropped = Counter(label for label in labels.values() if label not in codes)
    y = [codes[labels[name]] for name in kept]
    return Tree(kept, y, [parts[name] for name in kept], scheme, dict(dropped))


def _part(said: str, named: str, kaggles: bool) -> str:
    """Return a picture's part: what its split's folder says, or its name where that says more."""
    if said == "":
        return named
    return named if said == "test" and kaggles and named.endswith("_test") else said


def _scheme_of(classes: Sequence[str]) -> tuple[Scheme, dict[str, int]]:
    """Return the scheme of class folders, and each folder's code; ignored folders have none."""
    spelled = {f: canonical_label(f) for f in classes if not is_contempt(f)}
    present = [label for label in LABELS if label in spelled.values()]
    if not present or None in spelled.values():
        return own_scheme(classes), {f: i for i, f in enumerate(classes)}
    return scheme_of_labels(present), {
        f: present.index(label) for f, label in spelled.items() if label
    }


def refuse_empty_folders(path: Path, tree: Tree) -> None:
    """Raise `DataError` if a class folder below `path` holds no picture; archives have none."""
    filled = {name.rpartition("/")[0] for name in tree.pictures}
    depths = sorted({name.count("/") for name in tree.pictures})
    candidates = (p for n in depths for p in path.glob("/".join("*" * n)) if p.is_dir())
    relative = (p.relative_to(path).as_posix() for p in candidates)
    for folder in sorted(relative):
        parts = folder.split("/")
        hidden = any(part.startswith(".") for part in parts)
        # A folder of a part lies where another part, or none, has its classes.
        related = any(
            f"{f}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{f}/") for f in filled
        )
        if not related and parts[-1] not in tree.ignored and not hidden:
            raise DataError(
                f"{path}: the class folder '{folder}' holds no pictures; "
                "add some or remove the folder"
            )
