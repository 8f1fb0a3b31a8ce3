"""FER2013 as folders, as csv, or as an archive of either.

Goodfellow et al., "Challenges in Representation Learning: A report on three machine learning
contests", ICONIP 2013: 35,887 gray faces of 48x48 pixels, seven expressions.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.cache import Arrays, cached, content_key
from fer_core.datasets.class_folders import part_of
from fer_core.datasets.dataset import FACE_SIZE, Dataset
from fer_core.datasets.decoding import decode_tree, refuse_broken, stack_faces
from fer_core.datasets.sources import Source, open_source
from fer_core.datasets.tree import is_picture, read_tree, refuse_empty_folders
from fer_core.errors import DataError, PictureError
from fer_core.labels import LABELS, SCHEMES
from fer_core.pictures import to_gray

#: Where `--download` gets the folders; see https://www.kaggle.com/datasets/msambare/fer2013.
KAGGLE_DATASET = "msambare/fer2013"

#: The labels as the csv writes them.
_CODES = frozenset(str(code) for code in range(len(LABELS)))


def load_fer2013(path: str | os.PathLike[str], *, skip_broken: bool = False) -> Dataset:
    """Load FER2013 in any of the forms that people have it in.

    Parameters
    ----------
    path : path
        A folder or archive with ``train/<label>/*.jpg, test/<label>/*.jpg``, or
        ``fer2013.csv`` or ``icml_face_data.csv``, or an archive that holds one of them.
    skip_broken : bool
        Leave out pictures and rows that can't be read, and list them in ``notes["skipped"]``.

    Returns
    -------
    Dataset
        Scheme ``fer7``; parts ``training``, ``public_test``, ``private_test`` as file names or
        the Usage column tell, else what the split folders say.

    Raises
    ------
    DataError
        If `path` holds no FER2013, or something in it is broken and `skip_broken` is false.
    """
    p = Path(path)
    if p.suffix.lower() == ".csv" and p.is_file():
        return _from_csv(p, p.read_bytes(), skip_broken)
    source = open_source(p)
    names = source.names()
    tables = [n for n in names if n.lower().endswith(".csv")]
    if tables and not any(is_picture(n) for n in names):
        return _from_csv(p, source.read(_choose_table(p, tables)), skip_broken)
    return _from_tree(source, names, skip_broken)


def download_fer2013() -> Path:
    """Download FER2013's folders with kagglehub and return where they are.

    Raises
    ------
    MissingExtraError
        If kagglehub is not installed.
    DataError
        If Kaggle can't be reached or refuses.
    """
    from fer_core.extras import require

    kagglehub = require("kagglehub", "data")
    try:
        return Path(kagglehub.dataset_download(KAGGLE_DATASET))
    except Exception as error:  # kagglehub raises its own, requests' and plain errors alike
        raise DataError(
            f"FER2013 could not be downloaded from Kaggle ({error}); check the network, or get "
            "fer2013 by hand and name it with --data"
        ) from error


def _from_tree(source: Source, names: list[str], skip_broken: bool) -> Dataset:
    tree = read_tree(source.path, names)
    # Before the classes are judged: an empty folder is why one of the seven is missing.
    refuse_empty_folders(source.path, tree)
    if tree.scheme.name != "fer7":
        raise DataError(
            f"{source.path}: the class folders {', '.join(tree.scheme.labels)} are not FER2013's "
            "seven; for pictures of your own use --dataset folder"
        )
    arrays = decode_tree(source, tree, _ready_face, "fer2013", skip_broken=skip_broken)
    kept = arrays["index"]
    return _dataset(
        arrays["faces"],
        np.array(tree.y, dtype=np.int64)[kept],
        np.array(tree.pictures)[kept],
        np.array(tree.parts)[kept],
        arrays["broken"],
    )


def _ready_face(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
    height, width = picture.shape[:2]
    if (height, width) != (FACE_SIZE, FACE_SIZE):
        raise PictureError(f"{width}x{height} pixels, where FER2013 has 48x48")
    return to_gray(picture), True


def _choose_table(path: Path, tables: list[str]) -> str:
    known = [t for t in tables if PurePosixPath(t).name in ("fer2013.csv", "icml_face_data.csv")]
    if len(known or tables) > 1:
        raise DataError(
            f"{path}: holds several tables ({', '.join((known or tables)[:3])}); "
            "name the csv file itself"
        )
    return (known or tables)[0]


def _from_csv(path: Path, content: bytes, skip_broken: bool) -> Dataset:
    key = content_key("fer2013 csv", [content])
    table = cached(key, lambda: _parse_csv(path, content))
    n_rows = len(table["y"]) + len(table["broken"])
    refuse_broken(path, table["broken"].tolist(), n_rows, skip_broken=skip_broken)
    return _dataset(table["faces"], table["y"], table["names"], table["parts"], table["broken"])


def _parse_csv(path: Path, content: bytes) -> Arrays:
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""))
    faces, y, names, parts, broken = [], [], [], [], []
    try:
        columns = _columns(path, next(reader, []))
        for i, row in enumerate(filter(None, reader)):
            try:
                face, label, part = _parse_row(row, columns)
            except PictureError as error:
                broken.append(f"line {reader.line_num}: {error}")
                continue
            faces.append(face)
            y.append(label)
            # Row numbers are kept in the names, because FER+ votes are aligned by row.
            names.append(f"row{i:05d}")
            parts.append(part)
    except csv.Error as error:
        raise DataError(f"{path}: this is not a csv table ({error}); get it again") from error
    if not faces and not broken:
        raise DataError(f"{path}: the table has a header but no rows; get it again")
    return {
        "faces": stack_faces(faces),
        "y": np.array(y, dtype=np.int64),
        "names": np.array(names, dtype=np.str_),
        "parts": np.array(parts, dtype=np.str_),
        "broken": np.array(broken, dtype=np.str_),
    }


def _columns(path: Path, header: list[str]) -> tuple[int, int, int | None]:
    """Return the positions of emotion, pixels and Usage; FER2013 exists without the last."""
    # icml_face_data.csv has spaces before its column names.
    named = [column.strip().lower() for column in header]
    if "emotion" not in named or "pixels" not in named:
        raise DataError(
            f"{path}: this is not FER2013's csv: its header is '{','.join(named)[:60]}', "
            "expected the columns emotion, pixels and Usage"
        )
    usage = named.index("usage") if "usage" in named else None
    return named.index("emotion"), named.index("pixels"), usage


def _parse_row(
    row: list[str], columns: tuple[int, int, int | None]
) -> tuple[NDArray[np.uint8], int, str]:
    """Return a row's face, label and part, or say in a PictureError why it has none."""
    i_label, i_pixels, i_usage = columns
    if len(row) <= max(i_label, i_pixels, i_usage or 0):
        raise PictureError(f"only {len(row)} columns")
    label = row[i_label].strip()
    if label not in _CODES:
        raise PictureError(f"label '{label}', where FER2013 has 0 to {len(LABELS) - 1}")
    part = part_of(row[i_usage]) if i_usage is not None else ""
    if i_usage is not None and not part:
        raise PictureError(f"Usage '{row[i_usage]}', expected Training, PublicTest or PrivateTest")
    try:
        pixels = np.fromiter(map(int, row[i_pixels].split()), dtype=np.int64)
    except (ValueError, OverflowError):
        raise PictureError("pixels that are not whole numbers") from None
    if len(pixels) != FACE_SIZE * FACE_SIZE:
        raise PictureError(f"{len(pixels)} pixels, where FER2013 has {FACE_SIZE * FACE_SIZE}")
    if pixels.min() < 0 or pixels.max() > 255:
        raise PictureError("pixels outside 0 to 255")
    return pixels.astype(np.uint8).reshape(FACE_SIZE, FACE_SIZE), int(label), part


def _dataset(
    faces: NDArray[np.uint8],
    y: NDArray[np.int64],
    names: NDArray[np.str_],
    parts: NDArray[np.str_],
    skipped: NDArray[np.str_],
) -> Dataset:
    return Dataset(
        name="fer2013",
        faces=faces,
        y=y,
        scheme=SCHEMES["fer7"],
        names=names,
        parts=parts,
        groups=np.arange(len(y)),
        notes={"skipped": skipped.tolist()} if len(skipped) else {},
    )
