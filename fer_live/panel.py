"""The picture of live view and annotated video: the frame, and a panel of bars beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_live.blur import hide_faces
from fer_live.face import FrameResult
from fer_live.overlay import (
    CARD_EXTRA_ROWS,
    DIM,
    GROUND,
    card_width,
    draw_card,
    draw_faces,
    draw_landmarks,
    put_text,
)

#: Smaller frames are enlarged to this height in pixels, so that text can be read.
LEAST_HEIGHT = 480

#: Larger ones are shrunk to this, which fits on screens.
MOST_HEIGHT = 1080

#: Rows of text that the frame's height has.
_ROWS = 31

#: Rows at the foot of the panel, for three lines of figures.
_FOOT_ROWS = 3.1


@dataclass
class View:
    """What is drawn.

    Attributes
    ----------
    landmarks : bool
    blur : bool
        Hide the faces.
    """

    landmarks: bool = False
    blur: bool = False

    def compose(
        self,
        image: NDArray[np.uint8],
        result: FrameResult,
        labels: Sequence[str],
        foot: Sequence[str] = (),
    ) -> NDArray[np.uint8]:
        """Draw a frame with its faces, and a panel of the same height beside it.

        Parameters
        ----------
        image : uint8 (H, W, 3) BGR
        result : FrameResult
        labels : sequence of str
            Classes of the scheme: the panel is as wide without a face.
        foot : sequence of str
            Up to three lines below the bars.

        Returns
        -------
        uint8 (H', W', 3) BGR
            A new picture whose size depends only on the frame's and on `labels`.
        """
        height, width = image.shape[:2]
        scale = float(np.clip(height, LEAST_HEIGHT, MOST_HEIGHT)) / height
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        row = size[1] // _ROWS
        across = card_width(labels, row)
        canvas = np.empty((size[1], size[0] + across, 3), dtype=np.uint8)
        canvas[:, size[0] :] = GROUND
        picture = canvas[:, : size[0]]
        if scale == 1:
            picture[:] = image
        else:
            interpolation = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
            picture[:] = cv2.resize(image, size, interpolation=interpolation)
        faces = result.faces
        if self.blur:
            boxes = [face.box for face in faces] + result.covered
            hide_faces(picture, [box * np.float32(scale) for box in boxes])
        if self.landmarks:
            draw_landmarks(picture, faces, scale)
        draw_faces(picture, faces, scale, [face.track_id for face in faces])
        self._draw_panel(canvas, result, labels, size[0], row, foot)
        return canvas

    def _draw_panel(
        self,
        canvas: NDArray[np.uint8],
        result: FrameResult,
        labels: Sequence[str],
        left: int,
        row: int,
        foot: Sequence[str],
    ) -> None:
        card = round(row * (len(labels) + CARD_EXTRA_ROWS))
        foot_top = round(canvas.shape[0] - row * _FOOT_ROWS)
        room = max(foot_top // card, 1)
        shown = result.faces[:room]
        for place, face in enumerate(shown):
            mark = "" if face.sure else "?"
            title = f"{face.track_id}  {face.label}{mark}, then {face.second}"
            draw_card(canvas, face, left, place * card, row, title)
        if not shown:
            put_text(canvas, "no face", left + row // 2, row // 2, round(row * 0.8), DIM)
        size = max(round(row * 0.66), 8)
        if more := len(result.faces) - len(shown):
            foot = [f"and {more} more", *foot[1:]]
        for i, line in enumerate(foot):
            put_text(
                canvas, line, left + row // 2, foot_top + round(row * (0.2 + 0.95 * i)), size, DIM
            )


def figures_line(result: FrameResult, rate: float) -> str:
    """Return frames a second and the milliseconds from frame to labels as a line."""
    return f"{rate:.0f} fps, {result.timings['total']:.0f} ms a frame"


def stages_line(result: FrameResult) -> str:
    """Return the milliseconds of the frame's stages as a line."""
    t = result.timings
    return f"find {t['detect']:.0f}  points {t['landmarks']:.1f}  label {t['classify']:.1f} ms"
