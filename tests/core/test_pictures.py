"""Pictures of every kind come out upright, BGR and 8 bits; broken ones are refused."""

import errno
import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from fer_core.errors import PictureError
from fer_core.pictures import decode_picture, read_picture, to_gray

RGB = (np.random.default_rng(0).random((30, 40, 3)) * 255).astype(np.uint8)
BGR = RGB[:, :, ::-1]


def save(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a b ü 顔.png", "a.bmp", "a.tif", "a.ppm", "a.PNG"])
def test_lossless_formats_and_odd_names_give_the_same_pixels(tmp_path, name):
    np.testing.assert_array_equal(read_picture(save(tmp_path / name, Image.fromarray(RGB))), BGR)


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (6, lambda p: np.rot90(p, 1)),
        (8, lambda p: np.rot90(p, -1)),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_exif_orientation_is_applied(tmp_path, orientation, undo, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(undo(RGB))
    path = save(tmp_path / f"a{suffix}", Image.fromarray(stored), exif=exif)
    np.testing.assert_array_equal(read_picture(path), BGR)


def test_damaged_notes_beside_a_picture_leave_it_whole_and_upright(tmp_path):
    # Two entries: turned by a quarter, and a resolution that is said as text.
    notes = struct.pack(">2sHIH", b"MM", 42, 8, 2)
    notes += struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack(">HHI4s", 0x011A, 2, 2, b"a")
    path = tmp_path / "a.jpg"
    Image.new("RGB", (30, 20), "white").save(path, exif=b"Exif\0\0" + notes + bytes(4))
    with Image.open(path) as opened, pytest.raises(TypeError):
        ImageOps.exif_transpose(opened)
    assert read_picture(path).shape == (30, 20, 3)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", Image.fromarray(RGB))

    def forbidden(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", forbidden)
    with pytest.raises(PictureError, match=r"a\.png: the file can't be opened \(Permission denied"):
        read_picture(path)


def test_too_little_memory_is_no_damage(tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    Image.new("L", (8, 8)).save(file)

    def full(*args, **options):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", full)
    with pytest.raises(MemoryError):
        read_picture(file)


def test_orientation_survives_shrinking(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp = np.tile(np.linspace(0, 255, 400).astype(np.uint8), (200, 1))
    for suffix in (".jpg", ".png"):
        path = save(tmp_path / f"a{suffix}", Image.fromarray(ramp), exif=exif)
        small = read_picture(path, max_pixels=6000)
        assert small.shape == (100, 50, 3)  # factor 4: 20,000 and 8,889 pixels are too many
        assert small[0].mean() < 10
        assert small[-1].mean() > 245


def test_16_bits_keep_the_upper_8(tmp_path):
    wide = (np.arange(30 * 40).reshape(30, 40) * 54).astype(np.uint16)
    for name in ("gray.png", "gray.tif"):
        cv2.imwrite(str(tmp_path / name), wide)
        picture = read_picture(tmp_path / name)
        np.testing.assert_array_equal(picture, np.repeat((wide >> 8)[:, :, None], 3, axis=2))
    cv2.imwrite(str(tmp_path / "colour.png"), np.dstack([wide, wide // 2, wide // 4]))
    colour = read_picture(tmp_path / "colour.png")
    np.testing.assert_array_equal(colour, np.dstack([wide, wide // 2, wide // 4]) >> 8)


def test_gray_palette_and_bilevel(tmp_path):
    gray = RGB[:, :, 0]
    np.testing.assert_array_equal(
        read_picture(save(tmp_path / "l.png", Image.fromarray(gray)))[:, :, 1], gray
    )
    palette = Image.fromarray(RGB).quantize(256)
    np.testing.assert_array_equal(
        read_picture(save(tmp_path / "p.png", palette)),
        np.asarray(palette.convert("RGB"))[..., ::-1],
    )
    assert set(np.unique(read_picture(save(tmp_path / "1.png", palette.convert("1"))))) == {0, 255}


def test_transparency_is_laid_over_white(tmp_path):
    alpha = np.full((30, 40, 1), 255, np.uint8)
    alpha[:15] = 0
    picture = read_picture(save(tmp_path / "a.png", Image.fromarray(np.dstack([RGB, alpha]))))
    assert (picture[:15] == 255).all()
    np.testing.assert_array_equal(picture[15:], BGR[15:])


def test_cmyk_is_not_inverted(tmp_path):
    red = Image.new("RGB", (32, 32), (220, 30, 30)).convert("CMYK")
    picture = read_picture(save(tmp_path / "a.jpg", red, quality=95))
    assert np.abs(picture.reshape(-1, 3).mean(0) - (30, 30, 220)).max() < 12


def test_large_pictures_shrink_by_a_whole_factor(tmp_path):
    smooth = cv2.resize(RGB, (1200, 900), interpolation=cv2.INTER_CUBIC)
    for name, options in (("a.png", {}), ("a.jpg", {"quality": 95})):
        small = read_picture(save(tmp_path / name, Image.fromarray(smooth), **options), 300 * 225)
        assert small.shape == (225, 300, 3)
        expected = cv2.resize(smooth[:, :, ::-1], (300, 225), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - expected).mean() < 3


def encoded(form, **options):
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("fraction", [0.15, 0.5, 0.9])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_truncated_pictures_are_refused(tmp_path, form, fraction):
    content = encoded(form)
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(PictureError, match=path.name):
        read_picture(path)


def test_a_progressive_jpeg_cut_near_its_end_is_refused():
    with pytest.raises(PictureError, match=r"cut\.jpg: the picture is cut off or damaged"):
        decode_picture(encoded("JPEG", progressive=True)[:-20], "cut.jpg")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jpg", b"", "empty"),
        ("text.jpg", b"not a picture at all, but long enough to be looked at", "not a picture"),
        ("script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    ],
)
def test_other_content_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PictureError, match=rf"{name}.*{words}"):
        read_picture(tmp_path / name)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(PictureError, match="folder"):
        read_picture(tmp_path)


def test_to_gray_weighs_as_bt601_and_keeps_gray():
    blue = np.zeros((4, 5, 3), np.uint8)
    blue[..., 0] = 200
    assert (to_gray(blue) == 23).all()  # 0.114 * 200
    gray = BGR[:, :, 0].copy()
    np.testing.assert_array_equal(to_gray(np.repeat(gray[..., None], 3, axis=2)), gray)
    assert to_gray(gray) is gray


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_to_gray_names_the_rule(bad):
    with pytest.raises(PictureError, match=r"uint8 of shape.*instead"):
        to_gray(bad)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_large_pictures_are_shrunk_by_any_whole_factor(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", Image.fromarray(np.full((900, 700, 3), 90, np.uint8)))
    assert read_picture(path, max_pixels=10_000).shape == (112, 87, 3)  # an eighth
    assert read_picture(path, max_pixels=13_000).shape == (128, 100, 3)  # a seventh
    assert read_picture(path, max_pixels=80_000).shape == (300, 233, 3)  # a third


def test_large_pictures_of_16_bits_are_shrunk(tmp_path):
    gray = np.full((300, 200), 0x8000, np.uint16)
    path = save(tmp_path / "a.png", Image.fromarray(gray))
    picture = read_picture(path, max_pixels=10_000)
    assert picture.shape == (100, 66, 3)
    assert (picture == 0x80).all()


def test_large_turned_pictures_are_shrunk_as_they_are_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", Image.fromarray(np.zeros((300, 600, 3), np.uint8)), exif=exif)
    assert read_picture(path, max_pixels=20_000).shape == (200, 100, 3)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (3, 4095), (0, 100_000), (-5, 30_000)])
def test_integers_of_another_range_are_no_black_faces(tmp_path, low, high):
    levels = np.linspace(low, high, 48 * 48).reshape(48, 48).astype(np.int32)
    Image.fromarray(levels).save(tmp_path / "deep.tif")
    with pytest.raises(PictureError, match=f"levels go from {low} to {high}.*in 8 bits"):
        read_picture(tmp_path / "deep.tif")


def test_integers_that_are_16_bits_are_read(tmp_path):
    levels = np.linspace(0, 65535, 48 * 48).reshape(48, 48).astype(np.int32)
    Image.fromarray(levels).save(tmp_path / "deep.tif")
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.tif")[:, :, 0], levels >> 8)
    Image.fromarray(np.zeros((48, 48), np.int32)).save(tmp_path / "black.tif")
    assert not read_picture(tmp_path / "black.tif").any()
