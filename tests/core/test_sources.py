import io
import os
import sys
import tarfile
import zipfile

import pytest

from fer_core.datasets.sources import open_source
from fer_core.errors import DataError

FILES = {"train/happy/1.jpg": b"one", "train/sad/2.jpg": b"two" * 1000, "readme.txt": b""}
HIDDEN = {".DS_Store": b"x", "train/.hidden/3.jpg": b"x"}


def _folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def _zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("train")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _tar(path, files):
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


MAKERS = {"data": _folder, "data.zip": _zip, "data.tar.gz": _tar, "data.tar": _tar}


@pytest.mark.parametrize("name", MAKERS)
def test_every_form_gives_the_same_names_and_bytes(tmp_path, name):
    source = open_source(MAKERS[name](tmp_path / name, FILES | HIDDEN))
    assert source.names() == sorted(FILES)
    assert {n: source.read(n) for n in source.names()} == FILES


def test_macos_leftovers_are_not_files(tmp_path):
    source = open_source(_zip(tmp_path / "a.zip", {"__MACOSX/a/1.jpg": b"x", "a/1.jpg": b"y"}))
    assert source.names() == ["a/1.jpg"]


@pytest.mark.parametrize("make", [_zip, _tar])
@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/evil.jpg", "a/../../evil.jpg", "..\\e.jpg"])
def test_names_that_point_outside_are_refused(tmp_path, make, name):
    archive = make(tmp_path / ("a.zip" if make is _zip else "a.tar.gz"), {name: b"x"})
    with pytest.raises(DataError, match="points outside the archive"):
        open_source(archive)


@pytest.mark.parametrize("drive", ["C:\\evil.jpg", "C:/evil.jpg"])
def test_drive_letters_are_refused(tmp_path, drive):
    with pytest.raises(DataError, match="points outside the archive"):
        open_source(_tar(tmp_path / "a.tar.gz", {drive: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_not_read(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("a/1.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    assert open_source(tmp_path / "a.tar").names() == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize("keep", [0.5, 0.95])
def test_half_an_archive_is_refused(tmp_path, name, keep):
    archive = MAKERS[f"data.{name[2:]}"](tmp_path / name, FILES | {"big": bytes(range(256)) * 99})
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataError, match=str(archive)):
        open_source(archive)


def test_the_first_bytes_of_an_archive_are_refused(tmp_path):
    archive = _tar(tmp_path / "a.tar.gz", FILES)
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(DataError, match="neither a folder nor a whole"):
        open_source(archive)


def test_damaged_bytes_inside_a_zip_are_refused(tmp_path):
    archive = _zip(tmp_path / "a.zip", {"a/1.jpg": bytes(range(256)) * 50})
    content = bytearray(archive.read_bytes())
    start = content.index(b"a/1.jpg") + 20
    content[start : start + 40] = b"\xff" * 40
    archive.write_bytes(content)
    with pytest.raises(DataError, match="can't be read"):
        open_source(archive)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="there is no such file or folder"):
        open_source(tmp_path / "missing")


def test_neither_folder_nor_archive(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="neither a folder nor a whole"):
        open_source(tmp_path / "notes.txt")


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode elsewhere")
def test_a_name_that_is_no_text_is_one_sentence(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    with pytest.raises(DataError, match=r"'caf\\udce9\.png' is no valid UTF-8; rename it"):
        open_source(tmp_path).names()


def test_a_name_in_an_archive_that_is_no_text_is_one_sentence(tmp_path):
    with tarfile.open(
        tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as tar:
        tar.addfile(tarfile.TarInfo("happy/café.png"), io.BytesIO())
    with pytest.raises(DataError, match="is no valid UTF-8; rename it"):
        open_source(tmp_path / "a.tar")


def test_a_link_to_a_folder_above_is_not_followed(tmp_path):
    _folder(tmp_path, {"happy/1.jpg": b"one"})
    (tmp_path / "happy" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "glad").symlink_to(tmp_path / "happy", target_is_directory=True)
    assert open_source(tmp_path).names() == ["glad/1.jpg", "happy/1.jpg"]
