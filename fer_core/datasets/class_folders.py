"""Which of the folders that a picture lies in is its class, and which names its part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fer_core.errors import DataError
from fer_core.labels import canonical_label, is_contempt

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


def part_of(name: str) -> str:
    """Return the part that a split's folder or FER2013's Usage column names, or ``""``."""
    return _SPLITS.get(name.strip().lower(), "")


def class_places(path: Path, paths: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """Return where among a picture's folders its class stands, and the part that others name.

    The part is named by the last folder above the one that pictures lie in that names one. Of the
    folders after it the class is the level at which all spell FER2013's labels, such as the
    parents of folders a person; else the one at which they differ.

    Parameters
    ----------
    path : Path
        Where the pictures come from, for messages.
    paths : sequence of sequences of str
        Folders of each picture, outermost first; at least one.

    Returns
    -------
    list of (int, str)
        Position of the class, and the part, ``""`` where there is none, of each picture.

    Raises
    ------
    DataError
        If a split's folder lies inside a class folder, or the class can't be told: folders differ
        at several levels, and none, or more than one, spells labels throughout.
    """
    starts = []
    for folders in paths:
        split = max((i for i, f in enumerate(folders[:-1]) if part_of(f)), default=-1)
        if any(map(_spells, folders[: max(split, 0)])):
            raise DataError(
                f"{path}: '{'/'.join(folders)}' is a split's folder inside a class folder; "
                "expected train/<class>/<picture>"
            )
        starts.append(split + 1)
    inner = [folders[start:] for folders, start in zip(paths, starts, strict=True)]
    level = _level(inner)
    if level is None:
        example = max(("/".join(folders) for folders in paths), key=lambda path: path.count("/"))
        raise DataError(
            f"{path}: which folder of '{example}' is the class can't be told; let class folders "
            "lie side by side (<class>/<picture> or train/<class>/<picture>), or write a table "
            "labels.csv with the columns picture and label"
        )
    found = []
    for folders, start in zip(paths, starts, strict=True):
        place = len(folders) - 1 if level < 0 else start + level
        found.append((place, part_of(folders[start - 1]) if start else ""))
    return found


def _level(inner: Sequence[Sequence[str]]) -> int | None:
    """Return the level of classes, counted from the first folder; -1 for the last of each."""
    shallow = min(map(len, inner))
    alike = shallow == max(map(len, inner))
    upper = range(shallow - alike)  # where all are alike the last level is -1
    levels = [i for i in (*upper, -1) if all(_spells(folders[i]) for folders in inner)]
    if levels:
        return levels[0] if len(levels) == 1 else None
    # Nothing spells labels: what all have in common is no class, and one level may be left.
    differing = [i for i in (*upper, -1) if len({folders[i] for folders in inner}) > 1] or [-1]
    return differing[0] if alike and len(differing) == 1 else None


def _spells(folder: str) -> bool:
    return canonical_label(folder) is not None or is_contempt(folder)
