"""One way to read a picture file: upright, 8 bits a channel, BGR, in bounded memory."""

import io
import warnings
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    ImageOps,
    Jpeg2KImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from fer_core.errors import PictureError

#: Formats that are read. Listed because Pillow knows others that start programs (EPS) or whose
#: pixels are not photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")

#: File name endings of these formats, for finding pictures in folders.
# fmt: off
SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pnm", ".jp2",
))
# fmt: on

#: And of formats that phones write and nothing here reads, to say so.
UNREAD_SUFFIXES = frozenset((".heic", ".heif", ".avif"))

#: Larger pictures are shrunk by a whole factor while they are decoded: 96 MB of BGR at most,
#: and still every pixel of today's usual cameras.
MAX_PIXELS = 32_000_000

#: Brightest level of 16 bits below which a picture must be of fewer bits: a sixteenth.
_DARKEST_16_BITS = 4096


# Of large pictures, which are shrunk here, and of damage, which is an error below. For good:
# filters are the whole process's, and pictures are decoded in several threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Pillow loads the plugins of the other formats by itself; these register when imported.
_PLUGINS = (Jpeg2KImagePlugin, TiffImagePlugin, WebPImagePlugin)


def read_picture(path: str | Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a picture as it should be seen.

    EXIF orientation is applied, transparent pixels are laid over white, 16-bit values keep their
    upper 8 bits, gray, palette and CMYK pictures become BGR. Of an animation the first picture
    is read. A picture of more than `max_pixels` is shrunk by the smallest whole factor that makes
    it fit, JPEG already inside the decoder.

    Parameters
    ----------
    path : str or Path
    max_pixels : int
        Most pixels of the result.

    Returns
    -------
    uint8 (H, W, 3)
        BGR.

    Raises
    ------
    PictureError
        If there is no such file, or it is empty, cut off, damaged, too large or no picture.
    """
    path = Path(path)
    _check_file(path)
    return _read(path, path, max_pixels)


def decode_picture(
    content: bytes, name: str | Path, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode the bytes of a picture file as `read_picture` does; `name` is for messages."""
    if not content:
        raise PictureError(f"{name}: the file is empty (0 bytes); replace it or leave it out")
    return _read(io.BytesIO(content), Path(name), max_pixels)


def _read(file: Path | io.BytesIO, path: Path, max_pixels: int) -> NDArray[np.uint8]:
    try:
        with Image.open(file, formats=FORMATS) as image:
            return _decode(path, image, max_pixels)
    except (PictureError, MemoryError):  # the latter says nothing of the picture
        raise
    except UnidentifiedImageError:
        raise PictureError(
            f"{path}: this is not a picture in a format that can be read "
            "(JPEG, PNG, WebP, BMP, GIF, TIFF, PPM, JPEG 2000); convert it or leave it out"
        ) from None
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{path}: the picture has too many pixels ({error}); make it smaller first"
        ) from error
    except PermissionError as error:
        raise _not_opened(path, error) from error
    # Damaged bytes make decoders raise anything (OSError, SyntaxError, struct.error, IndexError).
    except Exception as error:
        raise PictureError(
            f"{path}: the picture is cut off or damaged ({error}); replace it or leave it out"
        ) from error


def to_gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a BGR or gray picture in gray (ITU-R BT.601 luma, as OpenCV weighs it).

    Parameters
    ----------
    picture : uint8 (H, W, 3) or (H, W)

    Returns
    -------
    uint8 (H, W)
        Contiguous; the same array where it was gray already.

    Raises
    ------
    PictureError
        If it is of another shape or type.
    """
    check_frame(picture)
    if picture.ndim == 3:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    return np.ascontiguousarray(picture)


def check_frame(frame: NDArray[np.uint8]) -> None:
    """Raise `PictureError` unless `frame` is uint8 of shape (H, W, 3) or (H, W), not empty."""
    if not isinstance(frame, np.ndarray):
        raise PictureError(f"a frame must be a numpy array. Got {type(frame).__name__} instead.")
    shaped = frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 3)
    if frame.dtype != np.uint8 or not shaped or frame.size == 0:
        raise PictureError(
            "a frame must be uint8 of shape (height, width, 3) or (height, width). "
            f"Got {frame.dtype} of shape {frame.shape} instead."
        )


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise PictureError(f"{path}: there is no such file") from None
    except OSError as error:
        raise _not_opened(path, error) from error
    if not path.is_file():
        raise PictureError(f"{path}: a picture is needed here, and this is a folder or a device")
    if size == 0:
        raise PictureError(f"{path}: the file is empty (0 bytes); replace it or leave it out")


def _not_opened(path: Path, error: OSError) -> PictureError:
    return PictureError(f"{path}: the file can't be opened ({error.strerror})")


def _decode(path: Path, image: Image.Image, max_pixels: int) -> NDArray[np.uint8]:
    width, height = image.size
    factor = 1
    while (width // factor) * (height // factor) > max_pixels:
        factor += 1
    # Only JPEG does this; it decodes straight to 1/2, 1/4 or 1/8, at least the size asked for.
    image.draft(None, (width // factor, height // factor))
    image.load()
    # Damaged notes beside a whole picture make this raise anything, too.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    if factor > 1:
        image = _to_8_bits(image)
        target = (max(width // factor, 1), max(height // factor, 1))
        turned = (image.width < image.height) != (width < height)
        # In one pass, without a picture of half the size in between.
        image = image.resize(
            target[::-1] if turned else target, Image.Resampling.BOX, reducing_gap=1.0
        )
    return np.ascontiguousarray(np.asarray(_to_rgb(path, image))[:, :, ::-1])


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Return 16-bit gray in 8; Pillow's own conversion would clip at 255 instead of scaling.

    Levels of another range, in which 12 bits or 8 were saved, would become black or white faces.
    """
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    levels = np.asarray(image)
    low, high = int(levels.min()), int(levels.max())
    if low != high and not (low >= 0 and _DARKEST_16_BITS <= high < 2**16):
        raise ValueError(
            f"its gray levels go from {low} to {high} where 16 bits go to 65535; save it in 8 bits"
        )
    return Image.fromarray(np.clip(levels >> 8, 0, 255).astype(np.uint8))


def _to_rgb(path: Path, image: Image.Image) -> Image.Image:
    image = _to_8_bits(image)
    if image.mode == "F":
        raise PictureError(
            f"{path}: pixels are floating-point numbers of unknown range; save it with 8 or 16 bits"
        )
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    return image.convert("RGB")
