"""Where frames come from: camera, stream, video file, or pictures in a row."""

from __future__ import annotations

import glob
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.errors import DataError, PictureError
from fer_core.pictures import SUFFIXES, UNREAD_SUFFIXES, read_picture

logger = logging.getLogger(__name__)

#: Beginnings of addresses of streams.
ADDRESSES = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "tcp://", "srt://")

#: Name of the source that reads paths of pictures, one a line, from standard input.
STDIN = "-"

#: Endings of pictures that are played, where one is named alone.
_MOVING = (".gif",)

#: Frames a second of pictures in a row, where nothing else is said.
PICTURES_RATE = 25.0


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture and when it was taken.

    Attributes
    ----------
    number : int
        From 0. Of a live source, frames that were dropped are counted too.
    seconds : float
        Since the source's first frame; of a live source, the first that was given.
    image : uint8 (H, W, 3)
        BGR, upright.
    """

    number: int
    seconds: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Waiting:
    """A live source has no new frame yet.

    Attributes
    ----------
    message : str
        Says why, where it is not just early.
    seconds : float
        Time now, on the clock of its frames; 0 before the first.
    """

    message: str = ""
    seconds: float = 0.0


def shown_name(name: str) -> str:
    """Return a source's name for people and files: of an address, without what may be secret.

    That is user and password, and what follows a question mark, where cameras take them, too.
    """
    scheme, mark, rest = name.partition("://")
    if not mark or f"{scheme.lower()}://" not in ADDRESSES:
        return name
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


class Source(Protocol):
    """Gives frames once, in order.

    Attributes
    ----------
    name : str
        For people.
    live : bool
        Whether frames come by themselves, so that late ones are dropped.
    rate : float
        Frames a second that the source states; 0 where it states none.
    n_frames : int or None
        None where it is unknown.
    """

    name: str
    live: bool
    rate: float
    n_frames: int | None

    def frames(self, start: int = 0) -> Iterator[Frame | Waiting]:
        """Give the frames from number `start` on.

        Raises
        ------
        DataError
            If the source breaks off; the frames before have been given.
        """
        ...

    def close(self) -> None:
        """Let go of device, file and threads."""
        ...


class Pictures:
    """Picture files played as a video, such as a folder of numbered frames.

    Parameters
    ----------
    paths : sequence of Path
    name : str
    rate : float
        Frames a second.
    skip_broken : bool
        Whether pictures that can't be read are left out, with a warning.
    """

    live = False

    def __init__(
        self,
        paths: Sequence[Path],
        name: str,
        rate: float = PICTURES_RATE,
        skip_broken: bool = False,
    ) -> None:
        self.paths = list(paths)
        self.name = name
        self.rate = rate
        self.skip_broken = skip_broken
        self.n_frames: int | None = len(self.paths)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Give the pictures from number `start` on."""
        for number in range(start, len(self.paths)):
            try:
                picture = read_picture(self.paths[number])
            except PictureError as error:
                if not self.skip_broken:
                    raise PictureError(
                        f"{error}; --skip-broken leaves out what can't be read"
                    ) from error
                logger.warning("%s", error)
                continue
            yield Frame(number, number / self.rate, picture)

    def close(self) -> None:
        """Do nothing: no file stays open."""


def open_source(
    name: str,
    *,
    rate: float = PICTURES_RATE,
    retry_seconds: float = 30.0,
    results: Path | None = None,
    skip_broken: bool = False,
) -> Source:
    """Open what `name` means.

    Parameters
    ----------
    name : str
        Number of a camera; address that begins with ``rtsp://``, ``http://`` or the like; video
        file; picture, folder of pictures or pattern; ``-`` for paths of pictures, one a line,
        from standard input.
    rate : float
        Frames a second of pictures.
    retry_seconds : float
        For how long a camera or stream that has vanished is tried again.
    results : Path or None
        Folder that results go to: of a folder or pattern, pictures in there are not played.
    skip_broken : bool
        See `Pictures`.

    Raises
    ------
    DataError
        If there is no such camera, file or folder, or it can't be opened.
    """
    from fer_live.capture import LiveSource
    from fer_live.video_file import VideoFile, open_capture, states_length

    if name.isdecimal():
        return LiveSource(int(name), retry_seconds)
    if name.lower().startswith(ADDRESSES):
        capture = open_capture(name)
        # Of a video that is served whole no frame is dropped.
        if states_length(capture):
            return VideoFile(name, capture)
        return LiveSource(name, retry_seconds, capture)
    path = _path_of(name)
    pattern = glob.has_magic(name) and not path.exists()
    still = path.suffix.lower() in SUFFIXES and path.suffix.lower() not in _MOVING
    if not (name == STDIN or path.is_dir() or pattern or still):
        return VideoFile(name)
    paths = _sorted(name, find_pictures([name]))
    if paths == [path] and _is_animated(path):
        raise DataError(f"{path}: an animation that can't be played; convert it to GIF or a video")
    if results is not None and (path.is_dir() or pattern):
        paths = _outside(results, paths, name)
    for missing in (path for path in paths if not path.exists()):
        raise DataError(f"{missing}: there is no such file")
    return Pictures(paths, name, rate, skip_broken)


