import json
import os
import sys
from itertools import pairwise

import pytest

from benchmarks import growth
from benchmarks.growth import Limits, main
from benchmarks.growth_points import Growth, Point
from benchmarks.growth_report import _spread, growth_table
from benchmarks.worker import TaskStopped

SIZES = (1000, 4000, 16000)


def made(name="p", time=1.0, memory=1.0, prediction=0.0, sizes=SIZES):
    """Points of a pipeline that grows with these exponents."""
    return [
        Point(
            name,
            n,
            False,
            "measured",
            figures={
                "fit_seconds": 2 * (n / 1000) ** time,
                "base_mb": 100.0,
                "fit_mb": 100 + 50 * (n / 1000) ** memory,
                "ms_per_face_batch": (n / 1000) ** prediction,
            },
        )
        for n in sizes
    ]


def test_what_grows_with_the_square_shows_at_the_largest_sizes():
    sizes = (1000, 4000, 16_000, 26_000)
    points = [
        Point(
            "p",
            n,
            False,
            "measured",
            "",
            {"base_mb": 0.0, "fit_mb": 400 + 0.08 * n + 1.5e-5 * n**2},
        )
        for n in sizes
    ]
    assert Growth("p", points).memory_exponent > 1.5


def test_exponents_are_those_of_the_figures():
    found = Growth("p", made(time=1.1, memory=0.9, prediction=0.1))
    assert found.time_exponent == pytest.approx(1.1)
    assert found.memory_exponent == pytest.approx(0.9)
    assert found.prediction_exponent == pytest.approx(0.1)
    assert found.verdict() == "yes"
    assert found.seconds_at(160_000) == pytest.approx(2 * 160**1.1)


def test_extrapolation_is_at_least_linear():
    found = Growth("p", made(time=0.2, memory=0.5))
    assert found.seconds_at(160_000) == pytest.approx(10 * found.points[-1].seconds)
    assert found.gib_at(160_000) * 1024 == pytest.approx(500 * 16**0.5)


@pytest.mark.parametrize(
    ("exponents", "verdict"),
    [
        ({"time": 2.0}, "no: fit time grows as n^2.0"),
        ({"memory": 2.0}, "no: memory grows as n^2.0"),
        ({"prediction": 1.0}, "no: prediction time grows as n^1.0"),
        ({"sizes": (1000, 2000, 4000)}, "unknown"),
    ],
)
def test_verdict_says_what_is_not_linear(exponents, verdict):
    assert Growth("p", made(**exponents)).verdict() == verdict


def test_nothing_is_said_of_how_a_pipeline_goes_on_that_failed():
    points = [*made(), Point("p", 10**6, False, "failed", "it broke")]
    assert Growth("p", points).verdict() == "unknown"


def test_a_stopped_fit_is_shown_as_stopped():
    points = [*made(), Point("p", 25_000, False, "stopped", "more than 12 GiB")]
    points.append(Point("p", 50_000, True, "not tried", "stopped at 25,000"))
    row = [cell.text for cell in growth_table(points).rows[0]]
    assert row[4:6] == ["stopped: more than 12 GiB", "not tried: stopped at 25,000"]
    assert "no: more than 12 GiB at 25,000" in row


@pytest.mark.parametrize("wanted", [[0.5, 0.5, 0.5], [0.0, 0.0, 0.9], [0.1, 0.95, 1.0, 1.0]])
def test_names_lie_apart_in_order_and_inside(wanted):
    places = _spread(wanted, 0.1)
    assert all(b - a > 0.0999 for a, b in pairwise(places))
    assert places[0] >= 0
    assert places[-1] <= 1
    assert _spread([0.2, 0.6], 0.1) == [0.2, 0.6]


def test_limits_tell_what_was_too_much():
    assert Limits(minutes=0).watch()(os.getpid()) == "more than 0 minutes"
    assert Limits().watch()(os.getpid()) is None
    if sys.platform == "linux":
        assert Limits(gib=0.001).watch()(os.getpid()) == "more than 0.001 GiB"


@pytest.fixture
def command(tmp_path, monkeypatch, made_dataset):
    """Runs the command on made-up faces, in this process; returns the file and the fits made."""
    monkeypatch.setattr(growth, "load_dataset", lambda args: made_dataset(n=280, noise=10))
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "cache"))
    fits = []

    def run_task(task, log, notify, watch):
        fits.append(len(task.args[1]))
        task(notify)

    monkeypatch.setattr(growth, "run_task", run_task)

    def run(*options):
        fits.clear()
        code = main(["--models", "hog-svm", "--sizes", "60", "--out", str(tmp_path), *options])
        return code, fits, json.loads((tmp_path / "growth.json").read_text())

    return run


def test_command_measures_each_size_once(command, tmp_path, capsys):
    code, fits, content = command("--largest", "100")
    assert (code, len(fits)) == (0, 1)
    assert fits[0] == pytest.approx(60, abs=5)
    code, fits, content = command()
    n = fits[0]
    assert (code, fits) == (0, [n, 2 * n])  # all, and with their mirror images
    assert [p["status"] for p in content["points"]] == ["measured"] * 3
    assert [p["mirrored"] for p in content["points"]] == [False, False, True]
    figures = content["points"][-1]["figures"]
    assert figures["accuracy"] > 0.3  # a seventh by chance
    assert all(figures[key] > 0 for key in ("fit_seconds", "fit_cpu_seconds", "ms_per_face"))
    assert command()[1] == []
    assert "measured before" in capsys.readouterr().out
    for name in ("growth.md", "growth.html", "growth.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert "hog-svm" in (tmp_path / "growth.md").read_text()


def test_sizes_beyond_a_stopped_one_are_not_tried(command, monkeypatch, capsys):
    def stopping(task, log, notify, watch):
        raise TaskStopped("more than 12 GiB")

    monkeypatch.setattr(growth, "run_task", stopping)
    code, _, content = command()
    assert code == 0
    assert [p["status"] for p in content["points"]] == ["stopped", "not tried", "not tried"]
    assert "stopped, more than 12 GiB" in capsys.readouterr().out


def test_other_conditions_are_not_mixed(command, capsys):
    command("--largest", "100")
    assert command("--largest", "100", "--max-gib", "8")[0] == 2
    assert "other limits" in capsys.readouterr().err
    assert command("--largest", "100", "--max-gib", "8", "--again")[0] == 0
    assert command("--largest", "10", "--max-gib", "8")[0] == 2
    assert "the smallest size is" in capsys.readouterr().err
