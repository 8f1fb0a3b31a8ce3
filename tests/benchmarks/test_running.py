from argparse import Namespace
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks import run as run_module
from benchmarks.budget import Budget
from benchmarks.candidates import TTA
from benchmarks.running import run
from benchmarks.worker import TaskError
from fer_core.errors import DataError
from fer_landmarks import DenseHog, LbpHistograms

pytestmark = pytest.mark.usefixtures("in_process", "undrawn")


@pytest.fixture
def console():
    return Console(file=open("/dev/null", "w"))


def test_each_of_two_families_has_an_ensemble(job, linear, console):
    looks = (("a", LbpHistograms), ("b", DenseHog))
    networks = [replace(linear(name, features=f), family="cnn") for name, f in looks]
    both = [*networks, linear("left", C=0.01)]
    budgets = {
        "ensemble": Budget(),
        "ensemble-cnn": Budget(family="cnn"),
        "ensemble-landmarks": Budget(family="landmarks"),
    }
    run(job, both, budgets, resume=False, console=console)
    results = {r.name: r.model for r in job.folder.results()}
    assert set(results) == {"a", "b", "left", "ensemble", "ensemble-cnn"}  # left is alone
    assert {m["name"] for m in results["ensemble-cnn"]["members"]} == {"a", "b"}
    assert results["ensemble-cnn"]["description"].endswith("networks")
    run(job, networks, budgets, resume=True, console=console)
    assert job.folder.finished("ensemble-cnn")
    # A budget that no model of a family fits is no failure of the run.
    tight = run_module._ensembles(Namespace(max_ms=1e-9, max_mb=None))
    run(job, both, {"ensemble-cnn": tight["ensemble-cnn"]}, resume=True, console=console)
    assert job.folder.finished("ensemble-cnn")


def test_one_failed_model_leaves_the_others(job, linear, console, monkeypatch):
    def broken(task, log, notify):
        if "broken" in str(log):
            raise TaskError("it broke")
        task(notify)

    monkeypatch.setattr("benchmarks.running.run_task", broken)
    with pytest.raises(TaskError, match=r"1 of 2 models failed: broken \(it broke\)"):
        run(job, [linear("broken"), linear("good")], {}, resume=False, console=console)
    assert job.folder.finished("good")
    assert (job.folder.root / "report.html").exists()


def test_model_with_other_classes_is_refused(made_dataset, made_job, linear, tmp_path, console):
    dataset = made_dataset()
    job = made_job(tmp_path / "run", dataset)
    fitting = job.split.fitting
    lacking = replace(job, split=replace(job.split, fitting=fitting.subset(fitting.y < 6)))
    with pytest.raises(DataError, match=r"has classes \[0, 1, 2, 3, 4, 5\]"):
        run(lacking, [linear("six")], {}, resume=False, console=console)
    assert not job.folder.result("six").exists()


def test_looks_at_faces_are_of_the_model_that_there_is(job, linear, console, monkeypatch):
    def tta(base):
        store = job.store()
        return TTA(f"{base.name}-tta", base.name, store, base.family, base.loader, base.licence)

    base = linear("left", C=0.01)
    run(job, [base, tta(base)], {}, resume=False, console=console)
    before = job.folder.probabilities("left-tta").read_bytes()
    # The base alone is fitted anew; what was measured of the former goes.
    other = linear("left", C=10.0)
    run(job, [other], {}, resume=False, console=console)
    assert job.folder.names() == ["left"]
    run(job, [other, tta(other)], {}, resume=True, console=console)
    assert job.folder.probabilities("left-tta").read_bytes() != before

    def broken(task, log, notify):
        if log.stem == "left":
            raise TaskError("it broke")
        task(notify)

    monkeypatch.setattr("benchmarks.running.run_task", broken)
    third = [linear("left"), tta(base), linear("right")]
    with pytest.raises(TaskError, match=r"2 of 3 .*left-tta \(there is no finished left\)"):
        run(job, third, {}, resume=False, console=console)
    assert job.folder.names() == ["right"]
