"""What is drawn over and beside a frame: boxes, labels, and bars for all classes."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fer_live.face import Face

Colour = tuple[int, int, int]

#: BGR. Okabe and Ito's colours, which colour-blind people can tell apart ("Color Universal
#: Design", 2008), lightened where dark ground needs it.
_COLOURS: dict[str, Colour] = {
    "angry": (40, 94, 213),
    "disgust": (115, 158, 0),
    "fear": (167, 121, 204),
    "happy": (66, 200, 240),
    "sad": (208, 134, 40),
    "surprise": (0, 159, 230),
    "neutral": (180, 180, 180),
    "positive": (66, 200, 240),
    "negative": (208, 134, 40),
}
_OTHER_COLOURS = tuple(_COLOURS.values())

GROUND: Colour = (30, 28, 26)
_TRACK: Colour = (62, 58, 54)
WHITE: Colour = (240, 240, 240)
DIM: Colour = (165, 165, 165)
_LANDMARK: Colour = (230, 255, 120)

#: Least height of a row of text in pixels; a smaller picture is enlarged until it has that.
_LEAST_ROW = 15

#: Rows of text that a card has besides its bars: a title, and the space around.
CARD_EXTRA_ROWS = 2.6


def annotate(frame: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.uint8]:
    """Draw the faces' boxes and labels, and a card of bars for each face beside the frame.

    Nothing covers the picture but the boxes and their labels. Small pictures are enlarged so
    that the text can be read.

    Parameters
    ----------
    frame : uint8 (H, W, 3) BGR
    faces : sequence of Face
        Boxes in pixels of `frame`.

    Returns
    -------
    uint8 (H', W', 3) BGR
        A new picture.
    """
    if not faces:
        return frame.copy()
    rows_of_text = len(faces[0].labels) + CARD_EXTRA_ROWS
    cards_in_column = max(2, int(np.ceil(np.sqrt(len(faces)))))
    least_height = _LEAST_ROW * rows_of_text * cards_in_column
    scale = max(1.0, least_height / frame.shape[0])
    picture = frame.copy()
    if scale > 1:
        picture = np.asarray(
            cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
        )
    draw_faces(picture, faces, scale, range(1, len(faces) + 1) if len(faces) > 1 else ())
    return np.hstack([picture, _cards(faces, picture.shape, cards_in_column)])


def draw_faces(
    picture: NDArray[np.uint8],
    faces: Sequence[Face],
    scale: float = 1.0,
    numbers: Sequence[int] = (),
) -> None:
    """Draw boxes and labels onto `picture`, in place.

    Parameters
    ----------
    picture : uint8 (H, W, 3) BGR
    faces : sequence of Face
    scale : float
        Pixels of `picture` for one of the frame that the faces were found in.
    numbers : sequence of int
        Put before the labels; none where empty.
    """
    height, width = picture.shape[:2]
    for i, face in enumerate(faces):
        colour = label_colour(face, face.label)
        left, top, right, bottom = _corners(face.box, scale)
        # In a group of small faces letters for the whole picture would cover the neighbours.
        size = int(np.clip(min(height / 28, width / 28, (bottom - top) / 5), 11, 60))
        line = max(1, round(size / 9))
        cv2.rectangle(picture, (left, top), (right, bottom), colour, line, cv2.LINE_AA)
        text = f"{face.caption} {face.confidence:.0%}"
        if numbers:
            text = f"{numbers[i]}  {text}"
        pad = max(2, size // 4)
        tag_width, tag_height = _text_width(text, size) + 2 * pad, size + 2 * pad
        # Above the box, as far as there is room. Never beyond the picture.
        x = int(np.clip(left - line // 2, 0, max(width - tag_width, 0)))
        y = max(top - tag_height, 0)
        cv2.rectangle(picture, (x, y), (x + tag_width, y + tag_height), colour, cv2.FILLED)
        put_text(picture, text, x + pad, y + pad, size, _readable_on(colour))


def draw_landmarks(picture: NDArray[np.uint8], faces: Sequence[Face], scale: float = 1.0) -> None:
    """Draw the 68 landmarks of each face onto `picture`, in place; see `draw_faces`."""
    for face in faces:
        radius = max(1, round(float(face.box[2]) * scale / 120))
        for x, y in np.rint(face.landmarks * scale).astype(int).tolist():
            cv2.circle(picture, (x, y), radius, _LANDMARK, cv2.FILLED, cv2.LINE_AA)


def draw_card(
    picture: NDArray[np.uint8], face: Face, left: int, top: int, row: int, title: str
) -> None:
    """Draw one face's card onto `picture`, in place: a title and a bar for every class.

    Parameters
    ----------
    picture : uint8 (H, W, 3) BGR
    face : Face
    left, top : int
        Corner of the card.
    row : int
        Height of a row in pixels, which everything else follows.
    title : str
    """
    size = max(round(row * 0.72), 8)
    names, track = name_width(face.labels, row), round(row * 6.5)
    put_text(picture, title, left + row // 2, top + row // 2, round(size * 1.1), WHITE)
    y = top + round(row * 1.9)
    bar_left = left + row // 2 + names
    for name, p in zip(face.labels, face.probabilities, strict=True):
        strong = name == face.label
        put_text(picture, name, left + row // 2, y, size, WHITE if strong else DIM)
        ends = (bar_left, y), (bar_left + track, y + size)
        cv2.rectangle(picture, *ends, _TRACK, cv2.FILLED)
        filled = bar_left + round(track * float(p))
        if filled > bar_left:
            cv2.rectangle(
                picture, ends[0], (filled, ends[1][1]), label_colour(face, name), cv2.FILLED
            )
        number = f"{p:.0%}"
        x = bar_left + track + round(row * 2.2) - _text_width(number, size)
        put_text(picture, number, x, y, size, WHITE if strong else DIM)
        y += row


def label_colour(face: Face, label: str) -> Colour:
    """Return the colour of one of a face's labels, BGR."""
    return colour_of(face.labels, label)


