"""Sources: which one a name means, every frame of files, and what bad files get."""

import errno
import io
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_core.errors import DataError, PictureError
from fer_live.sources import Pictures, find_pictures, open_source, shown_name
from fer_live.video_file import DamagedVideoError, VideoFile, open_capture

from .videos import turn_by_metadata, write_uneven_webm, write_video


def grays(n, shape=(48, 64)):
    return [np.full((*shape, 3), 10 + 5 * i, np.uint8) for i in range(n)]


@pytest.mark.parametrize(
    ("name", "coding"), [("a.mp4", "mp4v"), ("b.mkv", "mp4v"), ("c.avi", "MJPG")]
)
def test_a_file_gives_every_frame_in_order_with_its_time(tmp_path, name, coding):
    source = open_source(str(write_video(tmp_path / name, grays(30), 12.5, coding)))
    frames = list(source.frames())
    assert not source.live
    assert [frame.number for frame in frames] == list(range(30))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(30) / 12.5, atol=2e-3)
    # Coded colours are a little off, each as much.
    levels = np.array([frame.image.mean() for frame in frames])
    np.testing.assert_allclose(levels - levels[0], 5 * np.arange(30), atol=2)
    source.close()


def test_frames_from_the_middle_are_the_same(tmp_path):
    path = str(write_video(tmp_path / "a.mp4", grays(20)))
    whole = list(VideoFile(path).frames())
    rest = list(VideoFile(path).frames(start=13))
    assert [frame.number for frame in rest] == list(range(13, 20))
    for a, b in zip(whole[13:], rest, strict=True):
        assert a.seconds == b.seconds
        np.testing.assert_array_equal(a.image, b.image)


def test_rotation_metadata_turns_the_frames(tmp_path):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24] = 255  # bright above: after a quarter turn, bright at one side
    path = write_video(tmp_path / "phone.mp4", [frame] * 5)
    turn_by_metadata(path)
    image = next(iter(VideoFile(str(path)).frames())).image
    assert image.shape == (64, 48, 3)
    assert abs(float(image[:, :20].mean()) - float(image[:, -20:].mean())) > 200


def test_a_folder_is_played_in_the_order_of_its_numbers(tmp_path):
    for i in (1, 2, 9, 10):
        cv2.imwrite(str(tmp_path / f"frame{i}.png"), np.full((20, 30), i, np.uint8))
    source = open_source(str(tmp_path), rate=10)
    assert isinstance(source, Pictures)
    assert source.n_frames == 4
    assert [(f.seconds, f.image[0, 0, 0]) for f in source.frames()] == [
        (0, 1), (0.1, 2), (0.2, 9), (pytest.approx(0.3), 10),
    ]  # fmt: skip
    pattern = open_source(str(tmp_path / "frame1*.png"))
    assert [f.image[0, 0, 0] for f in pattern.frames()] == [1, 10]
    assert open_source(str(tmp_path / "frame9.png")).n_frames == 1


@pytest.mark.parametrize("name", [".", "**/*.png", "{}"])
def test_results_among_the_frames_are_not_played(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    name, out = name.format(tmp_path), tmp_path / "out"
    out.mkdir()
    for path in ("1.png", "2.png", "out/timeline.png"):
        cv2.imwrite(path, np.zeros((20, 30), np.uint8))
    assert open_source(name).n_frames == 3
    for results in (out, Path("out")):
        source = open_source(name, results=results)
        assert [path.name for path in source.paths] == ["1.png", "2.png"]
    with pytest.raises(DataError, match=r"all pictures lie in .*choose another folder"):
        open_source(name, results=tmp_path)
    assert open_source("out/timeline.png", results=out).n_frames == 1


def test_paths_come_from_standard_input(tmp_path, monkeypatch):
    for name in ("b", "a"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((20, 30), ord(name), np.uint8))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{tmp_path}/b.png\n\n{tmp_path}/a.png\n"))
    assert [f.image[0, 0, 0] for f in open_source("-").frames()] == [ord("b"), ord("a")]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(DataError, match="standard input names no picture"):
        open_source("-")


@pytest.mark.parametrize(
    "name",
    ["a:b.mp4", "100% her.mp4", "frame%03d.mp4", "-x.mp4", "gesicht ü 脸.mp4", "it's [1].mp4"],
)
def test_odd_names_are_just_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "plain.mp4", grays(3)).rename(tmp_path / name)
    assert len(list(open_source(name).frames())) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are Unicode")
