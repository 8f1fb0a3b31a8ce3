"""Decoded pictures kept on disk, keyed by the content they were decoded from."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fer_core.files import cache_folder, write_atomically

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray]

#: Of all files together; those used last stay. FER2013's faces are 83 MB.
KEPT_BYTES = 2_000_000_000

#: What `content_key` returns.
_KEY = re.compile("[0-9a-f]{32}")


def content_key(kind: str, pieces: Iterable[bytes | memoryview]) -> str:
    """Return a key that changes with `kind` and with the bytes or the order of `pieces`."""
    digest = hashlib.blake2b(kind.encode(), digest_size=16)
    for piece in pieces:
        # The length keeps b"ab" + b"c" apart from b"a" + b"bc".
        digest.update(memoryview(piece).nbytes.to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()


def cached(
    key: str, compute: Callable[[], Arrays], holds: Callable[[Arrays], bool] = lambda arrays: True
) -> Arrays:
    """Return the arrays stored under `key` if they still hold, or compute and store them.

    A cache that can't be read or written costs time, never the job.
    """
    arrays = load_cached(key)
    if arrays is None or not holds(arrays):
        arrays = compute()
        store_cached(key, arrays)
    return arrays


def load_cached(key: str) -> Arrays | None:
    """Return the arrays stored under `key`; None where there are none, or only damaged ones."""
    path = _file(key)
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        with suppress(OSError):  # a cache that may only be read
            os.utime(path)
        return arrays
    except FileNotFoundError:
        pass
    # Damaged archives can ask for compression that does not exist, or for a password.
    except (OSError, ValueError, BadZipFile, EOFError, RuntimeError) as error:
        logger.warning("%s: damaged cache file (%s), making it again", path, error)
    return None


def store_cached(key: str, arrays: Arrays) -> None:
    """Store arrays under `key`, in place of those that were there; the oldest make room."""
    path = _file(key)
    try:
        with write_atomically(path) as temporary:
            np.savez(temporary, allow_pickle=False, **dict(arrays))
    except OSError as error:
        logger.warning("%s: the cache could not be written (%s)", path, error)
    else:
        _make_room(path)


def _make_room(newest: Path) -> None:
    """Remove the files that were not used for the longest time, but for the newest."""
    with suppress(OSError):  # another process may do the same
        # By their names, for the folder may hold somebody's own files, and half-written ones.
        own = [file for file in newest.parent.glob("*.npz") if _KEY.fullmatch(file.stem)]
        used = {file: file.stat() for file in own if file != newest}
        total = newest.stat().st_size
        for file, told in sorted(used.items(), key=lambda item: -item[1].st_mtime):
            total += told.st_size
            if total > KEPT_BYTES:
                file.unlink(missing_ok=True)


def _file(key: str) -> Path:
    return cache_folder() / f"{key}.npz"
