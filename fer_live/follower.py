"""Faces followed through a video: found now and then, tracked between, labelled in every frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.detectors import Detections
from fer_core.errors import DataError
from fer_core.pictures import to_gray
from fer_live.face import FrameResult, TrackedFace
from fer_live.recognizer import EmotionRecognizer
from fer_live.search import BackgroundSearch
from fer_live.sightings import Sightings, look_at
from fer_live.steadiness import Steadiness, SteadyExpression
from fer_live.stopwatch import Stopwatch
from fer_live.tracks import SAME_LOOK, SAME_PLACE, Track, centres, match, near, overlaps

#: The shipped model that labels video.
LIVE_MODEL = "ensemble-live"

#: Frames from one search by the detector to the next.
DETECT_EVERY = 10

#: Frames after which the answer of a routine search is waited for, of as many as lie between two.
SEARCH_FRAMES = 3

#: Seconds for which a face that is covered or turned away keeps its identity.
REMEMBER_SECONDS = 2.5

#: Seconds for which a face is followed that the detector doesn't find: its landmarks bear with
#: more than the detector does, such as a head that turns.
TRUST_SECONDS = 1.0

#: Longest step of time between two frames of one scene, in seconds.
_LONGEST_GAP = 5.0


class FaceFollower:
    """Follows and labels the faces of one video or camera.

    Each face's landmarks are found from where the face is expected, which places its crop:
    landmarks are needed anyway and cost a quarter of a correlation tracker. A face that no longer
    looks like its track is not followed onto the background or onto somebody else.

    Every few frames the detector searches beside the work on the next frames, to confirm what is
    followed. Where its answer says more, when a face is lost from sight and while none is known,
    it searches the frame at hand and is waited for. When answers are read follows from the frames
    alone, so that a video gives the same rows each time.

    A follower belongs to one thread and shares nothing with others but the recogniser's model.

    Parameters
    ----------
    recognizer : EmotionRecognizer
    detect_every : int
        Frames from one search to the next; 1 searches every frame.
    smoothing_seconds : float
        Time constant of the smoothing of probabilities.
    margin, hold_seconds : float
        When labels change, see `fer_live.steadiness.Steadiness`.
    remember_seconds : float
        How long a face that is out of sight keeps its identity.
    """

    def __init__(
        self,
        recognizer: EmotionRecognizer,
        *,
        detect_every: int = DETECT_EVERY,
        smoothing_seconds: float = Steadiness.smoothing_seconds,
        margin: float = Steadiness.margin,
        hold_seconds: float = Steadiness.hold_seconds,
        remember_seconds: float = REMEMBER_SECONDS,
    ) -> None:
        self.recognizer = recognizer
        self.detect_every = max(detect_every, 1)
        self.steadiness = Steadiness(smoothing_seconds, margin, hold_seconds)
        self.remember_seconds = remember_seconds
        self._next_id = 1
        self._search: BackgroundSearch | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all faces, as at the start of another video; numbers of tracks go on."""
        self._tracks: list[Track] = []
        self._since_search = self.detect_every
        self._stop_searching()
        self._seconds: float | None = None
        self._shape: tuple[int, ...] | None = None

    def state(self) -> dict[str, Any]:
        """Return all that it knows of the faces, for `restore`: plain values and arrays."""
        return {
            "next_id": self._next_id,
            "since_search": self._since_search,
            "seconds": self._seconds,
            "shape": self._shape,
            "tracks": [track.state() for track in self._tracks],
            "search": self._search and self._search.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the follower would that `state` was taken from."""
        self._next_id = state["next_id"]
        self._since_search = state["since_search"]
        self._seconds = state["seconds"]
        self._shape = None if state["shape"] is None else tuple(state["shape"])
        self._tracks = [Track.from_state(track) for track in state["tracks"]]
        self._search = state["search"] and BackgroundSearch.from_state(state["search"])

    def use(self, recognizer: EmotionRecognizer) -> None:
        """Go on with another recogniser: tracks stay, smoothing starts anew."""
        self._stop_searching()
        self.recognizer = recognizer
        for track in self._tracks:
            track.expression = None

    def update(self, frame: NDArray[np.uint8], seconds: float) -> FrameResult:
        """Follow and label the faces of the next frame.

        Parameters
        ----------
        frame : uint8 (H, W, 3) BGR or (H, W) gray
        seconds : float
            The frame's time. Where it steps back or far ahead, or the frames' size changes,
            tracks begin anew.

        Returns
        -------
        FrameResult

        Raises
        ------
        PictureError
            If the frame is of another shape or type.
        DataError
            If the time is no number.
        """
        if not math.isfinite(seconds):
            raise DataError(f"a frame's time must be a number of seconds. Got {seconds} instead.")
        watch = Stopwatch()
        gray = to_gray(frame)
        self._begin_anew_after_a_cut(gray, seconds)
        before = sum(track.visible for track in self._tracks)
        with watch.stage("landmarks"):
            seen = self._follow(gray, seconds)
        with watch.stage("detect"):
            detections = self._detect(frame, seconds, at_once=not seen or len(seen) < before)
        if detections is not None:
            with watch.stage("landmarks"):
                found = look_at(
                    gray, detections.boxes, detections.scores, self.recognizer.predictor
                )
                seen = self._match(found, seen, seconds)
        self._forget(seconds)
        shown = [track for track in self._tracks if track.visible]
        with watch.stage("classify"):
            raw = self.recognizer.classify_sightings([seen[t.track_id] for t in shown])
        for track, row in zip(shown, raw, strict=True):
            if track.expression is None:
                track.expression = SteadyExpression(row, seconds)
            else:
                track.expression.update(row, seconds, self.steadiness)
        timings = watch.read()
        faces = [
            self._as_face(track, seen[track.track_id], row, timings)
            for track, row in zip(shown, raw, strict=True)
        ]
        covered = [t.expected_box(seconds) for t in self._tracks if not t.visible]
        return FrameResult(faces, seconds, timings, covered)

    def _begin_anew_after_a_cut(self, gray: NDArray[np.uint8], seconds: float) -> None:
        if self._seconds is not None:
            step = seconds - self._seconds
            if not 0 <= step <= _LONGEST_GAP or gray.shape != self._shape:
                self.reset()
        self._seconds, self._shape = seconds, gray.shape

    def _follow(self, gray: NDArray[np.uint8], seconds: float) -> dict[int, Sightings]:
        """Track the visible faces into this frame; return where each is, by track number."""
        tracks = [track for track in self._tracks if track.visible]
        if not tracks:
            return {}
        expected = np.stack([track.expected_box(seconds) for track in tracks])
        scores = np.array([track.score for track in tracks], np.float32)
        there = look_at(gray, expected, scores, self.recognizer.predictor)
        looks = there.looks()
        alike = np.array([look @ track.look for look, track in zip(looks, tracks, strict=True)])
        size = np.array(gray.shape[::-1], np.float32)
        middle = centres(there.boxes)
        kept = (alike >= SAME_LOOK) & (middle >= 0).all(axis=1) & (middle < size).all(axis=1)
        for i, j in zip(*np.nonzero(np.triu(overlaps(there.boxes) > SAME_PLACE, 1)), strict=True):
            # Two tracks on one face: it is the one's that looks like it, the other is covered.
            if kept[i] and kept[j]:
                kept[i if alike[i] < alike[j] else j] = False
        seen = {}
        for i, track in enumerate(tracks):
            if kept[i]:
                track.move(there.boxes[i], looks[i], seconds)
                seen[track.track_id] = there[i : i + 1]
            else:
                track.visible = False
        return seen

    def _detect(self, frame: NDArray[np.uint8], seconds: float, at_once: bool) -> Detections | None:
        """Search this frame if that can't wait, otherwise go on searching beside the work."""
        wait = min(SEARCH_FRAMES, self.detect_every - 1)
        if not at_once and self._search is not None:
            self._search.age += 1
            if self._search.age >= wait:
                search, self._search = self._search, None
                at_once = not self._confirm(search, seconds)
        # Somebody who is out of sight is looked for as often as answers come.
        missing = any(not track.visible for track in self._tracks)
        due = self._since_search >= (wait + 1 if missing else self.detect_every)
        self._since_search += 1
        if at_once or (due and not wait):
            self._stop_searching()
            self._since_search = 1
            return self.recognizer.detect(frame)
        if due:
            visible = {track.track_id: track.box for track in self._tracks if track.visible}
            self._search = BackgroundSearch.begin(self.recognizer.detect, frame, visible, seconds)
            self._since_search = 1
        return None

    def _confirm(self, search: BackgroundSearch, seconds: float) -> bool:
        """Note which tracks a search has found; return whether it says no more than that."""
        found = search.result()
        tracks = [t for t in self._tracks if t.track_id in search.known]
        known = np.array([search.known[t.track_id] for t in tracks], np.float32).reshape(-1, 4)
        close = near(known, found.boxes)
        for track, hits in zip(tracks, close, strict=True):
            if hits.any():
                track.confirmed = search.seconds
                track.score = float(found.scores[hits].max())
        trusted = all(
            seconds - track.confirmed < TRUST_SECONDS for track in self._tracks if track.visible
        )
        return trusted and bool(close.any(axis=0).all())

    def _stop_searching(self) -> None:
        """Forget the search that is going on; what it finds, or fails at, is not wanted."""
        search, self._search = self._search, None
        if search is not None:
            search.wait()

    def _match(
        self, found: Sightings, seen: dict[int, Sightings], seconds: float
    ) -> dict[int, Sightings]:
        """Confirm tracks by what the detector found, find lost ones again, begin new ones."""
        looks = found.looks()
        pairs, new = match(self._tracks, found, seconds)
        for i, j in pairs:
            track = self._tracks[i]
            track.confirmed, track.score = seconds, float(found.scores[j])
            apart = overlaps(np.stack([track.box, found.boxes[j]]))[0, 1] < SAME_PLACE
            if not track.visible or apart:
                track.move(found.boxes[j], looks[j], seconds)
                seen[track.track_id] = found[j : j + 1]
        confirmed = {self._tracks[i].track_id for i, _ in pairs}
        for track in self._tracks:
            if track.visible and track.track_id not in confirmed:
                others = [t.box for t in self._tracks if t.visible and t is not track]
                doubled = overlaps(np.stack([track.box, *others]))[0, 1:] > SAME_PLACE
                track.visible = not doubled.any() and seconds - track.confirmed < TRUST_SECONDS
        for j in new:
            known = [track.box for track in self._tracks if track.visible]
            if (overlaps(np.stack([found.boxes[j], *known]))[0, 1:] > SAME_PLACE).any():
                continue
            track = Track(
                self._next_id, found.boxes[j], looks[j], seconds, seconds, float(found.scores[j])
            )
            self._next_id += 1
            self._tracks.append(track)
            seen[track.track_id] = found[j : j + 1]
        return seen

    def _forget(self, seconds: float) -> None:
        self._tracks = [
            track
            for track in self._tracks
            if track.visible or seconds - track.seen <= self.remember_seconds
        ]

    def _as_face(
        self,
        track: Track,
        seen: Sightings,
        raw: NDArray[np.float32],
        timings: Mapping[str, float],
    ) -> TrackedFace:
        assert track.expression is not None
        return TrackedFace(
            box=seen.boxes[0],
            score=track.score,
            landmarks=seen.landmarks[0],
            labels=self.recognizer.scheme.labels,
            probabilities=track.expression.probabilities,
            threshold=self.recognizer.threshold,
            timings=timings,
            track_id=track.track_id,
            raw_probabilities=raw,
            shown=track.expression.shown,
        )
