"""Pictures in a folder a class, optionally below a folder a split, or labelled by a table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fer_core.datasets.class_folders import class_places, part_of
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

#: Beginnings of the names of FER2013's pictures: in its ``test`` folder two parts lie together.
_PREFIXES = ("Training_", "PublicTest_", "PrivateTest_")


def is_picture(name: str) -> bool:
    """Return whether a file's name ends like that of a picture."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


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
    class_folders : frozenset of str
        Paths of the class folders inside the source; none where a table labels pictures.
    joined : tuple of str
        Of labels that several names spell, which names.
    """

    pictures: list[str]
    y: list[int]
    parts: list[str]
    scheme: Scheme
    ignored: dict[str, int]
    class_folders: frozenset[str] = frozenset()
    joined: tuple[str, ...] = ()


def read_tree(path: Path, names: Sequence[str]) -> Tree:
    """Read labels and parts from file names such as ``train/happy/Training_1.jpg``.

    See `fer_core.datasets.class_folders.class_places` for what is a class and what a part.

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
        If there is no class folder, or only one class, or classes can't be told from other folders.
    """
    pictures = {name: name.split("/")[:-1] for name in names if "/" in name and is_picture(name)}
    if not pictures:
        raise DataError(
            f"{path}: there are no pictures in class folders here; expected "
            "<class>/<picture> or train/<class>/<picture> (.jpg, .png, …), or a table labels.csv "
            "with the columns picture and label"
        )
    innermost = sorted({folders[-1] for folders in pictures.values()})
    if all(map(part_of, innermost)):
        raise DataError(
            f"{path}: the pictures lie in folders named after splits ({', '.join(innermost)}) and "
            "not in class folders; expected train/<class>/<picture>"
        )
    places = dict(zip(pictures, class_places(path, list(pictures.values())), strict=True))
    named = {name: _named_part(name) for name in pictures}
    # In one's own division of FER2013's pictures folders say more than names.
    kaggles = all(said in ("", "test") or said == named[n] for n, (_, said) in places.items())
    tree = _tree(
        path,
        {name: pictures[name][place] for name, (place, _) in places.items()},
        {name: _part(said, named[name], kaggles) for name, (_, said) in places.items()},
    )
    filled = {"/".join(pictures[name][: place + 1]) for name, (place, _) in places.items()}
    return replace(tree, class_folders=frozenset(filled))


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
    return Tree(
        kept,
        y,
        [parts[name] for name in kept],
        scheme,
        dict(dropped),
        joined=_joined(codes, scheme),
    )


def _joined(codes: Mapping[str, int], scheme: Scheme) -> tuple[str, ...]:
    """Say which names that differ by more than their case are taken for one label."""
    names: dict[int, set[str]] = {}
    for name, code in codes.items():
        names.setdefault(code, set()).add(name.casefold())
    return tuple(
        f"{' and '.join(sorted(own))} for {scheme.labels[code]}"
        for code, own in sorted(names.items())
        if len(own) > 1
    )


def _named_part(name: str) -> str:
    """Return the part that the beginning of a FER2013 picture's name tells, or ``""``."""
    file = name.rpartition("/")[2]
    return part_of(file.split("_")[0]) if file.startswith(_PREFIXES) else ""


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
    filled = tree.class_folders
    depths = sorted({folder.count("/") + 1 for folder in filled})
    candidates = (p for n in depths for p in path.glob("/".join("*" * n)) if p.is_dir())
    relative = (p.relative_to(path).as_posix() for p in candidates)
    for folder in sorted(relative):
        parts = folder.split("/")
        hidden = any(part.startswith(".") for part in parts)
        # A folder of a part lies where another part, or none, has its classes.
        related = any(
            f"{f}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{f}/") for f in filled
        )
        if not related and not hidden:
            raise DataError(
                f"{path}: the class folder '{folder}' holds no pictures; "
                "add some or remove the folder"
            )
