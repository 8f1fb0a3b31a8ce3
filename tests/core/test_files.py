import hashlib
import os

import pytest

from fer_core.files import cache_folder, printable, sha256_of, write_atomically


def test_a_written_file_takes_its_name_only_when_whole(tmp_path):
    target = tmp_path / "new" / "model.onnx"
    with write_atomically(target) as temporary:
        assert temporary.suffix == ".onnx"
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["model.onnx"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "results.json"
    target.write_text("old")

    def fail():
        with write_atomically(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["results.json"]


def test_permissions_are_the_users(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    with write_atomically(tmp_path / "atomic") as temporary:
        temporary.touch()
    assert (tmp_path / "atomic").stat().st_mode == plain.stat().st_mode


def test_names_may_be_as_long_as_the_system_allows(tmp_path):
    target = tmp_path / ("顔" * 81 + ".annotated.png"[-12:])
    with write_atomically(target) as path:
        path.write_bytes(b"all")
    assert target.read_bytes() == b"all"


def test_what_can_not_be_replaced_is_named(tmp_path):
    target = tmp_path / "folder"

    def write():
        with write_atomically(target) as temporary:
            temporary.write_bytes(b"")
            target.mkdir()

    with pytest.raises(IsADirectoryError) as caught:
        write()
    assert caught.value.filename == str(target)


def test_sha256(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 3_000_000)
    assert sha256_of(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_cache_folder_order(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("FER_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "fer-ensemble"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "fer-ensemble"


def test_names_that_are_no_text_can_be_printed():
    assert printable("her ü.png") == "her ü.png"
    assert printable(os.fsdecode(b"caf\xe9.png")) == "caf\\udce9.png"


def test_users_without_a_home_have_a_cache(monkeypatch, tmp_path):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FER_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", no_home)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert cache_folder().parent == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FER_CACHE", "~/c")
    assert cache_folder() == tmp_path / "c"