def find_pictures(names: Sequence[str], leave_out: str = "") -> list[Path]:
    """Return the pictures that file names, folders and patterns mean, each once.

    Parameters
    ----------
    names : sequence of str
        ``-`` stands for the names on standard input, one a line.
    leave_out : str
        Ending of the names of files in folders that are not meant.

    Raises
    ------
    DataError
        If a folder holds no picture, a pattern matches nothing, or standard input is empty.
    """
    found: dict[Path, None] = {}
    for name in names:
        found.update(dict.fromkeys(_pictures_of(name, leave_out)))
    return list(found)


def _pictures_of(name: str, leave_out: str) -> list[Path]:
    if name == STDIN:
        if isinstance(sys.stdin, TextIOWrapper):  # file names need not be valid UTF-8
            sys.stdin.reconfigure(errors="surrogateescape")
        listed = [line.rstrip("\r\n") for line in sys.stdin]
        paths = [Path(line) for line in listed if line.strip()]
        if not paths:
            raise DataError("standard input names no picture; one path a line is expected")
        return paths
    path = _path_of(name)

    def meant(file: Path) -> bool:
        below = file.relative_to(path) if path.is_dir() else Path(file.name)
        hidden = any(part.startswith(".") for part in below.parts)
        made_here = bool(leave_out) and file.name.endswith(leave_out)
        return file.suffix.lower() in SUFFIXES and not hidden and not made_here and file.is_file()

    if path.is_dir():
        closed: list[OSError] = []
        files = list(_files_below(path, closed.append))
        inside = sorted(filter(meant, files))
        unread = sum(file.suffix.lower() in UNREAD_SUFFIXES for file in files)
        advice = f"{unread} in HEIC or AVIF: save them as JPEG or PNG first"
        if not inside:
            among = f" that can be read ({advice})" if unread else ""
            nothing = DataError(f"{path}: there are no pictures in this folder{among}")
            raise next(iter(closed), nothing)
        if unread:
            logger.warning("%s: pictures are left out, %s", path, advice)
        for error in closed:
            logger.warning("%s: %s; what lies there is left out", error.filename, error.strerror)
        return inside
    if not path.exists() and glob.has_magic(name):
        inside = sorted(filter(meant, map(Path, glob.glob(name, recursive=True))))
        if not inside:
            raise DataError(f"{name}: no picture matches this pattern")
        return inside
    return [path]


def _is_animated(path: Path) -> bool:
    """Return whether a file is an animated WebP or PNG, of which pictures are but the first."""
    if path.suffix.lower() not in (".webp", ".png"):
        return False
    try:
        with Image.open(path) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:  # damaged bytes make decoders raise anything, and reading says what is wrong
        return False


def _path_of(name: str) -> Path:
    """Return the path that a name means, unless it can be none."""
    if not name:
        raise DataError("an empty name means no file; name a picture, a folder or a video")
    if re.match(r"[a-z][a-z0-9+.-]+://", name, re.IGNORECASE):
        raise DataError(f"{name}: it can't be read from there; download it and name the file")
    return Path(name)


def _files_below(folder: Path, tell: Callable[[OSError], None]) -> Iterator[Path]:
    """Give what lies in a folder and those below it, and tell of those that may not be read."""
    for place, folders, files in os.walk(folder, onerror=tell):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, file) for file in files)


def _outside(results: Path, paths: list[Path], name: str) -> list[Path]:
    folder = results.resolve()
    outside = [path for path in paths if folder not in path.resolve().parents]
    if not outside:
        raise DataError(
            f"{name}: all pictures lie in {results}, where results go; choose another folder for "
            "these"
        )
    return outside


def _sorted(name: str, paths: list[Path]) -> list[Path]:
    """Sort a folder's frames by the numbers in their names: frame9 comes before frame10."""
    if name == STDIN:
        return paths

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", str(path))
        return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]

    return sorted(paths, key=key)