def colour_of(labels: Sequence[str], label: str) -> Colour:
    """Return a label's colour, BGR: its own, or one by position for classes of other schemes."""
    if label in _COLOURS:
        return _COLOURS[label]
    return _OTHER_COLOURS[labels.index(label) % len(_OTHER_COLOURS)]


def put_text(
    picture: NDArray[np.uint8], text: str, left: int, top: int, size: int, colour: Colour
) -> None:
    """Write `text` onto `picture`, in place, cut off at its edges.

    Parameters
    ----------
    picture : uint8 (H, W, 3) BGR
    text : str
    left, top : int
        Corner of the line's box, which is about `size` high.
    size : int
        Height of the letters with their descenders, in pixels.
    colour : (int, int, int)
        BGR.
    """
    mask = _text_mask(text, size)
    height, width = picture.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + mask.shape[1], width), min(top + mask.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    alpha = mask[y0 - top : y1 - top, x0 - left : x1 - left, None]
    part = picture[y0:y1, x0:x1]
    part[:] = (part + (np.array(colour, np.float32) - part) * alpha + 0.5).astype(np.uint8)


def _cards(faces: Sequence[Face], shape: tuple[int, ...], in_column: int) -> NDArray[np.uint8]:
    """Return the strip beside a picture of `shape`, uint8 (H, w, 3)."""
    height = shape[0]
    row = int(height / in_column / (len(faces[0].labels) + CARD_EXTRA_ROWS))
    # One face should not get letters as tall as its nose.
    row = min(row, max(_LEAST_ROW, min(shape[:2]) // 26))
    card_height = round(row * (len(faces[0].labels) + CARD_EXTRA_ROWS))
    width = card_width(faces[0].labels, row)
    columns = -(-len(faces) // in_column)
    strip = np.full((height, columns * width, 3), GROUND, dtype=np.uint8)
    for i, face in enumerate(faces):
        column, place = divmod(i, in_column)
        title = f"{i + 1}  {face.label}" if len(faces) > 1 else face.label
        draw_card(strip, face, column * width, place * card_height, row, title)
    return strip


def _corners(box: NDArray[np.float32], scale: float) -> tuple[int, int, int, int]:
    left, top, width, height = (float(v) * scale for v in box)
    return round(left), round(top), round(left + width), round(top + height)


def card_width(labels: Sequence[str], row: int) -> int:
    """Return the width in pixels of a card with rows of `row` pixels."""
    return name_width(labels, row) + round(row * 9.7)


def name_width(labels: Sequence[str], row: int) -> int:
    """Return the pixels that a card needs for class names, with rows of `row` pixels."""
    size = max(round(row * 0.72), 8)
    return max(_text_width(name, size) for name in labels) + row // 2


def _readable_on(colour: Colour) -> Colour:
    blue, green, red = colour
    return (20, 20, 20) if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else WHITE


def _text_width(text: str, size: int) -> int:
    return int(_text_mask(text, size).shape[1])


@lru_cache(maxsize=1024)
def _text_mask(text: str, size: int) -> NDArray[np.float32]:
    """Return how much of each pixel the text covers, float32 (h, w), 0 to 1.

    Kept, because the same few labels and percentages come again in every frame.
    """
    # Pillow's own font: the same picture on every machine, and accents in people's class names.
    font = ImageFont.load_default(size * 0.95)
    width = max(int(np.ceil(font.getlength(text))), 1)
    image = Image.new("L", (width, round(size * 1.25)))
    ImageDraw.Draw(image).text((0, size * 0.78), text, fill=255, font=font, anchor="ls")
    return np.asarray(image, dtype=np.float32) / np.float32(255)
