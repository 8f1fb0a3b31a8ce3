"""FER2013 as folders, as csv, or as an archive of either.

Goodfellow et al., "Challenges in Representation Learning: A report on three machine learning
contests", ICONIP 2013: 35,887 gray faces of 48x48 pixels, seven expressions.
"""

from __future__ import annotations

import csv
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.cache import Arrays, cached, content_key
from fer_core.datasets.dataset import FACE_SIZE, Dataset
from fer_core.datasets.sources import Source, open_source, read_all
from fer_core.datasets.tree import empty_class_folders, part_of, read_tree
from fer_core.errors import DataError, PictureError
from fer_core.labels import LABELS, SCHEMES
from fer_core.pictures import SUFFIXES, decode_picture, to_gray

#: Where `--download` gets the folders; see https://www.kaggle.com/datasets/msambare/fer2013.
KAGGLE_DATASET = "msambare/fer2013"

_PIXELS = FACE_SIZE * FACE_SIZE


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
    tables = [n for n in names if PurePosixPath(n).suffix.lower() == ".csv"]
    pictures = [n for n in names if PurePosixPath(n).suffix.lower() in SUFFIXES]
    if tables and not pictures:
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


def refuse_broken(
    path: Path, broken: list[tuple[str, str]], skip_broken: bool, n_all: int
) -> list[str]:
    """Return `broken` as lines, or raise if they are not to be skipped or nothing else is left."""
    lines = [f"{name}: {why}" for name, why in broken]
    if broken and (not skip_broken or len(broken) == n_all):
        shown = "; ".join(lines[:3]) + (f"; and {len(lines) - 3} more" if len(lines) > 3 else "")
        advice = "" if skip_broken else "; mend or remove them, or pass --skip-broken"
        raise DataError(f"{path}: {len(broken)} of {n_all} can't be read: {shown}{advice}")
    return lines


def _from_tree(source: Source, names: list[str], skip_broken: bool) -> Dataset:
    tree = read_tree(source.path, names)
    if tree.scheme.name != "fer7":
        raise DataError(
            f"{source.path}: the class folders {', '.join(tree.scheme.labels)} are not FER2013's; "
            "for pictures of your own use --dataset folder"
        )
    if source.path.is_dir() and (empty := empty_class_folders(source.path, tree)):
        raise DataError(f"{source.path}: the class folder '{empty[0]}' holds no pictures")
    contents = read_all(source, tree.pictures)
    described = [f"{n} {y} {p}" for n, y, p in zip(tree.pictures, tree.y, tree.parts, strict=True)]
    key = content_key(f"tree {skip_broken}", (*(d.encode() for d in described), *contents))

    def compute() -> Arrays:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(_decode_ready, contents, tree.pictures, chunksize=256))
        broken = [(n, r) for n, r in zip(tree.pictures, results, strict=True) if isinstance(r, str)]
        skipped = refuse_broken(source.path, broken, skip_broken, len(results))
        good = [i for i, r in enumerate(results) if not isinstance(r, str)]
        return {
            "faces": np.stack([results[i] for i in good]),
            "y": np.array([tree.y[i] for i in good], dtype=np.int64),
            "names": np.array([tree.pictures[i] for i in good]),
            "parts": np.array([tree.parts[i] for i in good]),
            "skipped": np.array(skipped, dtype=np.str_),
        }

    return _dataset(cached(key, compute))


def _decode_ready(content: bytes, name: str) -> NDArray[np.uint8] | str:
    """Decode a picture that is a 48x48 face already, or return why it can't be."""
    try:
        face = to_gray(decode_picture(content, name))
    except PictureError as error:
        return str(error).removeprefix(f"{name}: ")
    if face.shape != (FACE_SIZE, FACE_SIZE):
        return f"{face.shape[1]}x{face.shape[0]} pixels, where FER2013 has 48x48"
    return face


def _choose_table(path: Path, tables: list[str]) -> str:
    known = [t for t in tables if PurePosixPath(t).name in ("fer2013.csv", "icml_face_data.csv")]
    if len(known or tables) > 1:
        raise DataError(
            f"{path}: holds several tables ({', '.join((known or tables)[:3])}); "
            "name the csv file itself"
        )
    return (known or tables)[0]


def _from_csv(path: Path, content: bytes, skip_broken: bool) -> Dataset:
    key = content_key(f"csv {skip_broken}", [content])
    return _dataset(cached(key, lambda: _parse_csv(path, content, skip_broken)))


def _parse_csv(path: Path, content: bytes, skip_broken: bool) -> Arrays:
    reader = csv.reader(io.StringIO(content.decode("utf-8", errors="replace")))
    header = [column.strip().lower() for column in next(reader, [])]
    try:
        i_label, i_pixels = header.index("emotion"), header.index("pixels")
    except ValueError:
        raise DataError(
            f"{path}: this is not FER2013's csv: its header is '{','.join(header)[:60]}', "
            "expected the columns emotion, pixels and Usage"
        ) from None
    i_usage = header.index("usage") if "usage" in header else None
    faces, y, names, parts, broken = [], [], [], [], []
    n_rows = 0
    for n_rows, row in enumerate(reader, start=1):
        # Row numbers are kept in the names, because FER+ votes are aligned by row.
        name = f"row {n_rows}"
        face = _parse_row(row, i_label, i_pixels)
        if isinstance(face, str):
            broken.append((name, face))
            continue
        faces.append(face)
        y.append(int(row[i_label]))
        names.append(f"row{n_rows - 1:05d}")
        parts.append(part_of(row[i_usage]) if i_usage is not None else "")
    skipped = refuse_broken(path, broken, skip_broken, n_rows)
    if not faces:
        raise DataError(f"{path}: the table has a header but no rows")
    return {
        "faces": np.stack(faces),
        "y": np.array(y, dtype=np.int64),
        "names": np.array(names),
        "parts": np.array(parts),
        "skipped": np.array(skipped, dtype=np.str_),
    }


def _parse_row(row: list[str], i_label: int, i_pixels: int) -> NDArray[np.uint8] | str:
    if len(row) <= max(i_label, i_pixels):
        return f"{len(row)} columns"
    label = row[i_label].strip()
    if not (label.isdigit() and int(label) < len(LABELS)):
        return f"label '{label}', where FER2013 has 0 to {len(LABELS) - 1}"
    try:
        pixels = np.array(row[i_pixels].split(), dtype=np.int64)
    except ValueError:
        return "pixels that are not whole numbers"
    if len(pixels) != _PIXELS:
        return f"{len(pixels)} pixels, where FER2013 has {_PIXELS}"
    if pixels.min() < 0 or pixels.max() > 255:
        return "pixels outside 0 to 255"
    return pixels.astype(np.uint8).reshape(FACE_SIZE, FACE_SIZE)


def _dataset(arrays: Arrays) -> Dataset:
    skipped = [str(line) for line in arrays["skipped"]]
    return Dataset(
        name="fer2013",
        faces=arrays["faces"],
        y=arrays["y"],
        scheme=SCHEMES["fer7"],
        names=arrays["names"],
        parts=arrays["parts"],
        groups=np.arange(len(arrays["y"])),
        notes={"skipped": skipped} if skipped else {},
    )
