import json
from time import perf_counter, sleep

import numpy as np
import pytest

from benchmarks import speed
from benchmarks.cold_start import measure_start
from benchmarks.interleaving import Work, time_in_turns
from benchmarks.speed import main, speed_figure
from benchmarks.stages import Group, classifier_groups, descriptor_group, face_group, photograph
from fer_core.datasets.demo import load_demo
from fer_core.detectors import make_detector
from fer_core.errors import FerError


def quiet(text):
    pass


def spin(seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


def test_everything_runs_in_every_round_in_another_order():
    calls = []
    works = [Work(name, lambda n=name: (calls.append(n), sleep(0.011))) for name in "abcd"]
    time_in_turns(works, 6, quiet)
    assert sorted(calls[:8]) == sorted("abcd" * 2)  # warmed up, and how often to repeat
    rounds = [calls[8 + 4 * i : 12 + 4 * i] for i in range(6)]
    assert all(sorted(r) == list("abcd") for r in rounds)
    assert len({tuple(r) for r in rounds}) > 1


def test_times_are_of_one_item_and_ratios_of_the_first():
    works = [
        Work("slow", lambda: spin(0.02)),
        Work("several", lambda: spin(0.02), items=10),
    ]
    slow, several = time_in_turns(works, 3, quiet)
    assert slow["ratio"] == 1
    assert slow["low"] <= slow["ms"] <= slow["high"]
    # A busy machine makes both longer; a tenth and a whole are never mistaken for each other.
    assert several["ratio"] < 0.5
    assert several["ms"] < slow["high"]


def test_ratios_survive_a_busy_moment(monkeypatch):
    """Both works take three times as long in two of five rounds."""
    clock = {"now": 0.0, "calls": 0}

    def work(seconds):
        busy = 3 if 4 <= clock["calls"] < 8 else 1
        clock["now"] += seconds * busy
        clock["calls"] += 1

    monkeypatch.setattr("benchmarks.interleaving.perf_counter", lambda: clock["now"])
    rows = time_in_turns([Work("a", lambda: work(0.2)), Work("b", lambda: work(0.4))], 5, quiet)
    assert rows[1]["ratio"] == pytest.approx(2)
    assert rows[0]["ms"] == pytest.approx(200)


def test_slow_work_is_timed_in_the_first_rounds_only(monkeypatch):
    clock = {"now": 0.0}
    calls = []

    def work(name, seconds):
        clock["now"] += seconds
        calls.append(name)

    monkeypatch.setattr("benchmarks.interleaving.perf_counter", lambda: clock["now"])
    works = [Work("quick", lambda: work("quick", 0.5)), Work("slow", lambda: work("slow", 4))]
    quick, slow = time_in_turns(works, 7, quiet)
    assert (calls.count("quick"), calls.count("slow")) == (9, 5)
    assert (quick["ratio"], slow["ratio"], slow["ms"]) == (1.0, 8.0, 4000)


def test_the_photograph_has_one_face():
    frame = photograph()
    assert frame.shape == (480, 640, 3)
    assert len(make_detector("hog").detect(frame)) == 1


def test_stages_do_what_they_say():
    faces = load_demo().faces[:4]
    landmarks, crop, ready = (work.call() for work in face_group(photograph(), faces).works)
    assert landmarks.shape == ready.shape == (1, 68, 2)
    assert crop.shape == (1, 48, 48)
    group = descriptor_group(faces, 3)
    for work in group.works:
        assert work.items == 3
        assert work.call().shape == (3, int(work.note.split()[0].replace(",", "")))


def test_classifiers_are_fitted_and_answer(monkeypatch):
    monkeypatch.setattr("benchmarks.stages._FITTED", 100)
    monkeypatch.setattr(
        "fer_landmarks.list_pipelines",
        lambda: dict.fromkeys(["hog-svm", "fusion-logistic", "fusion-lda"], ""),
    )
    one, batch = classifier_groups(quiet)
    assert [work.name for work in one.works] == ["lda", "logistic"]
    for work in one.works + batch.works:
        proba = work.call()
        assert proba.shape == (work.items, 7)
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


def test_cold_starts_are_processes_of_their_own():
    found = measure_start(["pipeline", "hog-svm"])
    assert set(found["steps"]) == {"import", "make"}
    assert found["seconds"] > sum(found["steps"].values())
    assert found["peak_mb"] is None or found["peak_mb"] > 20


def test_failed_cold_starts_are_one_sentence():
    with pytest.raises(FerError, match=r"a cold start \(pipeline hog-smv\) failed.*hog-svm"):
        measure_start(["pipeline", "hog-smv"])


def test_command_writes_all(monkeypatch, measured_job, tmp_path, capsys):
    faces = load_demo().faces[:2]
    monkeypatch.setattr(speed, "BATCH", 2)
    monkeypatch.setattr(speed, "detector_group", lambda frame: Group("d", "Find", []))
    for name in ("detector_group", "face_group", "descriptor_group"):
        monkeypatch.setattr(
            speed, name, lambda *a: Group("g", "Count", [Work("sum", lambda: faces.sum())])
        )
    started = {"seconds": 2.0, "steps": {"import": 1.0, "first label": 0.5}, "peak_mb": 80.0}
    monkeypatch.setattr(speed, "measure_start", lambda arguments: started)
    out = tmp_path / "speed"
    argv = ["--store", str(measured_job.folder.models), "--models", "left,right", "--rounds", "2"]
    assert main([*argv, "--only", "stages,models,frames,start", "--out", str(out)]) == 0
    content = json.loads((out / "speed.json").read_text())
    names = [group["name"] for group in content["groups"]]
    assert names == ["g", "g", "g", "g", "models-1", "models-2", "frame", "frames"]
    models = content["groups"][4]["rows"]
    assert [row["name"] for row in models] == ["left", "right"]
    assert all(row["ms"] > 0 for row in models)
    starts = {start["name"]: start for start in content["starts"]}
    assert starts["first label, right"]["steps"]["first label"] == 0.5
    assert content["hardware"]["cores"]
    printed = capsys.readouterr().out
    assert "| first label, left | 2.00 |" in printed
    for name in ("speed.md", "speed.html", "speed.png"):
        assert (out / name).stat().st_size > 1000


def test_live_is_handed_over(monkeypatch):
    from benchmarks import live_speed

    monkeypatch.setattr(live_speed, "main", lambda words: 40 + len(words))
    assert main(["live", "--frames", "3"]) == 42


def test_figure_has_a_panel_a_group():
    row = {"name": "a", "ms": 1.0, "low": 0.9, "high": 1.2, "ratio": 1.0, "note": ""}
    groups = [
        {"name": n, "title": n, "note": "", "rows": [row, {**row, "name": "b"}]} for n in "xy"
    ]
    figure = speed_figure(groups)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["x", "y"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--only", "stage"], "--only knows stages"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--models", "ensembel"], "Did you mean 'ensemble'?"),
    ],
)
def test_wrong_options_are_one_sentence(capsys, argv, words):
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
