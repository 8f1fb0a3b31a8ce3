"""Folders, .zip and .tar.gz archives behind one interface: names and bytes."""

from __future__ import annotations

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

from fer_core.errors import DataError, PictureError
from fer_core.files import printable

#: What archives raise when they are cut off, damaged, encrypted or packed in an unknown way.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
)


class Source(Protocol):
    """Named byte strings; names are POSIX paths relative to the source's root."""

    path: Path

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""

    def read(self, name: str) -> bytes:
        """Return the content of one file."""


class FolderSource:
    """The files below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Return the paths of all files that are not hidden, sorted.

        Raises
        ------
        DataError
            If a name is no valid UTF-8.
        """
        return sorted(self._walk(str(self.path), "", ()))

    def _walk(self, folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        status = os.stat(folder)
        here = (status.st_dev, status.st_ino)
        if here in above:
            return  # a link to a folder that this one is in
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    yield from self._walk(entry.path, f"{prefix}{entry.name}/", (*above, here))
                else:
                    yield _text(prefix + entry.name, self.path)

    def read(self, name: str) -> bytes:
        """Return the content of one file.

        Raises
        ------
        PictureError
            If it can't be opened.
        """
        # A third of the time of Path.read_bytes, which counts with tens of thousands of files.
        try:
            with open(f"{self.path}/{name}", "rb", buffering=0) as file:
                return file.read()
        except OSError as error:
            raise PictureError(f"{name}: can't be opened ({error.strerror})") from error


def _text(name: str, path: Path) -> str:
    """Return a file's name, if it is one that tables and reports can hold."""
    if (shown := printable(name)) != name:
        raise DataError(f"{path}: the file name '{shown}' is no valid UTF-8; rename it")
    return name


class ArchiveSource:
    """The files inside a .zip or a .tar archive (compressed or not), read into memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = dict(_members(path))

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        return sorted(self._content)

    def read(self, name: str) -> bytes:
        """Return the content of one file."""
        return self._content[name]


def open_source(path: str | os.PathLike[str]) -> Source:
    """Open a folder or an archive.

    Raises
    ------
    DataError
        If there is nothing at `path`, it is neither a folder nor an archive, or an archive is
        damaged or names files outside itself.
    """
    p = Path(path)
    if p.is_dir():
        return FolderSource(p)
    if not p.exists():
        raise DataError(f"{p}: there is no such file or folder")
    if zipfile.is_zipfile(p) or _is_tar(p):
        return ArchiveSource(p)
    raise DataError(f"{p}: this is neither a folder nor a whole .zip or .tar.gz archive")


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (*_DAMAGE, OSError):  # cut off so early that even its first header is missing
        return False


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    name = _inside(path, member.filename)
                    if not member.is_dir() and not _hidden(name):
                        yield name, archive.read(member)
        else:
            with tarfile.open(path) as tar:
                for entry in tar:
                    name = _inside(path, entry.name)
                    if entry.isfile() and not _hidden(name):
                        file = tar.extractfile(entry)
                        assert file is not None  # isfile() promises it
                        yield name, file.read()
    except (*_DAMAGE, OSError) as error:
        raise DataError(f"{path}: the archive can't be read ({error}); get it again") from error


def _inside(path: Path, name: str) -> str:
    """Return `name` with plain slashes; refuse one that points outside the archive."""
    posix = PurePosixPath(name.replace("\\", "/"))
    if posix.is_absolute() or ".." in posix.parts or PureWindowsPath(name).drive:
        raise DataError(
            f"{path}: the member '{name}' points outside the archive; "
            "don't use this file, get it from a source you trust"
        )
    return _text(str(posix), path)


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts)
