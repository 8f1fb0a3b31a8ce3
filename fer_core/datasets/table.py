"""Tables that people write about their pictures, each of which has a row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from fer_core.errors import DataError


def read_table(content: bytes, path: Path, pictures: Sequence[str], column: str) -> dict[str, str]:
    """Return what a csv table says of pictures.

    Parameters
    ----------
    content : bytes
        UTF-8, with the columns ``picture`` (path inside the folder, or file name) and `column`;
        others are not read.
    path : Path
        Where it comes from, for messages.
    pictures : sequence of str
        Paths of all pictures inside the folder.
    column : str
        Such as ``group``.

    Returns
    -------
    dict of str to str
        Path of a picture to its value; pictures that the table doesn't name are missing.

    Raises
    ------
    DataError
        If the table has other columns, names a picture that there isn't, or several by one name.
    """
    by_name: dict[str, list[str]] = {}
    for name in pictures:
        for called in {name, file_of(name)}:
            by_name.setdefault(called, []).append(name)
    value_of: dict[str, str] = {}
    try:
        text = content.decode("utf-8-sig")
        reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
        if not {"picture", column} <= set(reader.fieldnames or ()):
            raise DataError(f"{path}: a table of {column}s needs the columns picture and {column}")
        for row in reader:
            named = by_name.get((row["picture"] or "").strip(), [])
            if len(named) != 1 or not row[column]:
                problem = f"no {column}" if len(named) == 1 else f"{len(named)} pictures"
                raise DataError(
                    f"{path}: line {reader.line_num} ('{row['picture']}') names {problem}; "
                    f"write the picture's path inside the folder, then its {column}"
                )
            value = row[column].strip()
            if value_of.setdefault(named[0], value) != value:
                raise DataError(
                    f"{path}: line {reader.line_num} gives '{named[0]}' a second {column}, "
                    f"'{value}'; decide for one"
                )
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: this is not a csv table of {column}s") from None
    return value_of


def columns_of(content: bytes) -> list[str]:
    """Return the names of a csv table's columns; none of what is no such table."""
    first = content.decode("utf-8-sig", errors="replace").splitlines()[:1]
    try:
        return next(csv.reader(first, skipinitialspace=True), [])
    except csv.Error:
        return []


def file_of(name: str) -> str:
    """Return the file's name at the end of a path inside a folder."""
    return name.rpartition("/")[2]
