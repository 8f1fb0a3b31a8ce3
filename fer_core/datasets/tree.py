"""Pictures in a folder a class, optionally below a folder a split: names to parts and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fer_core.errors import DataError
from fer_core.labels import LABELS, SCHEMES, Scheme, canonical_label, own_scheme
from fer_core.pictures import SUFFIXES

#: Folder names of splits, and the file name prefixes of FER2013's pictures.
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
        ``fer7`` if every class folder spells one of FER2013's labels, else the folders' own.
    ignored : dict of str to int
        Class folders whose pictures were left out on request, with their number.
    """

    pictures: list[str]
    y: list[int]
    parts: list[str]
    scheme: Scheme
    ignored: dict[str, int]


def read_tree(path: Path, names: Sequence[str], ignore: Sequence[str] = ("contempt",)) -> Tree:
    """Read labels and parts from file names such as ``train/happy/Training_1.jpg``.

    Parameters
    ----------
    path : Path
        Where the names come from, for messages.
    names : sequence of str
        All files of the source, sorted.
    ignore : sequence of str
        Class folders to leave out when the others are FER2013's seven labels; AffectNet and CK+
        have a class ``contempt`` that none of the schemes knows.

    Raises
    ------
    DataError
        If there is no class folder, or only one class.
    """
    found: list[tuple[str, str, str]] = []
    for name in names:
        pure = PurePosixPath(name)
        if pure.suffix.lower() in SUFFIXES and len(pure.parts) >= 2:
            split = pure.parts[-3] if len(pure.parts) >= 3 else ""
            part = part_of(pure.name.split("_")[0]) or part_of(split)
            found.append((name, pure.parts[-2], part))
    if not found:
        raise DataError(
            f"{path}: there are no pictures in class folders here; expected "
            "<class>/<picture> or train/<class>/<picture> (.jpg, .png, …)"
        )
    folders = sorted({folder for _, folder, _ in found})
    wanted = [f for f in folders if f.lower() not in ignore]
    if all(canonical_label(folder) for folder in wanted):
        scheme = SCHEMES["fer7"]
        codes = {f: LABELS.index(canonical_label(f) or "") for f in wanted}
    else:
        wanted = folders
        scheme = own_scheme(folders)
        codes = {f: i for i, f in enumerate(folders)}
    if len(set(codes.values())) < 2:
        raise DataError(
            f"{path}: all pictures are in one class ('{wanted[0] if wanted else folders[0]}'); "
            "at least two class folders are needed"
        )
    kept = [(name, codes[folder], part) for name, folder, part in found if folder in codes]
    dropped = Counter(folder for _, folder, _ in found if folder not in codes)
    pictures, y, parts = zip(*kept, strict=True)
    return Tree(list(pictures), list(y), list(parts), scheme, dict(dropped))


def empty_class_folders(path: Path, tree: Tree) -> list[str]:
    """Return the class folders below `path` that hold no picture."""
    filled = {str(PurePosixPath(name).parent) for name in tree.pictures}
    depth = len(PurePosixPath(tree.pictures[0]).parent.parts)
    candidates = (p for p in path.glob("/".join("*" * depth)) if p.is_dir())
    relative = (p.relative_to(path).as_posix() for p in candidates)
    return sorted(r for r in relative if r not in filled and not r.startswith("."))
