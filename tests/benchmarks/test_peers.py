import sys
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.peer_environments import PeerEnvironment, PeerError
from benchmarks.peer_rows import Found, Pictures, crops_row, frames_row, make_pictures
from benchmarks.peers import PEERS, ask_peer, main, rows_table
from fer_core.labels import LABELS

#: Answers like a package that knows the labels in another order and always says happy.
SCRIPT = """
import sys
import numpy as np
given = np.load(sys.argv[1])
n, m = len(given["crops"]), len(given["frames"])
labels = ["happy", "angry", "disgust", "fear", "sad", "surprise", "neutral"]
proba = np.tile(np.array([4, 1, 1, 1, 1, 1, 1], "float32"), (n, 1))
np.savez(sys.argv[2], labels=np.array(labels), version=np.array("1.2"), default_proba=proba,
    default_ms=np.full(n, 2.0), frame_index=np.arange(m), frame_boxes=np.tile([0, 0, 640, 480.0],
    (m, 1)), frame_proba=proba[:m], frame_ms=np.full(m, 30.0))
"""


@pytest.fixture
def pictures(made_dataset):
    dataset = made_dataset(n=70)
    return make_pictures(dataset.faces, dataset.y, np.arange(70) < 7, np.arange(70), 10, seed=0)


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """A peer whose environment is this one."""
    script = tmp_path / "peer_made.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(PeerEnvironment, "python", lambda self, notify: sys.executable)
    environment = PeerEnvironment("made", ())
    return replace(
        PEERS["fer"],
        name="made",
        environment=environment,
        script=str(script),
        variants={"default": "made network"},
        trained_on="thin air: nothing",
    )


def test_labels_of_another_order_are_put_in_ours(peer, pictures):
    crops, frames = ask_peer(peer, pictures, lambda text: None)
    happy = (pictures.y == LABELS.index("happy")).mean()
    assert crops["accuracy"] == pytest.approx(happy, abs=1e-6)
    # 0.4 for the label that it says, and 0.1 for each other.
    expected = -np.log(0.4) * happy - np.log(0.1) * (1 - happy)
    assert crops["log_loss"] == pytest.approx(expected, abs=1e-5)
    assert (crops["version"], crops["machine"]["ms"]) == ("1.2", 2.0)
    assert frames["input"] == "frames"
    text = rows_table([crops, frames], "crops").markdown()
    assert "made network 1.2" in text
    assert "thin air" in text


def test_frames_count_what_is_not_found_as_errors():
    y = np.array([3, 3, 3, 3])
    true = np.tile(np.array([100, 100, 80, 80], np.float32), (4, 1))
    frames = np.zeros((4, 480, 640), np.uint8)
    copied = np.array([False, False, False, True])
    pictures = Pictures(np.zeros((4, 48, 48), np.uint8), y, copied, np.arange(4), frames, true)
    happy, sad = np.eye(7, dtype=np.float32)[[3, 4]]
    found = Found(
        # Frame 0: right, beside a stranger. Frame 1: only a stranger. Frame 2: nothing. Frame 3:
        # two overlap, and the one that overlaps more is wrong.
        index=np.array([0, 0, 1, 3, 3]),
        boxes=np.array(
            [
                [x, y, 80, 80]
                for x, y in ((300, 300), (105, 105), (300, 100), (120, 120), (101, 101))
            ],
            np.float32,
        ),
        proba=np.array([sad, happy, happy, happy, sad]),
        ms=np.array([10.0, 20.0, 30.0, 40.0]),
    )
    row = frames_row(found, pictures)
    assert row["accuracy"] == 0.25
    assert row["found"] == 0.5
    assert row["accuracy_on_found"] == 0.5
    assert row["false_faces"] == 2
    assert row["without_copies"] == pytest.approx(1 / 3, abs=1e-6)
    assert row["machine"]["ms"] == 25.0
    low, high = row["interval"]
    assert 0 <= low < 0.1
    assert 0.75 <= high < 0.85


def test_crops_without_copies(pictures):
    proba = np.full((70, 7), 0.1, np.float32)
    proba[np.arange(70), pictures.y] = 0.4
    wrong = np.flatnonzero(pictures.copied)[:3]
    proba[wrong] = np.roll(proba[wrong], 1, axis=1)
    row = crops_row(proba, pictures, "made", np.ones(70))
    assert row["accuracy"] == pytest.approx(67 / 70, abs=1e-6)
    assert row["without_copies"] == 1.0


def test_frames_hold_the_first_crops(pictures):
    for frame, box, crop in zip(pictures.frames, pictures.true_boxes, pictures.crops, strict=False):
        left, top, side = box[:3].astype(int)
        pasted = frame[top : top + side, left : left + side]
        assert abs(pasted.mean() - crop.mean()) < 6


def test_command_writes_all(peer, monkeypatch, made_dataset, measured_job, tmp_path, capsys):
    monkeypatch.setattr(peers, "load_dataset", lambda args: made_dataset())
    monkeypatch.setattr(peers, "PEERS", MappingProxyType({"made": peer}))
    out = tmp_path / "out"
    store = str(measured_job.folder.models)
    argv = ["made", "--store", store, "--models", "right", "--frames", "2", "--out", str(out)]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "| made network 1.2 |" in printed
    assert "| right |" in printed
    for name in ("peers.json", "peers.md", "peers.html"):
        assert "made network" in (out / name).read_text()


def test_failing_scripts_are_one_sentence(peer, pictures, tmp_path):
    (tmp_path / "peer_made.py").write_text("raise RuntimeError('no model file')")
    with pytest.raises(PeerError, match=r"'made' failed \(RuntimeError: no model file\)"):
        ask_peer(peer, pictures, lambda text: None)


def test_environments_are_made_once_and_anew_when_requirements_change(monkeypatch):
    installed = []

    def create(folder, with_pip):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").touch()

    monkeypatch.setattr("benchmarks.peer_environments.venv.create", create)
    monkeypatch.setattr(
        PeerEnvironment, "_install", lambda self, python, packages: installed.append(packages)
    )
    monkeypatch.setattr("benchmarks.peer_environments.os.name", "posix")
    environment = PeerEnvironment("made", ("a<2", "b"), ("c==1",))
    python = environment.python(lambda text: None)
    assert installed == [["a<2", "b"], ["--no-deps", "c==1"]]
    assert environment.python(lambda text: None) == python
    assert len(installed) == 2
    replace(environment, alone=()).python(lambda text: None)
    assert len(installed) == 3


def test_failing_installations_are_one_sentence(monkeypatch, tmp_path):
    environment = PeerEnvironment("made", ("no-such-package-of-ours==9",))

    def create(folder, with_pip):
        (folder / "bin").mkdir(parents=True)
        python = folder / "bin" / "python"
        python.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found' >&2\nexit 1\n")
        python.chmod(0o755)

    monkeypatch.setattr("benchmarks.peer_environments.venv.create", create)
    with pytest.raises(PeerError, match=r"could not be installed.*No matching distribution"):
        environment.python(lambda text: None)
    # What is half made is not taken for a finished environment the next time.
    with pytest.raises(PeerError):
        environment.python(lambda text: None)


@pytest.mark.parametrize(
    ("argv", "words"),
    [(["ferr"], "Did you mean 'fer'?"), (["--frames", "-1"], "--frames must be 0 or more")],
)
def test_wrong_options_are_one_sentence(capsys, argv, words):
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
