"""Files written whole or not at all, content hashes, and the cache folder."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _read_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


#: Read once, because reading sets it, for all threads.
_UMASK = _read_umask()


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` if the block succeeds.

    The temporary name keeps the suffix, because many writers choose a format by it. If the block
    raises, the temporary file is removed and an older file at `path` stays as it was.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, name = tempfile.mkstemp(prefix=".fer-", suffix=target.suffix, dir=target.parent)
    except OSError as error:  # whose file is the temporary one
        raise OSError(error.errno, error.strerror, str(path)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; give what the user's umask would have given.
        temporary.chmod(0o666 & ~_UMASK)
        try:
            temporary.replace(target)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Return the folder for things that can be computed again.

    ``FER_CACHE`` if set, else ``fer-ensemble`` under ``XDG_CACHE_HOME`` or ``~/.cache``, or among
    temporary files for users without a home.
    """
    chosen, base = os.environ.get("FER_CACHE"), os.environ.get("XDG_CACHE_HOME")
    try:
        if chosen:
            return Path(chosen).expanduser()
        return (Path(base) if base else Path.home() / ".cache") / "fer-ensemble"
    except RuntimeError:  # containers run under numbers that belong to nobody
        return Path(tempfile.gettempdir()) / f"fer-ensemble-{getattr(os, 'getuid', int)()}"


def printable(name: str) -> str:
    """Return a file's name with what is no valid UTF-8 in it escaped; valid names stay."""
    return name.encode("utf-8", "backslashreplace").decode()
