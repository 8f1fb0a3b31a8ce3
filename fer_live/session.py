"""The loop: frames from a source through the follower to window and files."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from fer_core.detectors import DETECTORS, make_detector
from fer_core.errors import FerError
from fer_core.labels import SCHEMES
from fer_live.annotated_video import SUFFIX, AnnotatedVideo
from fer_live.face import FrameResult
from fer_live.follower import DETECT_EVERY, FaceFollower
from fer_live.image import write_picture
from fer_live.outputs import LIVE_RATE, Outputs
from fer_live.panel import View, figures_line, stages_line
from fer_live.sources import Frame, Source, Waiting
from fer_live.summary import Summary
from fer_live.window import HELP, Window, write_lines

logger = logging.getLogger(__name__)

#: The detector that is nothing without a file.
_NEEDS_FILE = "yunet"

#: Seconds for which the window shows what a key did.
_NOTE_SECONDS = 2.0


class Session:
    """One run over a source.

    Parameters
    ----------
    source : Source
    follower : FaceFollower
    view : View
    outputs : Outputs or None
        Where rows and video go; None saves nothing.
    window : Window or None
    names : (str, str)
        Of model and detector, shown below the bars.
    detect_every : int or None
        Frames from one search for faces to the next, where the user has said it.
    detector_file : Path or None
        Model file of that detector, where one of your own was named.
    snapshots : Path
        Folder of what the keys for snapshot and recording save.
    longest : float or None
        Seconds of the source after which the run ends.
    tell : callable
        Gets messages for people: a camera lost, a file saved.

    Attributes
    ----------
    between_frames : bool
        Nothing is half done, so that the job can go on from here.
    """

    def __init__(
        self,
        source: Source,
        follower: FaceFollower,
        view: View,
        *,
        outputs: Outputs | None = None,
        window: Window | None = None,
        names: tuple[str, str] = ("", ""),
        detect_every: int | None = None,
        detector_file: Path | None = None,
        snapshots: Path = Path("fer_out"),
        longest: float | None = None,
        tell: Callable[[str], None] = logger.info,
    ) -> None:
        self.source = source
        self.follower = follower
        self.view = view
        self.outputs = outputs
        self.window = window
        self.model, self.detector = names
        # Files are of one detector: the others are made without.
        self._files = {} if detector_file is None else {self.detector: detector_file}
        self._cycle = [name for name in DETECTORS if name != _NEEDS_FILE or name in self._files]
        self._turn = self.detector
        self.snapshots = snapshots
        self.longest = longest
        self.tell = tell
        self.summary = Summary()
        self.between_frames = True
        self.paused = False
        self.quit = False
        self._help = False
        self._detect_every = detect_every
        self._note, self._note_until = "", 0.0
        self._told = ""
        self._recording: AnnotatedVideo | None = None
        self._recording_began = 0.0
        self._clock: float | None = None
        self._last: tuple[Frame, FrameResult] | None = None

    def run(self) -> Iterator[Frame]:
        """Work through the source, giving each frame once everything is done with it.

        Ends where the source does, at `longest`, or when the user quits.

        Raises
        ------
        DataError
            If the source breaks off.
        OSError
            If something can't be saved.
        """
        start = self.outputs.start if self.outputs else 0
        try:
            for moment in self.source.frames(start):
                if self.longest is not None and moment.seconds >= self.longest:
                    return
                if self.paused and self.source.live:
                    # What a camera sees in a pause is neither shown nor saved.
                    moment = Waiting(seconds=moment.seconds)
                if isinstance(moment, Waiting):
                    self._hold(moment.seconds)
                    going = self._wait(moment)
                else:
                    going = self._take(moment)
                    yield moment
                if not going:
                    return
        finally:
            if self._recording is not None:
                self._recording.close()

    def _take(self, frame: Frame) -> bool:
        """Do everything with one frame; whether to go on."""
        self.between_frames = False
        self._told = ""  # what was lost is there again
        result = self.follower.update(frame.image, frame.seconds)
        self.summary.add(result)
        self._last = frame, result

        @cache
        def picture() -> NDArray[np.uint8]:
            return self._compose(frame, result)

        if self.outputs is not None:
            self.outputs.write(frame, result, picture)
            self.outputs.checkpoint(self.follower, self.summary)
        self.between_frames = True
        if self._recording is not None:
            self._recording.write_until(picture(), frame.seconds - self._recording_began)
        if self.window is None:
            return True
        return self._show(picture(), frame)

    def _hold(self, seconds: float) -> None:
        """Fill up videos with the last picture bit by bit: at once it would take long."""
        picture = cache(self._again)
        if self.outputs is not None:
            self.outputs.hold(picture, seconds)
        if self._recording is not None:
            self._recording.write_until(picture(), seconds - self._recording_began)

    def _compose(self, frame: Frame, result: FrameResult) -> NDArray[np.uint8]:
        scheme = self.follower.recognizer.scheme
        foot = [
            figures_line(result, self.summary.rate),
            stages_line(result),
            ", ".join(name for name in (self.model, scheme.name, self.detector) if name),
        ]
        return self.view.compose(frame.image, result, scheme.labels, foot)

    def _show(self, picture: NDArray[np.uint8], frame: Frame) -> bool:
        """Show a picture, when its time has come, and do what keys say; whether to go on."""
        assert self.window is not None
        self.window.show(self._with_notes(picture))
        going = self._press(self.window.key(self._time_left(frame)))
        while going and self.paused and not self.source.live:
            going = self._press(self.window.key(0.05))
            self.window.show(self._with_notes(self._again()))
            self._clock = None
        return going

    def _time_left(self, frame: Frame) -> float:
        """Return how long a frame of a file is to be shown, so that it plays at its own speed."""
        if self.source.live:
            return 0.001
        now = monotonic()
        if self._clock is None:
            self._clock = now - frame.seconds
        step = 1 / (self.source.rate or LIVE_RATE)
        left = self._clock + frame.seconds + step - now
        if left < -1:
            self._clock = None  # too slow for its speed: every frame as soon as it is done
        return max(left, 0.001)

    def _wait(self, waiting: Waiting) -> bool:
        """Keep the window alive while no frame comes; whether to go on."""
        if waiting.message and waiting.message != self._told:
            self._told = waiting.message
            self.tell(waiting.message)
        if waiting.message:
            self._say(waiting.message)
        if self.window is None:
            return True
        self.window.show(self._with_notes(self._again()))
        return self._press(self.window.key())

    def _again(self) -> NDArray[np.uint8]:
        """Return the last picture, drawn as is said now."""
        if self._last is None:
            return np.zeros((480, 640, 3), dtype=np.uint8)
        return self._compose(*self._last)

    def _with_notes(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        lines = list(HELP) if self._help else []
        if self.paused:
            lines.append("paused")
        if self._recording is not None:
            lines.append("recording")
        if self._note and monotonic() < self._note_until:
            lines.append(self._note)
        if not lines:
            return picture
        noted = picture.copy()
        write_lines(noted, lines)
        return noted

    def _say(self, note: str) -> None:
        self._note, self._note_until = note, monotonic() + _NOTE_SECONDS

    def _press(self, action: str | None) -> bool:
        """Do what a key says; whether to go on."""
        if action == "quit":
            self.quit = True
            return False
        if action is not None:
            try:
                getattr(self, f"_do_{action}")()
            except (FerError, OSError) as error:
                self._say(str(error))
                self.tell(str(error))
        return True

    def _do_pause(self) -> None:
        self.paused = not self.paused

    def _do_help(self) -> None:
        self._help = not self._help

    def _do_landmarks(self) -> None:
        self.view.landmarks = not self.view.landmarks

    def _do_blur(self) -> None:
        # What goes on after a kill must hide the same faces, and find them as often.
        if not self.source.live and self._saves_rows():
            return
        self.view.blur = not self.view.blur
        # What is to be hidden from now on must be found at once, whatever was wanted before.
        self.follower.detect_every = 1 if self.view.blur else self._detect_every or DETECT_EVERY

    def _do_scheme(self) -> None:
        if self._saves_rows():
            return
        own = self.follower.recognizer
        if own.model_scheme != SCHEMES["fer7"]:
            self._say("this model has classes of its own")
            return
        scheme = SCHEMES[_after(list(SCHEMES), own.scheme.name)]
        self.follower.use(own.using(scheme=scheme))
        # The last result has the old scheme's classes; its bars would be wrong.
        self._last = None if self._last is None else (self._last[0], _empty(self._last[1]))
        self._say(scheme.name)

    def _do_detector(self) -> None:
        if self._saves_rows():
            return
        # The turn passes on all the same: one that can't be made must not bar the way to the next.
        self._turn = _after(self._cycle, self._turn)
        file = self._files.get(self._turn)
        detector = make_detector(self._turn, **({} if file is None else {"path": file}))
        self.follower.use(self.follower.recognizer.using(detector=detector))
        self.detector = self._turn
        self._say(f"detector {self.detector}")

    def _do_snapshot(self) -> None:
        if self._last is not None:
            path = self._free_path("snapshot", ".png")
            write_picture(path, self._compose(*self._last))
            self._say(f"saved {path}")
            self.tell(f"saved {path}")

    def _do_record(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._say(f"saved {self._recording.path}")
            self.tell(f"saved {self._recording.path}")
            self._recording = None
        elif self._last is not None:
            frame, _ = self._last
            shape = self._compose(*self._last).shape
            path = self._free_path("recording", SUFFIX)
            rate = self.source.rate or LIVE_RATE
            self._recording = AnnotatedVideo(path, rate, (shape[0], shape[1]))
            self._recording_began = frame.seconds

    def _saves_rows(self) -> bool:
        if self.outputs is not None:
            self._say("not while rows are saved: all are of one job")
        return self.outputs is not None

    def _free_path(self, stem: str, suffix: str) -> Path:
        self.snapshots.mkdir(parents=True, exist_ok=True)
        numbered = (self.snapshots / f"{stem}-{n}{suffix}" for n in itertools.count(1))
        return next(path for path in numbered if not path.exists())


def _after(names: list[str], name: str) -> str:
    """Return the name that follows in a circle."""
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


def _empty(result: FrameResult) -> FrameResult:
    """Return the result without labels; where the faces are stays known, for hiding them."""
    covered = [face.box for face in result.faces] + result.covered
    return FrameResult([], result.seconds, result.timings, covered)
