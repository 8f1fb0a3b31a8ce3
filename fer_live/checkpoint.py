"""What a long job must know to go on after a kill as if nothing had been."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.errors import DataError
from fer_core.files import write_atomically

#: Seconds of video for which checkpoints are kept: Matroska may hold five back until it writes.
KEEP_SECONDS = 8.0

_ARRAY = "__array__"


@dataclass(frozen=True)
class Checkpoint:
    """A moment between two frames.

    Attributes
    ----------
    next_frame : int
        The number of the first frame that is not done.
    n_done : int
        How many are done: pictures that were skipped have numbers, too.
    seconds : float
        Time of the last frame that is.
    sizes : dict of str to int
        Bytes of each table.
    follower : dict
        `fer_live.follower.FaceFollower.state`.
    summary : dict
        `fer_live.summary.Summary.state`.
    """

    next_frame: int
    n_done: int
    seconds: float
    sizes: Mapping[str, int]
    follower: Mapping[str, Any]
    summary: Mapping[str, Any]


@dataclass
class Journal:
    """The checkpoints of a job in a file.

    Attributes
    ----------
    path : Path
    job : dict
        What is done with what: a job goes on only as it began.
    videos : list of (str, int)
        Name of each annotated video and how many frames were done before it.
    checkpoints : list of Checkpoint
        Oldest first; the newest alone unless there is a video.
    """

    path: Path
    job: dict[str, Any]
    videos: list[tuple[str, int]] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def add(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and drop those that nothing needs any more."""
        self.checkpoints.append(checkpoint)
        since = checkpoint.seconds - KEEP_SECONDS if self.videos else checkpoint.seconds
        old = [c for c in self.checkpoints if c.seconds < since]
        # The newest of the old ones is where a video that lost all it may lose goes on.
        kept = max(len(old) - 1, 0) if self.videos else len(old)
        del self.checkpoints[:kept]
        self.save()

    def save(self) -> None:
        """Write the file whole or not at all."""
        content = {
            "job": self.job,
            "videos": self.videos,
            "checkpoints": [asdict(c) for c in self.checkpoints],
        }
        try:
            with write_atomically(self.path) as temporary:
                temporary.write_text(json.dumps(content, default=_pack), encoding="utf-8")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    @classmethod
    def read(cls, path: Path, job: Mapping[str, Any]) -> Journal:
        """Read what `save` wrote, for the same job.

        Raises
        ------
        DataError
            If it belongs to another job or is damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"), object_hook=_unpack)
            found = content["job"]
            journal = cls(
                path,
                found,
                [(str(name), int(first)) for name, first in content["videos"]],
                [Checkpoint(**c) for c in content["checkpoints"]],
            )
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path}: can't be read ({error}); delete it to begin anew") from error
        refuse_other_job(path.parent, found, job)
        return journal

    def last_before(self, limit: int | None) -> Checkpoint | None:
        """Return the newest checkpoint at which no more than `limit` frames were done."""
        fitting = [c for c in self.checkpoints if limit is None or c.n_done <= limit]
        return fitting[-1] if fitting else None


def refuse_other_job(folder: Path, found: Mapping[str, Any], job: Mapping[str, Any]) -> None:
    """Refuse to go on with another job than the one that a folder holds.

    Raises
    ------
    DataError
        If something that `job` says is said otherwise, or not at all, by `found`.
    """
    for key in job:
        if job[key] != found.get(key):
            there, asked = _in_words(found.get(key)), _in_words(job[key])
            raise DataError(
                f"{folder}: the job there has another {key.replace('_', ' ')} ({there} instead of "
                f"{asked}); ask for the same, begin anew with --restart, or name another --out"
            )


def _in_words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)


def _pack(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        content = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {_ARRAY: content, "dtype": value.dtype.str, "shape": value.shape}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} can't be written")


def _unpack(value: dict[str, Any]) -> Any:
    if _ARRAY not in value:
        return value
    content = base64.b64decode(value[_ARRAY])
    return np.frombuffer(content, dtype=np.dtype(value["dtype"])).reshape(value["shape"]).copy()
