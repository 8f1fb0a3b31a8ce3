"""A run is known by what it reads, also where another file has taken its name."""

from fer_live.job import _fingerprint


def test_files_are_told_apart_by_size_and_beginning(tmp_path):
    path = tmp_path / "film.mp4"
    seen = set()
    for content in (b"one", b"two", b"two, longer"):
        path.write_bytes(content)
        seen.add(_fingerprint(str(path)))
        assert _fingerprint(str(path)) in seen
    assert len(seen) == 3


def test_what_is_no_file_has_none(tmp_path):
    for name in ("0", "rtsp://camera/stream", str(tmp_path), str(tmp_path / "nowhere.mp4")):
        assert _fingerprint(name) == ""
