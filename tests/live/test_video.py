"""``fer-live video`` and ``webcam``: rows, pictures, and one sentence for bad input."""

import json
import sys
import time

import cv2
import numpy as np
import pytest

from fer_core.detectors import make_detector
from fer_core.labels import LABELS
from fer_live import video
from fer_live.__main__ import main
from fer_live.video_file import VideoFile, open_capture

from .runs import frames_of, rows, run
from .videos import stream, write_video

pytestmark = pytest.mark.usefixtures("shipped")


def test_every_frame_has_rows_also_where_nobody_is(tmp_path, clip, capsys):
    assert run(clip, tmp_path / "out") == 0
    table = rows(tmp_path / "out")
    assert [int(row["frame"]) for row in table] == list(range(40))
    assert [row["found"] for row in table] == ["1"] * 20 + ["0"] * 5 + ["1"] * 15
    assert float(table[10]["seconds"]) == 0.5
    assert {row["track"] for row in table if row["found"] == "1"} == {"1"}
    for row in table:
        if row["found"] == "1":
            smoothed = [float(row[f"p_{label}"]) for label in LABELS]
            assert sum(smoothed) == pytest.approx(1, abs=1e-3)
            assert row["label"] in LABELS
            assert float(row["confidence"]) == float(row[f"p_{row['label']}"])
        else:
            assert set(list(row.values())[3:]) == {""}
    lines = [json.loads(line) for line in (tmp_path / "out" / "faces.jsonl").open(encoding="utf-8")]
    assert [line["found"] for line in lines] == [row["found"] == "1" for row in table]
    assert len(lines[0]["landmarks"]) == 68
    assert lines[0]["probabilities"].keys() == set(LABELS)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (record["frames"], record["frames without a face"], record["faces"]) == (40, 5, 1)
    assert record["rate"] == 20
    assert "40 frames, 5 of them without a face" in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / "out" / "timeline.png")).shape[1] == 1200


def test_the_annotated_video_has_every_frame_and_bars_beside(tmp_path, clip):
    assert run(clip, tmp_path, "--save", "video") == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["annotated.mkv", "run.json"]
    frames = frames_of(tmp_path / "annotated.mkv")
    assert len(frames) == 40
    height, width = frames[0].shape[:2]
    assert height == 480
    assert width > 640
    # The panel says more with a face than without, and the picture has a box.
    assert frames[5][:, 640:].std() > frames[22][:, 640:].std() + 5


def test_blur_leaves_nothing_of_the_face(tmp_path, clip):
    detector = make_detector("hog")
    found = []
    for name, options in (("seen", ()), ("hidden", ("--blur",))):
        assert run(clip, tmp_path / name, "--save", "video", *options) == 0
        frames = frames_of(tmp_path / name / "annotated.mkv")
        found.append([len(detector.detect(frame)) for frame in (frames[3], frames[19], frames[30])])
    assert found == [[1, 1, 1], [0, 0, 0]]


