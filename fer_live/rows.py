"""Tables of what was seen: one row for each face of each frame, or one that says there is none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from fer_live.face import FrameResult
from fer_live.sources import Frame

#: Columns of the CSV before the probabilities.
PLACE_COLUMNS = ("left", "top", "width", "height")
COLUMNS = ("frame", "seconds", "found", "track", "label", "second", "sure", "confidence")

#: Prefixes of the columns of smoothed probabilities, and of the frame's own.
SMOOTHED, RAW = "p_", "raw_"


class RowFormat(Protocol):
    """How rows become text."""

    def head(self) -> str:
        """Return what stands before the first row."""
        ...

    def rows(self, frame: Frame, result: FrameResult) -> str:
        """Return the rows of a frame: at least one, each ending with a line's end."""
        ...


class CsvFormat:
    """Comma-separated values with a head line.

    Parameters
    ----------
    labels : sequence of str
        Class names of the scheme.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)

    def head(self) -> str:
        """Return the line of column names."""
        names = [*COLUMNS, *PLACE_COLUMNS, "score"]
        names += [prefix + label for prefix in (SMOOTHED, RAW) for label in self.labels]
        return _csv_line(names)

    def rows(self, frame: Frame, result: FrameResult) -> str:
        """Return a line for each face; without a face, one whose ``found`` is 0."""
        stamp = [frame.number, f"{frame.seconds:.4f}"]
        if not result.faces:
            return _csv_line([*stamp, 0, *[""] * (len(COLUMNS) - 3 + 5 + 2 * len(self.labels))])
        lines = []
        for face in result.faces:
            named = [face.track_id, face.label, face.second, int(face.sure)]
            place = [f"{v:.1f}" for v in face.box]
            numbers = [*face.probabilities, *face.raw_probabilities]
            lines.append(
                [*stamp, 1, *named, f"{face.confidence:.4f}", *place, f"{face.score:.4f}"]
                + [f"{p:.4f}" for p in numbers]
            )
        return "".join(map(_csv_line, lines))


class JsonLinesFormat:
    """A JSON object a line, with the landmarks too."""

    def head(self) -> str:
        """Return nothing: every line explains itself."""
        return ""

    def rows(self, frame: Frame, result: FrameResult) -> str:
        """Return a line for each face; without a face, one whose ``found`` is false."""
        stamp: dict[str, Any] = {"frame": frame.number, "seconds": round(frame.seconds, 4)}
        rows = [{**stamp, "found": True, **face.as_dict()} for face in result.faces]
        return "".join(
            json.dumps(row, ensure_ascii=False) + "\n"
            for row in rows or [{**stamp, "found": False}]
        )


class RowFile:
    """A file that whole rows are added to.

    Parameters
    ----------
    path : Path
    form : RowFormat
    size : int or None
        Bytes to keep of a file that is there: what a resumed job had written. None begins anew.

    Raises
    ------
    OSError
        If it can't be written; also by `write`, which then leaves whole rows only.
    """

    def __init__(self, path: Path, form: RowFormat, size: int | None = None) -> None:
        self.path = path
        self.form = form
        # Unbuffered: what is written is in the file, and a failure is noticed at its row.
        self._file = open(path, "wb" if size is None else "r+b", buffering=0)  # noqa: SIM115
        self.size = 0
        if size is None:
            self._add(form.head())
        else:
            self._file.truncate(size)
            self._file.seek(size)
            self.size = size

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Add the rows of a frame."""
        self._add(self.form.rows(frame, result))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, text: str) -> None:
        content = memoryview(text.encode())
        try:
            while content:
                content = content[self._file.write(content) or 0 :]
        except OSError as error:
            # A full disk may have taken half a row.
            self._file.truncate(self.size)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.size = self._file.tell()


def _csv_line(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()
