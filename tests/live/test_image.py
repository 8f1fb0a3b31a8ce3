"""``fer-live image``: table, annotated pictures and JSON, and one sentence for bad input."""

import errno
import io
import json
import os
import signal
import sys

import cv2
import numpy as np
import pytest

from fer_core.errors import DataError
from fer_live import image
from fer_live.__main__ import main
from fer_live.image import find_photos
from fer_live.recognizer import EmotionRecognizer


@pytest.fixture(autouse=True)
def shipped(monkeypatch, recognizer):
    """Serve the brightness model under any name: shipped models have tests of their own."""
    asked = []

    def load(model, **options):
        asked.append((model, options))
        return recognizer

    monkeypatch.setattr(EmotionRecognizer, "load", load)
    monkeypatch.setenv("COLUMNS", "120")
    return asked


def small_picture(level):
    """Return what counts as a face's ready crop: of one gray level it would count as none."""
    picture = np.full((48, 48), level, np.uint8)
    picture[0, 0] -= 1
    return picture


@pytest.fixture
def folder(tmp_path, astronaut):
    """Return a folder with a portrait in a folder below, a picture of nothing, and a crop."""
    place = tmp_path / "photos"
    (place / "below").mkdir(parents=True)
    cv2.imwrite(str(place / "below" / "her ü.png"), astronaut)
    cv2.imwrite(str(place / "nothing.png"), np.full((200, 300, 3), 60, np.uint8))
    cv2.imwrite(str(place / "crop.png"), small_picture(230))
    (place / "notes.txt").write_text("no picture")
    return place


def report(out):
    return json.loads((out / "faces.json").read_text(encoding="utf-8"))


