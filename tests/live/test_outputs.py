"""What a run leaves in its folder: whole rows on a full disk, and going on after any end."""

import errno
import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from fer_core.errors import DataError
from fer_core.labels import LABELS
from fer_core.model_entry import PIPELINE_LOADER, ModelEntry
from fer_core.model_store import ModelStore
from fer_landmarks.serving import save_pipeline
from fer_live import outputs, session, video
from fer_live.__main__ import main
from fer_live.face import FrameResult
from fer_live.outputs import Outputs
from fer_live.rows import JsonLinesFormat
from fer_live.sources import Frame, open_source

from .runs import frames_of, rows, run
from .videos import stream, until, write_video

pytestmark = pytest.mark.usefixtures("shipped")


def counts(out):
    record = json.loads((out / "run.json").read_text())
    return [record[name] for name in ("frames", "frames without a face", "faces")]


def test_interrupted_and_resumed_is_as_unbroken(tmp_path, clip, monkeypatch, capsys):
    assert run(clip, tmp_path / "whole") == 0
    out = tmp_path / "broken"
    for stop_at, options in ((13, []), (27, ["--resume"])):
        with monkeypatch.context() as patch:
            take = session.Session._take

            def until_then(self, frame, take=take, stop_at=stop_at):
                if frame.number == stop_at:
                    raise KeyboardInterrupt
                return take(self, frame)

            patch.setattr(session.Session, "_take", until_then)
            assert run(clip, out, *options) == 130
            assert "Go on with --resume" in capsys.readouterr().out
    assert run(clip, out) == 2
    assert "an unfinished run is there; go on with --resume" in capsys.readouterr().err
    assert run(clip, out, "--resume", "--scheme", "valence3", "--threshold", "0.9") == 2
    assert "has another threshold (0.5 instead of 0.9)" in capsys.readouterr().err
    assert run(clip, out, "--resume") == 0
    for name in ("faces.csv", "faces.jsonl"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert counts(out) == counts(tmp_path / "whole") == [40, 5, 1]
    parts = [len(frames_of(out / f"annotated{part}.mkv")) for part in ("", "-2", "-3")]
    assert parts == [13, 14, 13]
    assert run(clip, out, "--resume") == 0
    assert "finished already" in capsys.readouterr().out
    rows = (out / "faces.csv").read_bytes()
    assert run(clip, out, "--resume", "--threshold", "0.9") == 2
    assert "has another threshold" in capsys.readouterr().err
    assert (out / "faces.csv").read_bytes() == rows
    assert counts(out) == [40, 5, 1]


def test_a_folder_with_broken_pictures_goes_on_where_its_video_ends(tmp_path, monkeypatch):
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    for i in range(40):
        content = cv2.imencode(".png", np.full((120, 160), 5 * i, np.uint8))[1].tobytes()
        (folder / f"{i:02}.png").write_bytes(content if i % 3 else b"broken")
    monkeypatch.setattr(outputs, "CHECKPOINT_SECONDS", 0)
    options = ["--skip-broken", "--rate", "2", "--save", "csv", "video"]
    with monkeypatch.context() as patch:
        take = session.Session._take

        def until_then(self, frame):
            if frame.number == 31:
                raise KeyboardInterrupt
            return take(self, frame)

        patch.setattr(session.Session, "_take", until_then)
        assert run(folder, out, *options) == 130
    before = (out / "annotated.mkv").read_bytes()
    assert run(folder, out, "--resume", *options) == 0
    assert (out / "annotated.mkv").read_bytes() == before
    shown = [
        round(frame[60, 80].mean() / 5)
        for part in ("", "-2")
        for frame in frames_of(out / f"annotated{part}.mkv")
    ]
    assert np.abs(np.subtract(shown, [i for i in range(40) if i % 3])).max() <= 1


def test_interrupted_within_a_frame_and_resumed_is_as_unbroken(tmp_path, clip, monkeypatch):
    options = ["--save", "csv", "jsonl"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(clip, whole, *options) == 0
    monkeypatch.setattr(outputs, "CHECKPOINT_SECONDS", 0)
    with monkeypatch.context() as patch:
        write = JsonLinesFormat.rows

        def until_then(self, frame, result):
            if frame.number == 13:  # followed and counted, and maybe in the other table
                raise KeyboardInterrupt
            return write(self, frame, result)

        patch.setattr(JsonLinesFormat, "rows", until_then)
        assert run(clip, broken, *options) == 130
    assert run(clip, broken, "--resume", *options) == 0
    for name in ("faces.csv", "faces.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert counts(broken) == counts(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="kills as Unix does")
def test_killed_and_resumed_is_as_unbroken(tmp_path, astronaut):
    # A process of its own with a stored model, killed without warning.
    store = ModelStore(tmp_path / "store")
    model = DummyClassifier(strategy="prior").fit(
        np.zeros((14, 48, 48), np.uint8), [3] * 8 + [*range(6)]
    )
    entry = ModelEntry("mine", "landmarks", PIPELINE_LOADER, "fer7", LABELS, tuple(range(6)))
    store.add(entry, save_pipeline(model, tmp_path), model)
    her = astronaut[20:220, 130:330]
    frames = []
    for i in range(150):
        frame = np.full((240, 320, 3), 90, np.uint8)
        x = 20 + round(40 * (1 + np.sin(i / 15)))
        frame[20:220, x : x + 200] = her
        frames.append(frame)
    source = write_video(tmp_path / "clip.avi", frames, coding="MJPG")
    command = [sys.executable, "-c", _IMPATIENT, "video", str(source), "--headless"]
    command += ["--models", str(store.root), "--model", "mine", "--save", "csv", "jsonl", "video"]

    def start(out, *options):
        return subprocess.Popen(
            [*command, "--out", str(out), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = start(whole)
    process = start(broken)
    table = broken / "faces.csv"
    assert until(lambda: table.exists() and table.read_bytes().count(b"\n") > 60, 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (broken / ".resume.json").exists()
    _, errors = unbroken.communicate()
    assert unbroken.returncode == 0, errors
    resumed = start(broken, "--resume")
    _, errors = resumed.communicate()
    assert resumed.returncode == 0, errors
    for name in ("faces.csv", "faces.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert counts(broken) == counts(whole) == [150, 0, 1]
    parts = sorted(broken.glob("annotated*.mkv"))
    assert sum(len(frames_of(part)) for part in parts) == 150


#: The command with a checkpoint after every few frames.
_IMPATIENT = """
import sys
from fer_live import outputs
from fer_live.__main__ import main
outputs.CHECKPOINT_SECONDS = 0.05
sys.exit(main(sys.argv[1:]))
"""


def test_without_a_window_an_older_runs_results_stay(tmp_path, clip, monkeypatch, capsys):
    class NoWindow:
        def check(self):
            raise DataError("no window can be opened")

        def cancel(self):
            pass

    monkeypatch.setattr(video, "WindowProbe", NoWindow)
    for name in (".resume.json", "faces.csv", "run.json"):
        (tmp_path / name).write_text("{}")
    assert main(["video", str(clip), "--out", str(tmp_path), "--restart"]) == 2
    assert "no window can be opened" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["{}"] * 3


def test_a_run_begun_anew_is_not_finished_by_the_older_record(tmp_path, clip):
    job = {"source": str(clip)}

    def begin(**options):
        return Outputs(tmp_path, ["csv"], open_source(str(clip)), job, LABELS, **options)

    begin().close({}, finished=True)
    assert begin(resume=True).finished
    begin()  # and killed before its first frame: what was there is whole still
    assert begin(resume=True).finished
    frame = next(open_source(str(clip)).frames())
    begin().write(frame, FrameResult([], 0.0, {"total": 1.0}), lambda: frame.image)  # and after it
    assert not begin(resume=True).finished


def test_what_can_give_no_frame_spoils_no_results(tmp_path, clip, capsys):
    out = tmp_path / "out"
    assert run(clip, out, "--save", "csv", "jsonl", "video", "timeline") == 0
    (out / "annotated-mine.mkv").write_bytes(b"somebody's own")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "words.avi").write_bytes(b"no video at all")
    assert run(tmp_path / "words.avi", out) == 2
    assert "Go on with --resume" not in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(clip, out, "--save", "csv") == 0  # takes the place of all but what is not ours
    names = {path.name for path in out.iterdir()}
    assert names == {"faces.csv", "run.json", "annotated-mine.mkv"}


def test_terminated_is_interrupted(tmp_path, monkeypatch):
    def terminated(session):
        os.kill(os.getpid(), signal.SIGTERM)
        yield

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(video, "_progress", terminated)
    with stream(lambda i: 0.02) as address:
        assert run(address, tmp_path, "--save", "csv") == 0
    assert json.loads((tmp_path / "run.json").read_text())["frames"] == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_nobody_foresaw_is_recorded_too(tmp_path, monkeypatch):
    def failing(session):
        raise RuntimeError("the detector broke")
        yield

    monkeypatch.setattr(video, "_progress", failing)
    with stream(lambda i: 0.02) as address, pytest.raises(RuntimeError, match="detector broke"):
        run(address, tmp_path, "--save", "csv")
    assert json.loads((tmp_path / "run.json").read_text())["problem"] == "the detector broke"


def test_the_record_does_not_wait_for_the_timeline(tmp_path, clip, monkeypatch):
    def interrupted(table, path, name):
        assert (tmp_path / "run.json").exists()
        raise KeyboardInterrupt

    options = ["--save", "csv", "timeline"]
    with monkeypatch.context() as patch:
        patch.setattr(outputs, "draw_timeline", interrupted)
        assert run(clip, tmp_path, *options) == 130
    assert json.loads((tmp_path / "run.json").read_text())["frames"] == len(rows(tmp_path)) > 0
    assert run(clip, tmp_path, "--resume", *options) == 0  # which draws it
    assert (tmp_path / "timeline.png").exists()


def test_a_camera_of_many_frames_does_not_fill_the_video_with_copies(tmp_path, astronaut):
    source = SimpleNamespace(name="c", live=True, rate=120.0)
    out = Outputs(tmp_path, ["video"], source, {}, LABELS)
    for number in range(3):
        frame = Frame(number, number / 2, astronaut)
        out.write(frame, FrameResult([], frame.seconds, {"total": 1.0}), lambda: astronaut)
    out.close({}, finished=True)
    assert len(frames_of(tmp_path / "annotated.mkv")) == 1 + outputs.LIVE_RATE


def test_after_a_broken_picture_it_goes_on(tmp_path, clip, capsys):
    frames = tmp_path / "frames"
    frames.mkdir()
    for i, frame in enumerate(frames_of(clip)[:6]):
        cv2.imwrite(str(frames / f"{i}.png"), frame)
    options = ["--save", "csv"]
    assert run(frames, tmp_path / "whole", *options) == 0
    capsys.readouterr()
    good = (frames / "3.png").read_bytes()
    (frames / "3.png").write_bytes(good[:100])
    assert run(frames, tmp_path / "broken", *options) == 2
    said = capsys.readouterr()
    assert "Go on with --resume" in said.out
    assert "3.png" in said.err
    assert "--skip-broken leaves out" in said.err
    assert len(rows(tmp_path / "broken")) == 3
    (frames / "3.png").write_bytes(good)
    assert run(frames, tmp_path / "broken", "--resume", *options) == 0
    tables = [(tmp_path / out / "faces.csv").read_bytes() for out in ("whole", "broken")]
    assert tables[0] == tables[1]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's limits")
def test_a_full_disk_is_one_sentence_and_rows_stay_whole(tmp_path, clip, capsys, monkeypatch):
    import resource

    monkeypatch.setattr(outputs, "CHECKPOINT_SECONDS", 1e9)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        assert run(clip, tmp_path, "--save", "csv") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert f"{tmp_path / 'faces.csv'}: File too large" in capsys.readouterr().err
    content = (tmp_path / "faces.csv").read_bytes()
    assert 4000 < len(content) <= 5000
    assert content.endswith(b"\n")
    assert [int(row["frame"]) for row in rows(tmp_path)] == list(range(content.count(b"\n") - 1))


def test_a_nearly_full_disk_ends_the_video_readably(tmp_path, clip, capsys, monkeypatch):
    from fer_live import annotated_video

    looks = iter([10**9] * 3 + [10**6] * 9)
    monkeypatch.setattr(annotated_video, "_LOOK_EVERY", 10)
    monkeypatch.setattr(
        annotated_video.shutil, "disk_usage", lambda _: type("Usage", (), {"free": next(looks)})
    )
    assert run(clip, tmp_path) == 2
    assert "annotated.mkv: the disk is nearly full" in capsys.readouterr().err
    assert len(frames_of(tmp_path / "annotated.mkv")) == 20
    assert len(rows(tmp_path)) == 21


def test_a_camera_run_on_a_full_disk_is_recorded_and_not_resumed(tmp_path, capsys, monkeypatch):
    write = Outputs.write

    def until_full(self, frame, *rest):
        if frame.number >= 3:
            raise OSError(errno.ENOSPC, "No space left on device", "faces.csv")
        write(self, frame, *rest)

    monkeypatch.setattr(Outputs, "write", until_full)
    with stream(lambda i: 0.02) as address:
        options = ["--headless", "--out", str(tmp_path), "--save", "csv"]
        assert main(["webcam", address, *options]) == 2
    said = capsys.readouterr()
    assert "No space left on device" in said.err
    assert "--resume" not in said.out
    record = json.loads((tmp_path / "run.json").read_text())
    assert "No space left on device" in record["problem"]