def test_a_name_that_is_no_text_is_one_sentence(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.mp4"
    os.rename(write_video(tmp_path / "plain.mp4", grays(3)), path)
    with pytest.raises(DataError, match=r"\\udcff.mp4: the file's name is no valid UTF-8"):
        open_source(os.fsdecode(path))


def test_a_video_cut_off_gives_what_it_has_and_says_so(tmp_path):
    noise = [np.random.default_rng(i).integers(0, 255, (96, 128, 3), np.uint8) for i in range(40)]
    path = write_video(tmp_path / "a.mkv", noise, coding="MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    numbers = []

    def read_all():
        for frame in open_source(str(path)).frames():
            numbers.append(frame.number)

    problem = r"cut off or damaged: it ends after \d+ of 40 frames"
    with pytest.raises(DamagedVideoError, match=problem):
        read_all()
    assert 15 < len(numbers) < 25
    # An address may only have been cut off: it can be asked for the rest.
    served = VideoFile("http://there/a.mkv", open_capture(str(path)))
    with pytest.raises(DataError, match=problem) as caught:
        list(served.frames())
    assert not isinstance(caught.value, DamagedVideoError)


@pytest.mark.parametrize(("n", "whole"), [(150, True), (100, False)])
def test_uneven_frames_that_last_as_long_as_stated_are_whole(n, whole):
    """A screen recording: 31.7 s of which FFmpeg makes 951 frames by the clock's 30 a second."""

    class Capture:
        at = -1

        def get(self, what):
            told = {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FRAME_COUNT: 951.0}
            return told.get(what, 1000 * 31.7 / 150 * self.at)

        def grab(self):
            self.at += 1
            return self.at < n

        def retrieve(self):
            return True, np.zeros((4, 4, 3), np.uint8)

    frames = VideoFile("screen.mkv", Capture()).frames()
    if whole:
        assert len(list(frames)) == 150
    else:
        with pytest.raises(DamagedVideoError, match="it ends after 100 of 951 frames"):
            list(frames)


def test_bad_files_are_one_sentence(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    half = write_video(tmp_path / "half.mp4", grays(30))
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    for name, problem in (
        ("empty.mp4", "the file is empty"),
        ("text.mp4", "this is no video that can be read"),
        ("half.mp4", "cut off or damaged"),
    ):
        with pytest.raises(DataError, match=problem):
            open_source(str(tmp_path / name))
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="there are no pictures in this folder"):
        open_source(str(tmp_path / "none"))
    with pytest.raises(DataError, match="no picture matches"):
        open_source(str(tmp_path / "*.gif"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "an empty name means no file"),
        ("ftp://host/film.mp4", "ftp://host/film.mp4: it can't be read from there"),
    ],
)
def test_names_that_are_no_paths(name, words):
    for read in (open_source, lambda name: find_pictures([name])):
        with pytest.raises(DataError, match=words):
            read(name)


def test_a_folder_that_may_not_be_read_is_not_called_empty(tmp_path, monkeypatch, caplog):
    (tmp_path / "closed").mkdir()
    (tmp_path / ".closed").mkdir()
    scan = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(PermissionError, match="Permission denied"):
        find_pictures([str(tmp_path)])
    cv2.imwrite(str(tmp_path / "a.png"), grays(1)[0])
    assert find_pictures([str(tmp_path)]) == [tmp_path / "a.png"]
    (record,) = caplog.records
    assert f"{tmp_path / 'closed'}: Permission denied" in record.getMessage()


def test_an_animation_is_played(tmp_path):
    first, *others = [Image.fromarray(frame) for frame in grays(6)]
    first.save(tmp_path / "film.gif", save_all=True, append_images=others, duration=100, loop=0)
    assert len(list(open_source(str(tmp_path / "film.gif")).frames())) == 6
    for name in ("film.webp", "film.png"):
        first.save(tmp_path / name, save_all=True, append_images=others, duration=100, loop=0)
        with pytest.raises(DataError, match="an animation that can't be played"):
            open_source(str(tmp_path / name))
        first.save(tmp_path / name)
        assert open_source(str(tmp_path / name)).n_frames == 1


def test_names_on_standard_input_need_not_be_utf_8(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(b"\xff.png\n"), encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert [os.fsencode(path) for path in find_pictures(["-"])] == [b"\xff.png"]


def test_a_video_without_frames_is_one_sentence(tmp_path):
    path = tmp_path / "none.avi"
    coding = cv2.VideoWriter_fourcc(*"MJPG")
    cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, coding, 25, (64, 48)).release()

    def read_all():
        return list(open_source(str(path)).frames())

    with pytest.raises(DataError, match=r"no frame that can be read|no video that can be read"):
        read_all()


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(DataError, match="there is no such"):
        open_source(str(tmp_path / "none.mp4"))


def test_uneven_frames_have_the_rate_that_their_times_tell(tmp_path):
    path = tmp_path / "browser.webm"
    pictures = np.random.default_rng(0).integers(0, 256, (90, 48, 64, 3)).astype(np.uint8)
    write_uneven_webm(path, list(pictures))
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 1000  # what FFmpeg says
    video = VideoFile(str(path))
    assert video.rate == pytest.approx(30, rel=0.02)
    assert video.n_frames is None
    times = [frame.seconds for frame in video.frames()]
    assert len(times) == 90
    assert times[-1] == pytest.approx(89 / 30, abs=0.02)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rtsp://me:s%40cret@10.0.0.2:554/live?a=b", "rtsp://10.0.0.2:554/live"),
        ("http://cam/s?user=admin&pwd=secret", "http://cam/s"),
        ("http://10.0.0.2/a@b", "http://10.0.0.2/a@b"),
        ("videos/me@home.mp4", "videos/me@home.mp4"),
    ],
)
def test_addresses_are_shown_without_passwords(name, shown):
    assert shown_name(name) == shown


def test_a_password_is_in_no_message():
    with pytest.raises(DataError) as caught:
        open_source("http://me:secret@127.0.0.1:9/x")
    assert "secret" not in str(caught.value)
    assert "http://127.0.0.1:9/x" in str(caught.value)


def test_broken_pictures_among_the_frames_are_left_out_where_asked(tmp_path, caplog):
    for name in ("1.png", "3.png"):
        cv2.imwrite(str(tmp_path / name), np.full((40, 40, 3), 90, np.uint8))
    (tmp_path / "2.png").write_text("no picture")
    with pytest.raises(PictureError, match=r"2\.png: this is not a picture"):
        list(open_source(str(tmp_path)).frames())
    frames = list(open_source(str(tmp_path), skip_broken=True).frames())
    assert [frame.number for frame in frames] == [0, 2]
    assert "2.png" in caplog.text