def test_without_a_photo_the_astronaut_is_labelled(tmp_path, capsys, shipped):
    out = tmp_path / "out"
    assert main(["image", "--out", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["astronaut.annotated.png", "faces.json"]
    assert report(out)["complete"]
    assert 0 < report(out)["threshold"] <= 1
    (photo,) = report(out)["photos"]
    assert (photo["width"], photo["height"], len(photo["faces"])) == (512, 512, 1)
    assert cv2.imread(str(out / "astronaut.annotated.png")).shape[1] > 512
    assert photo["faces"][0]["label"] in capsys.readouterr().out
    assert shipped[0][0] == "ensemble"


def test_a_folder_gives_a_row_for_every_photo(tmp_path, folder, capsys):
    assert main(["image", str(folder), "--out", str(tmp_path / "out")]) == 0
    photos = {
        photo["photo"].rpartition("/")[2]: photo for photo in report(tmp_path / "out")["photos"]
    }
    assert {name: len(photo["faces"]) for name, photo in photos.items()} == {
        "her ü.png": 1,
        "nothing.png": 0,
        "crop.png": 1,
    }
    assert photos["crop.png"]["faces"][0]["box"] == [0, 0, 48, 48]
    assert "no face found" in capsys.readouterr().out


def test_unsure_labels_carry_a_question_mark(tmp_path, folder, capsys, recognizer, monkeypatch):
    cv2.imwrite(str(folder / "below" / "crop.png"), small_picture(90))
    for stated, asked in ((0.1, False), (0.99, True)):
        monkeypatch.setattr(recognizer, "_stated", stated)
        assert main(["image", str(folder), "--out", str(tmp_path / "out")]) == 0
        printed = capsys.readouterr().out
        assert ("happy?" in printed) is ("less probable" in printed) is asked
    # Two pictures of one name are told apart.
    assert "below/crop.png" in printed.replace("\n", "")


@pytest.mark.parametrize(("crop", "faces", "code"), [("always", 0, 2), ("never", 1, 0)])
def test_crop_decides_what_is_searched(tmp_path, folder, crop, faces, code):
    photos = [str(folder / "crop.png"), str(folder / "nothing.png")]
    assert main(["image", *photos, "--out", str(tmp_path / "out"), "--crop", crop]) == code
    assert [len(photo["faces"]) for photo in report(tmp_path / "out")["photos"]] == [faces, faces]


def test_one_photo_that_fails_takes_no_other_with_it(tmp_path, folder, monkeypatch, capsys):
    long = folder / f"{'x' * 240}.png"
    long.write_bytes((folder / "crop.png").read_bytes())
    read = image.read_picture
    seen = []

    def vanishing(path):
        seen.append(path.name)
        if path.name == "nothing.png" and seen.count(path.name) == 2:
            path.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(image, "read_picture", vanishing)
    assert main(["image", str(folder), "--out", str(tmp_path / "out")]) == 0
    photos = report(tmp_path / "out")["photos"]
    assert [bool(photo.get("error")) for photo in photos].count(True) == 1
    assert len(photos) == 4
    assert len(list((tmp_path / "out").glob("xxx*.annotated.png"))) == 1
    assert "can't be read" in capsys.readouterr().out


def test_what_was_labelled_before_the_disk_was_full_is_reported(tmp_path, folder, monkeypatch):
    write = image.write_picture

    def full(path, picture):
        if path.name.startswith("nothing"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, picture)

    monkeypatch.setattr(image, "write_picture", full)
    assert main(["image", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert 0 < len(report(tmp_path / "out")["photos"]) < 3


def test_a_broken_photo_is_refused_before_any_work(tmp_path, folder, capsys, shipped):
    broken = folder / "broken.jpg"
    broken.write_bytes(b"")
    out = tmp_path / "out"
    assert main(["image", str(folder), "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert "broken.jpg: the file is empty" in message
    assert "1 of 4" in message
    assert "--skip-broken" in message
    assert not out.exists()
    assert not shipped


def test_skip_broken_lists_it_and_goes_on(tmp_path, folder, capsys):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    out = tmp_path / "out"
    assert main(["image", str(folder), "--out", str(out), "--skip-broken"]) == 0
    entries = report(out)["photos"]
    assert len(entries) == 4
    assert ["broken.jpg" in e["photo"] for e in entries if "error" in e] == [True]
    assert "can't be read" in capsys.readouterr().out


def test_no_face_in_any_photo_is_one_sentence_after_the_report(tmp_path, folder, capsys):
    photo, out = folder / "nothing.png", tmp_path / "out"
    assert main(["image", str(photo), "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"fer-live: {photo}: no face found; try another --detector")
    assert printed.err.count("\n") == 1
    assert "no face found" in printed.out
    assert [entry["faces"] for entry in report(out)["photos"]] == [[]]


def test_skipping_every_photo_is_bad_input_too(tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(b"")
    out = tmp_path / "out"
    assert main(["image", str(tmp_path), "--out", str(out), "--skip-broken"]) == 2
    assert "the file is empty" in report(out)["photos"][0]["error"]
    assert "can be read" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_what_is_finished(tmp_path, folder, monkeypatch, number):
    write = image.write_picture

    def interrupted(path, picture):
        if path.name.startswith("her"):
            signal.raise_signal(number)
        write(path, picture)

    monkeypatch.setattr(image, "write_picture", interrupted)
    out = tmp_path / "out"
    photos = [str(folder / "crop.png"), str(folder / "below" / "her ü.png")]
    assert main(["image", *photos, "--out", str(out)]) == 130
    assert [entry["annotated"] for entry in report(out)["photos"]] == ["crop.annotated.png"]
    assert not report(out)["complete"]
    assert main(["image", photos[1], "--out", str(out)]) == 130
    assert len(report(out)["photos"]) == 1


@pytest.mark.parametrize("detector", ["hog", "haar"])
def test_a_file_for_a_detector_that_takes_none_is_one_sentence(tmp_path, capsys, detector, shipped):
    options = ["--detector", detector, "--detector-file", "x.onnx"]
    assert main(["image", "--out", str(tmp_path / "out"), *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"fer-live: x.onnx: the {detector} detector takes no file; choose")
    assert not shipped


def test_one_missing_photo_is_one_sentence(tmp_path, capsys):
    assert main(["image", str(tmp_path / "none.jpg")]) == 2
    err = capsys.readouterr().err
    assert err.strip() == f"fer-live: {tmp_path / 'none.jpg'}: there is no such file"


def test_photos_of_one_name_keep_their_own_pictures(tmp_path, astronaut):
    for part in ("a", "B"):
        (tmp_path / part).mkdir()
        cv2.imwrite(str(tmp_path / part / "x.png"), astronaut)
    out = tmp_path / "out"
    assert main(["image", str(tmp_path / "a"), str(tmp_path / "B"), "--out", str(out)]) == 0
    assert {p["annotated"] for p in report(out)["photos"]} == {
        "x.annotated.png",
        "x-2.annotated.png",
    }


def test_patterns_folders_and_repeats(folder):
    found = find_photos([str(folder / "*.png"), str(folder), str(folder / "crop.png")])
    assert [p.name for p in found] == ["crop.png", "nothing.png", "her ü.png"]
    with pytest.raises(DataError, match="no picture matches"):
        find_photos([str(folder / "*.gif")])
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures in this folder"):
        find_photos([str(folder / "empty")])


def test_a_second_run_does_not_label_its_own_output(folder):
    for _ in range(2):
        assert main(["image", str(folder), "--out", str(folder)]) == 0
    assert len(report(folder)["photos"]) == 3


def test_options_reach_the_recogniser(tmp_path, folder, shipped):
    options = ["--model", "cnn", "--detector", "haar", "--scheme", "valence3"]
    options += ["--models", str(tmp_path), "--members", "cnn", "--threshold", "0.7"]
    main(["image", str(folder / "crop.png"), "--out", str(tmp_path / "out"), *options])
    ((model, given),) = shipped
    assert model == "cnn"
    assert given == {
        "store": tmp_path,
        "members": ["cnn"],
        "detector": "haar",
        "threshold": 0.7,
        "scheme": "valence3",
        "working_side": 1280,
    }


def test_a_full_disk_leaves_nothing_half_written(tmp_path, folder, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(image.Path, "write_bytes", full)
    out = tmp_path / "out"
    assert main(["image", str(folder / "crop.png"), "--out", str(out)]) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_paths_come_from_standard_input(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{folder / 'crop.png'}\n"))
    assert main(["image", "-", "--out", str(tmp_path / "out")]) == 0
    assert [len(photo["faces"]) for photo in report(tmp_path / "out")["photos"]] == [1]


def test_blur_hides_the_faces_in_what_is_written(tmp_path, recognizer):
    assert main(["image", "--out", str(tmp_path), "--blur"]) == 0
    written = cv2.imread(str(tmp_path / "astronaut.annotated.png"))
    assert recognizer.analyze(written) == []
    assert len(report(tmp_path)["photos"][0]["faces"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode elsewhere")
def test_a_name_that_is_no_text_is_in_the_report(tmp_path, astronaut):
    name = os.fsdecode(b"Sch\xe4del.png")
    (tmp_path / name).write_bytes(cv2.imencode(".png", astronaut)[1].tobytes())
    assert main(["image", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    (photo,) = json.loads((tmp_path / "out" / "faces.json").read_text())["photos"]
    assert "Sch" in photo["photo"]
    assert photo["faces"]


def test_formats_that_are_not_read_are_said(folder, caplog):
    (folder / "IMG_1.HEIC").write_bytes(b"ftypheic")
    (folder / "below" / "2.avif").write_bytes(b"ftypavif")
    assert len(find_photos([str(folder)])) == 3
    assert f"{folder}: pictures are left out, 2 in HEIC or AVIF: save them as" in caplog.text
    (folder / "phone").mkdir()
    (folder / "phone" / "3.heic").write_bytes(b"ftypheic")
    with pytest.raises(DataError, match=r"no pictures in this folder that can be read \(1 in HEIC"):
        find_photos([str(folder / "phone")])
