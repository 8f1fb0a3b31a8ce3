"""Hiding faces in pictures that are kept."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

#: Side of what is hidden, in sides of a face's box: hair and ears are people's too.
_REACH = 1.5

#: Squares across the hidden part: an eye or a mouth is less than one. Unlike a Gaussian blur,
#: averages can't be undone.
_SQUARES = 6


def hide_faces(picture: NDArray[np.uint8], boxes: Iterable[NDArray[np.float32]]) -> None:
    """Replace faces by a few squares of their mean colour, in place.

    Parameters
    ----------
    picture : uint8 (H, W, 3) BGR
    boxes : iterable of float32 (4,)
        Left, top, width, height in pixels; may reach over the picture's edge.
    """
    height, width = picture.shape[:2]
    for left, top, across, down in boxes:
        grow_x, grow_y = across * (_REACH - 1) / 2, down * (_REACH - 1) / 2
        x0, x1 = np.clip([left - grow_x, left + across + grow_x], 0, width).round().astype(int)
        y0, y1 = np.clip([top - grow_y, top + down + grow_y], 0, height).round().astype(int)
        if x1 > x0 and y1 > y0:
            part = picture[y0:y1, x0:x1]
            few = cv2.resize(part, (_SQUARES, _SQUARES), interpolation=cv2.INTER_AREA)
            part[:] = cv2.resize(few, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
