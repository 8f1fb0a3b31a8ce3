"""Pictures of a source decoded to faces, in parallel and only once."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.cache import Arrays, cached, content_key
from fer_core.datasets.dataset import FACE_SIZE
from fer_core.datasets.sources import Source
from fer_core.datasets.tree import Tree
from fer_core.errors import DataError, PictureError
from fer_core.pictures import decode_picture

logger = logging.getLogger(__name__)

#: Makes the face of a picture, uint8 BGR to uint8 (48, 48), and says whether one was found in it.
#: Called from several threads; raises PictureError for a picture that can't be used.
ToFace = Callable[[NDArray[np.uint8]], tuple[NDArray[np.uint8], bool]]


def decode_tree(
    source: Source, tree: Tree, to_face: ToFace, kind: str, *, skip_broken: bool
) -> Arrays:
    """Decode the pictures of a tree, or take them from the cache.

    The cache is keyed by the pictures' names and content, not by their times, so that a copied
    or freshly unpacked folder is known at once and a changed picture never goes unseen.

    Parameters
    ----------
    source : Source
    tree : Tree
        Which files of `source` are pictures of what.
    to_face : callable
        From a picture, uint8 (H, W, 3) BGR, to a face, uint8 (48, 48), and whether one was found.
    kind : str
        Changes with anything that `to_face` depends on.
    skip_broken : bool
        Leave out what can't be read.

    Returns
    -------
    dict of arrays
        ``index`` int64 (n,): positions in `tree` of the pictures that could be read;
        ``faces`` uint8 (n, 48, 48); ``found`` bool (n,); ``broken`` str (m,): the others, as
        "name: reason".

    Raises
    ------
    DataError
        If pictures are broken and `skip_broken` is false, or all of them are.
    """
    # Pictures are read twice the first time instead of held: a folder may exceed the memory.
    contents = (_content(source, name) for name in tree.pictures)
    key = content_key(kind, chain((name.encode() for name in tree.pictures), contents))

    def decode(name: str) -> tuple[NDArray[np.uint8], bool] | str:
        try:
            return to_face(decode_picture(source.read(name), name))
        except PictureError as error:
            return str(error).removeprefix(f"{name}: ")

    def compute() -> Arrays:
        logger.info("%s: decoding %d pictures", source.path, len(tree.pictures))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(decode, tree.pictures))
        good = [(i, *r) for i, r in enumerate(results) if not isinstance(r, str)]
        return {
            "index": np.array([i for i, _, _ in good], dtype=np.int64),
            "faces": stack_faces([face for _, face, _ in good]),
            "found": np.array([found for _, _, found in good], dtype=np.bool_),
            "broken": np.array(
                [
                    f"{n}: {r}"
                    for n, r in zip(tree.pictures, results, strict=True)
                    if type(r) is str
                ],
                dtype=np.str_,
            ),
        }

    def still_broken(arrays: Arrays) -> bool:
        """Say whether what could not be read then can't be read now: Pillow may have learnt it."""
        others = np.setdiff1d(np.arange(len(tree.pictures)), arrays["index"])
        return all(isinstance(decode(tree.pictures[i]), str) for i in others)

    arrays = cached(key, compute, still_broken)
    refuse_broken(
        source.path, arrays["broken"].tolist(), len(tree.pictures), skip_broken=skip_broken
    )
    return arrays


def _content(source: Source, name: str) -> bytes:
    """Return a file's bytes; none of one that can't be opened, which is as good as empty."""
    try:
        return source.read(name)
    except PictureError:
        return b""


def refuse_broken(path: Path, broken: Sequence[str], n_all: int, *, skip_broken: bool) -> None:
    """Raise `DataError` if something of `path` is broken and not to be skipped, or all of it is.

    Parameters
    ----------
    path : Path
    broken : sequence of str
        What can't be read, as "name: reason".
    n_all : int
        How many there are, broken ones included.
    skip_broken : bool
    """
    if len(broken) == 0 or (skip_broken and len(broken) < n_all):
        return
    shown = "; ".join(broken[:3]) + (f"; and {len(broken) - 3} more" if len(broken) > 3 else "")
    advice = "" if skip_broken else "; mend or remove them, or pass --skip-broken"
    raise DataError(f"{path}: {len(broken)} of {n_all} can't be read: {shown}{advice}")


def stack_faces(faces: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return faces as one array, uint8 (n, 48, 48), also where there are none."""
    return np.array(faces, dtype=np.uint8).reshape(-1, FACE_SIZE, FACE_SIZE)
