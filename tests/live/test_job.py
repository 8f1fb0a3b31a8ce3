"""A run is known by what it reads, also where another file has taken its name."""

import argparse

from fer_live.job import _digests, _fingerprint
from fer_live.sources import Pictures


def test_files_are_told_apart_by_size_and_beginning(tmp_path):
    path = tmp_path / "film.mp4"
    seen = set()
    for content in (b"one", b"two", b"two, longer"):
        path.write_bytes(content)
        seen.add(_fingerprint(str(path), None))
        assert _fingerprint(str(path), None) in seen
    assert len(seen) == 3


def test_pictures_are_told_apart_by_their_names(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    known = {_fingerprint("x", Pictures(some, "x")) for some in (paths, paths[1:], paths[::-1])}
    assert len(known) == 3
    assert _fingerprint("x", Pictures(paths, "x")) in known


def test_what_is_no_file_has_none(tmp_path):
    for name in ("0", "rtsp://camera/stream", str(tmp_path), str(tmp_path / "nowhere.mp4")):
        assert _fingerprint(name, None) == ""


def test_another_model_of_the_name_is_another(tmp_path, monkeypatch):
    args = argparse.Namespace(models=None, model="landmarks", detector_file=None)
    known = _digests(args)
    assert known == _digests(args)
    assert known != _digests(argparse.Namespace(**{**vars(args), "model": "cnn"}))
    file = tmp_path / "detector.onnx"
    seen = set()
    for content in (b"one", b"two"):
        file.write_bytes(content)
        args.detector_file = file
        seen.add(tuple(_digests(args)))
    assert len(seen) == 2
    monkeypatch.setattr("fer_live.job.predictor_hash", lambda: "another")
    assert tuple(_digests(args)) not in seen
