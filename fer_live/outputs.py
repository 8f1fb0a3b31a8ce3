"""What a run over a video or camera leaves in its folder, and how it goes on after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import DataError
from fer_core.files import write_atomically
from fer_live.annotated_video import SUFFIX, AnnotatedVideo, readable_frames
from fer_live.checkpoint import Checkpoint, Journal, refuse_other_job
from fer_live.face import FrameResult
from fer_live.follower import FaceFollower
from fer_live.rows import CsvFormat, JsonLinesFormat, RowFile, RowFormat
from fer_live.sources import Frame, Source
from fer_live.summary import Summary
from fer_live.timeline import draw_timeline

#: What can be saved, and the files that it goes to.
TABLE, LINES, VIDEO, TIMELINE = "faces.csv", "faces.jsonl", f"annotated{SUFFIX}", "timeline.png"
KINDS = {"csv": TABLE, "jsonl": LINES, "video": VIDEO, "timeline": TIMELINE}

#: What was run, written at the end.
RECORD = "run.json"

#: What an unfinished run needs to go on.
JOURNAL = ".resume.json"

#: Seconds from one checkpoint to the next.
CHECKPOINT_SECONDS = 2.0

#: Frames a second of annotated video where the source states no rate: a live source's frames are
#: repeated or left out to keep time.
LIVE_RATE = 25.0


class Outputs:
    """The files of one run.

    Parameters
    ----------
    folder : Path
    save : collection of str
        Which of `KINDS`. The timeline is drawn from the CSV, which is therefore saved with it.
    source : Source
    job : dict
        What is done with what, ready for JSON; a run goes on only with the same.
    labels : sequence of str
        Of the scheme.
    resume : bool
        Go on where the folder's run was ended.
    restart : bool
        Replace an unfinished run.

    Attributes
    ----------
    start : int
        The first frame to follow.
    before : Checkpoint or None
        What was known before that frame, of a run that goes on.
    finished : bool
        The folder holds the same job's whole results already.

    Raises
    ------
    DataError
        If the folder holds an unfinished run and neither option is given, or another job's.
    """

    def __init__(
        self,
        folder: Path,
        save: Collection[str],
        source: Source,
        job: dict[str, Any],
        labels: Sequence[str],
        *,
        resume: bool = False,
        restart: bool = False,
    ) -> None:
        self.folder = folder
        self.save = set(save) | ({"csv"} if "timeline" in save else set())
        self.source = source
        self.finished = False
        self._video: AnnotatedVideo | None = None
        self._n_pictured = 0  # frames that are in annotated videos already
        self._last_checkpoint = monotonic()
        self._done: Frame | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(folder / JOURNAL, job)
        self.before = self._find_before(resume, restart)
        if self.finished and "timeline" in self.save and not (folder / TIMELINE).exists():
            self._draw_timeline()  # which was interrupted
        self.start = 0 if self.before is None else self.before.next_frame
        self._n_done = 0 if self.before is None else self.before.n_done
        forms: dict[str, RowFormat] = {"csv": CsvFormat(labels), "jsonl": JsonLinesFormat()}
        self._forms = {kind: forms[kind] for kind in self.save & forms.keys()}
        self._tables: dict[str, RowFile] = {}
        self._begun = False
        if self.before is not None:
            self._begin()

    def _begin(self) -> None:
        """Open the tables, in place of an older run's results; of a new run with its first frame.

        What can't even give one frame leaves them as they are.
        """
        # An older run's record would say of this one that it is finished.
        (self.folder / RECORD).unlink(missing_ok=True)
        sizes: Mapping[str, int] = {}
        if self.before is None:
            self._clear()
        else:
            sizes = self.before.sizes
        for kind, form in self._forms.items():
            self._tables[kind] = RowFile(self.folder / KINDS[kind], form, sizes.get(kind))
        self._begun = True

    @property
    def can_go_on(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self._journal.path.exists()

    def write(
        self, frame: Frame, result: FrameResult, picture: Callable[[], NDArray[np.uint8]]
    ) -> None:
        """Save what is seen in a frame.

        Parameters
        ----------
        frame : Frame
        result : FrameResult
        picture : callable
            Gives the annotated picture; called only where it is needed.

        Raises
        ------
        OSError
            If something can't be written; whole rows are there.
        """
        if not self._begun:
            self._begin()
        for table in self._tables.values():
            table.write(frame, result)
        if "video" in self.save and self._n_done >= self._n_pictured:
            self._write_video(frame, picture())
        self._done = frame
        self._n_done += 1

    def hold(self, picture: Callable[[], NDArray[np.uint8]], seconds: float) -> None:
        """Let the annotated video of a live source stand still up to a time."""
        if self.source.live and self._video is not None:
            self._video.write_until(picture(), seconds)

    def checkpoint(self, follower: FaceFollower, summary: Summary, *, now: bool = False) -> None:
        """Note where the job is, every few seconds; live sources can't be gone back to."""
        due = now or monotonic() - self._last_checkpoint >= CHECKPOINT_SECONDS
        if self.source.live or self._done is None or not due:
            return
        self._last_checkpoint = monotonic()
        sizes = {kind: table.size for kind, table in self._tables.items()}
        last, n = self._done, self._n_done
        self._journal.add(
            Checkpoint(last.number + 1, n, last.seconds, sizes, follower.state(), summary.state())
        )

    def close(self, summary: dict[str, Any], *, finished: bool) -> None:
        """Close all files; write the record of a finished run, and draw the timeline."""
        if finished and not self._begun:  # a camera that gave nothing
            self._begin()
        for table in self._tables.values():
            table.close()
        if self._video is not None:
            self._video.close()
        if finished:
            record = {**self._journal.job, **summary}
            with write_atomically(self.folder / RECORD) as temporary:
                text = json.dumps(record, indent=1, ensure_ascii=False)
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
            self._journal.path.unlink(missing_ok=True)
        pictured = self._done is not None or self.before is not None
        # After the record: for hours of frames it takes seconds, and somebody may lose patience.
        if "timeline" in self.save and pictured:
            self._draw_timeline()

    def _draw_timeline(self) -> None:
        draw_timeline(self.folder / TABLE, self.folder / TIMELINE, Path(self.source.name).name)

    def _clear(self) -> None:
        """Remove what an older run has left, which would look like this one's."""
        for name in KINDS.values():
            (self.folder / name).unlink(missing_ok=True)
        for path in self.folder.glob(f"{Path(VIDEO).stem}-*{SUFFIX}"):
            if path.stem.rpartition("-")[2].isdecimal():  # others are somebody's own
                path.unlink()

    def _find_before(self, resume: bool, restart: bool) -> Checkpoint | None:
        """Return the checkpoint to go on from, or None to begin anew."""
        path = self._journal.path
        if self.source.live:
            if resume:
                raise DataError(f"{self.source.name}: a live source can't be resumed")
            if path.exists():
                raise DataError(
                    f"{self.folder}: an unfinished run over a video is there; finish it with "
                    "python -m fer_live video and --resume, or name another --out"
                )
            return None
        if not path.exists():
            self.finished = resume and self._is_done()
            return None
        if not (resume or restart):
            raise DataError(
                f"{self.folder}: an unfinished run is there; go on with --resume, replace it with "
                "--restart, or name another --out"
            )
        if restart:
            path.unlink()
            return None
        journal = Journal.read(path, self._journal.job)
        limit = self._count_pictured(journal) if "video" in self.save else None
        before = journal.last_before(limit)
        if before is None:
            return None
        for kind, size in before.sizes.items():
            table = self.folder / KINDS[kind]
            if not table.is_file() or table.stat().st_size < size:
                raise DataError(
                    f"{table}: it was changed or removed since the run was ended, which can't go "
                    "on; begin anew with --restart"
                )
        self._journal = journal
        self._n_pictured = limit or 0
        return before

    def _count_pictured(self, journal: Journal) -> int:
        """Return how many frames the annotated videos hold, and strike out empty ones."""
        while journal.videos:
            name, before = journal.videos[-1]
            n = readable_frames(self.folder / name)
            if n:
                return before + n
            journal.videos.pop()
        return 0

    def _is_done(self) -> bool:
        record = self.folder / RECORD
        if not record.is_file():
            return False
        try:
            found = json.loads(record.read_text(encoding="utf-8"))
        except ValueError:
            return False
        refuse_other_job(self.folder, found, self._journal.job)
        return True

    def _write_video(self, frame: Frame, picture: NDArray[np.uint8]) -> None:
        if self._video is None:
            number = len(self._journal.videos) + 1
            name = VIDEO if number == 1 else f"annotated-{number}{SUFFIX}"
            rate = self.source.rate or LIVE_RATE
            if self.source.live:  # whose frames are repeated to fill the video's time
                rate = min(rate, LIVE_RATE)
            self._video = AnnotatedVideo(self.folder / name, rate, picture.shape[:2])
            self._journal.videos.append((name, self._n_done))
            if not self.source.live:
                self._journal.save()
        if self.source.live:
            self._video.write_until(picture, frame.seconds)
        else:
            self._video.write(picture)
