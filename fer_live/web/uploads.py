"""Receiving uploads in bounded memory, and looking at what they are before they are decoded."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request

from fer_core.errors import DataError, PictureError
from fer_core.pictures import FORMATS

#: Bytes of an uploaded picture, which is kept in memory; today's cameras write up to 25 MB.
MAX_PICTURE_BYTES = 40 << 20

#: Pixels of an uploaded picture. A PNG is decoded whole before it is shrunk: 3 bytes a pixel.
MAX_PICTURE_PIXELS = 110_000_000

#: Bytes of an uploaded video, which is kept in a temporary folder.
MAX_VIDEO_BYTES = 512 << 20

_BEGINNING = 512

#: First boxes of MP4 and QuickTime files. What begins as no known container is refused: FFmpeg
#: would also read play lists, which make it open further files and addresses.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_TS_PACKET = 188
#: Seconds without a byte after which an upload gives up its place.
_PATIENCE = 30.0


class TooLargeError(HTTPException):
    """An upload is larger than is read: status 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The file is larger than {limit >> 20} MB, the most that is read")


async def receive_picture(request: Request) -> bytes:
    """Return the body of a request that uploads a picture.

    Raises
    ------
    TooLargeError
        If it has more than `MAX_PICTURE_BYTES`.
    """
    content = bytearray()
    async for chunk in _bounded(request, MAX_PICTURE_BYTES):
        content += chunk
    return bytes(content)


async def receive_video(request: Request, path: Path) -> None:
    """Write the body of a request that uploads a video to a file.

    Raises
    ------
    TooLargeError
        If it has more than `MAX_VIDEO_BYTES`.
    DataError
        If it doesn't begin as a video file does.
    OSError
        If it can't be written. In both cases the rest is received all the same, without being
        written: browsers that are still sending don't read the answer.
    """
    beginning = b""
    failed: OSError | None = None
    with path.open("wb") as file:
        async for chunk in _bounded(request, MAX_VIDEO_BYTES):
            if len(beginning) < _BEGINNING:
                beginning += chunk[:_BEGINNING]
            if failed is None and (len(beginning) < _BEGINNING or _is_video(beginning)):
                try:
                    file.write(chunk)
                except OSError as error:
                    failed = error
    if failed is not None:
        raise failed
    if not beginning:
        raise DataError("The file is empty (0 bytes)")
    if not _is_video(beginning):
        raise DataError(
            "This is not a video in a container that can be read "
            "(MP4, QuickTime, WebM, Matroska, AVI, Ogg, MPEG, FLV, GIF)"
        )


def check_picture(content: bytes, name: str, max_pixels: int = MAX_PICTURE_PIXELS) -> None:
    """Look at a picture's header alone.

    Raises
    ------
    PictureError
        If it says that the picture has more than `max_pixels`. What has no such header is left to
        the decoder, which says what is wrong with it.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name, max_pixels) from error
    except Exception:  # damaged bytes make decoders raise anything
        return
    if width * height > max_pixels:
        raise _too_many_pixels(name, max_pixels)


def _too_many_pixels(name: str, max_pixels: int) -> PictureError:
    return PictureError(
        f"{name}: the picture has more than {max_pixels / 1e6:.0f} million pixels; "
        "make it smaller first"
    )


async def _bounded(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Give a request's body piece by piece; the length that it states is not trusted."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise TooLargeError(limit)
    received, chunks = 0, aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(_PATIENCE):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, f"Nothing came for {_PATIENCE:g} seconds") from None
        received += len(chunk)
        if received > limit:
            raise TooLargeError(limit)
        yield chunk


def _is_video(beginning: bytes) -> bool:
    """Say whether a file that begins so is a video in a usual container."""
    return (
        beginning[4:8] in _BOXES  # MP4, QuickTime
        or beginning.startswith(b"\x1aE\xdf\xa3")  # Matroska, WebM
        or (beginning.startswith(b"RIFF") and beginning[8:12] == b"AVI ")
        or beginning.startswith((b"OggS", b"FLV\x01", b"\x00\x00\x01\xba", b"GIF8"))
        or (beginning.startswith(b"G") and beginning[_TS_PACKET : _TS_PACKET + 1] == b"G")
    )