def test_a_video_cut_off_keeps_all_until_there(tmp_path, clip, capsys, astronaut):
    noise = np.random.default_rng(0).integers(0, 255, (40, 240, 320, 3), np.uint8)
    path = write_video(tmp_path / "cut.mkv", list(noise), coding="MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert run(path, tmp_path / "out") == 2
    assert "cut off or damaged: it ends after" in capsys.readouterr().err
    table = rows(tmp_path / "out")
    assert 15 < len(table) < 25
    assert len(frames_of(tmp_path / "out" / "annotated.mkv")) == len(table)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert "cut off" in record["problem"]


def test_an_older_runs_results_go_with_a_new_run(tmp_path, clip):
    out = tmp_path / "out"
    for name in ("faces.jsonl", "timeline.png", "annotated-2.mkv", "mine.txt"):
        out.mkdir(exist_ok=True)
        (out / name).write_text("older")
    save = ["--headless", "--seconds", "0.2", "--save", "csv"]
    assert main(["video", str(clip), *save, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["faces.csv", "mine.txt", "run.json"]


def test_a_camera_does_not_take_the_place_of_an_unfinished_video(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".resume.json").write_text("{}")
    (out / "faces.csv").write_text("rows")
    with stream(lambda i: 0.02) as address:
        assert main(["webcam", address, "--headless", "--out", str(out)]) == 2
    assert "an unfinished run over a video is there" in capsys.readouterr().err
    assert (out / "faces.csv").read_text() == "rows"


def test_a_file_is_no_camera(clip, capsys):
    assert main(["webcam", str(clip), "--headless"]) == 2
    assert "no camera or stream; use: python -m fer_live video" in capsys.readouterr().err


def test_a_stream_is_followed_and_saved(tmp_path, capsys):
    with stream(lambda i: 0.02) as address:
        code = main(
            ["webcam", address, "--headless", "--seconds", "3", "--out", str(tmp_path / "out")]
        )
    assert code == 0
    table = rows(tmp_path / "out")
    assert {row["found"] for row in table} == {"0"}
    assert 0.4 < float(table[-1]["seconds"]) < 3
    assert not (tmp_path / "out" / ".resume.json").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["webcam", "97", "--headless", "--out", "{}"], "there is no camera 97"),
        (["video", "none.mp4", "--headless"], "none.mp4: there is no such file"),
        (["video", "{}/empty.mp4", "--headless"], "the file is empty"),
        (["video", "{}/text.mp4", "--headless"], "this is no video that can be read"),
        (["video", "{}", "--headless"], "there are no pictures in this folder"),
        (["webcam", "http://127.0.0.1:9/x", "--headless"], "nothing answers there"),
        (["video", "x.mp4", "--headless", "--resume"], "name it with --out"),
        (["video", "x.mp4", "--headless", "--save", "csv"], "name that with --out"),
        (["video", "x.mp4", "--headless", "--detector-file", "f"], "hog detector takes no file"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, arguments, problem):
    if sys.platform != "linux" and "97" in arguments:
        pytest.skip("asks Linux's devices")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    assert main([a.format(tmp_path) for a in arguments]) == 2
    err = capsys.readouterr().err
    assert problem in err
    assert len(err.strip().splitlines()) == 1


def test_headless_without_a_folder_needs_an_end(capsys):
    with stream(lambda i: 0.02) as address:
        assert main(["webcam", address, "--headless"]) == 2
    assert "name a folder with --out" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have windows")
def test_without_a_window_system_it_says_what_to_do(clip, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["video", str(clip)]) == 2
    assert (
        "use --headless with --out FOLDER, or 'python -m fer_live web'" in capsys.readouterr().err
    )
    assert main(["video", "nowhere.mp4"]) == 2
    assert "nowhere.mp4" in capsys.readouterr().err  # the window is not what is wrong first
    monkeypatch.setenv("DISPLAY", ":987")
    start = time.monotonic()
    assert main(["video", str(clip)]) == 2
    assert "the display :987 can't be reached" in capsys.readouterr().err
    assert time.monotonic() - start < 60


def test_frames_in_a_folder_are_a_video(tmp_path, clip):
    for i, frame in enumerate(frames_of(clip)[:5]):
        cv2.imwrite(str(tmp_path / f"f{i}.png"), frame)
    for _ in range(2):  # the second time with a timeline among them
        assert run(tmp_path, tmp_path / "out", "--rate", "10", "--save", "timeline") == 0
        seconds = [row["seconds"] for row in rows(tmp_path / "out")]
        assert seconds == [f"0.{i}000" for i in range(5)]


def test_where_nobody_was_it_says_why_there_is_no_timeline(tmp_path, capsys):
    path = write_video(tmp_path / "empty.mp4", [np.full((240, 320, 3), 90, np.uint8)] * 3)
    for kind, said in (("csv", False), ("timeline", True)):
        assert run(path, tmp_path / "out", "--save", kind) == 0
        assert ("there is no timeline" in capsys.readouterr().out) is said
    assert not (tmp_path / "out" / "timeline.png").exists()


def test_options_say_what_they_need(capsys):
    for option, value in (("--detect-every", "0"), ("--threshold", "2"), ("--rate", "-1")):
        with pytest.raises(SystemExit):
            main(["video", "x.mp4", option, value])
        assert f"Got {value} instead" in capsys.readouterr().err


def test_the_default_model_is_the_live_one():
    parser = video.argparse.ArgumentParser()
    video.add_parsers(parser.add_subparsers())
    assert parser.parse_args(["webcam"]).model == "ensemble-live"
    assert parser.parse_args(["webcam"]).source == "0"


def test_pixels_that_are_not_square_are_made_so(clip):
    class Anamorphic:
        """A capture of television's wide pixels."""

        def __init__(self):
            self.capture = open_capture(str(clip))

        def get(self, what):
            known = {cv2.CAP_PROP_SAR_NUM: 64.0, cv2.CAP_PROP_SAR_DEN: 45.0}
            return known.get(what, self.capture.get(what))

        def __getattr__(self, name):
            return getattr(self.capture, name)

    plain = VideoFile(str(clip))
    width, height = plain.frame_size
    wide = VideoFile(str(clip), capture=Anamorphic())
    assert wide.frame_size == (round(width * 64 / 45), height)
    assert next(wide.frames()).image.shape[:2] == (height, round(width * 64 / 45))
    assert next(plain.frames()).image.shape[:2] == (height, width)
