"""Uploaded videos: every frame in order, a line of JSON each, while they are being analysed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from time import perf_counter
from typing import Any

from fer_core.detectors import working_picture
from fer_core.errors import DataError
from fer_live.follower import FaceFollower
from fer_live.video_file import VideoFile
from fer_live.web.answers import frame_answer
from fer_live.web.engine import Engine

#: Pixels of a frame: 4K.
MAX_FRAME_PIXELS = 4096 * 2176

#: What is analysed of a video; the page keeps the results of all of it.
MAX_SECONDS = 600.0

#: Larger frames are shrunk to this longer side, in pixels: faces are searched in 640.
ANALYSED_SIDE = 1280


class UploadedVideo:
    """A video file that is read and analysed frame by frame; belongs to the thread for video.

    Parameters
    ----------
    path : Path
    follower : FaceFollower

    Raises
    ------
    DataError
        If it can't be read, or its frames have more than `MAX_FRAME_PIXELS`.
    """

    def __init__(self, path: Path, follower: FaceFollower) -> None:
        try:
            self._file = VideoFile(str(path), shown="This video")
        except DataError as error:
            # It names the temporary file, which says nothing to anybody.
            raise DataError(
                "The video is damaged, cut off, or in a coding that can't be read"
            ) from error
        width, height = self._file.frame_size
        if width * height > MAX_FRAME_PIXELS:
            self.close()
            raise DataError(
                f"The video's frames have {width} x {height} pixels; at most "
                f"{MAX_FRAME_PIXELS / 1e6:.0f} million are read: make it smaller first"
            )
        self._frames = self._file.frames()
        self._follower = follower

    @property
    def seconds(self) -> float:
        """Length that the file states; 0 where it states none."""
        file = self._file
        return file.n_frames / file.rate if file.n_frames and file.rate else 0.0

    def next_answer(self) -> dict[str, Any] | None:
        """Analyse the next frame; None after the last.

        Raises
        ------
        DataError
            If the video has no frame, or ends before the length it states.
        """
        start = perf_counter()
        frame = next(self._frames, None)
        if frame is None:
            return None
        image, _ = working_picture(frame.image, ANALYSED_SIDE, 1.0)
        decode = 1000 * (perf_counter() - start)
        result = self._follower.update(image, frame.seconds)
        answer = frame_answer(result.faces, image.shape, {"decode": decode, **result.timings})
        return {"seconds": round(frame.seconds, 4), **answer}

    def close(self) -> None:
        """Close the file."""
        self._file.close()


async def analyse_video(engine: Engine, path: Path, scheme: str) -> AsyncGenerator[str]:
    """Analyse a video and give lines of JSON: what it is, each frame, and the end.

    Raises
    ------
    DataError
        If the video can't be read; before the first line.
    """
    video = await engine.run(lambda: UploadedVideo(path, engine.follower(scheme)))
    try:
        start, frames, remark = perf_counter(), 0, ""
        answer = await engine.run(video.next_answer)
        yield _line({"type": "video", "seconds": video.seconds})
        while answer is not None:
            if engine.stopping:
                remark = "the server was stopped"
                break
            if answer["seconds"] > MAX_SECONDS:
                remark = f"only the first {MAX_SECONDS / 60:.0f} minutes are analysed"
                break
            frames += 1
            yield _line({"type": "frame", **answer})
            try:
                answer = await engine.run(video.next_answer)
            except DataError as error:
                answer, remark = None, str(error)
        took = perf_counter() - start
        yield _line({"type": "end", "frames": frames, "remark": remark, "took": round(took, 2)})
    finally:
        # In its thread, which may still be reading: whoever waited for it was cancelled.
        await engine.finish(video.close)


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value) + "\n"
