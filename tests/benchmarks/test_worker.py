"""Tasks in processes of their own; what they call must be importable there."""

import operator
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks.candidates import Classical
from benchmarks.measuring import fit_and_measure, load_back
from benchmarks.results import load_result
from benchmarks.worker import TaskError, TaskStopped, run_task


def test_a_model_is_fitted_in_its_own_process(job, linear):
    told = []
    run_task(partial(fit_and_measure, job, linear("m")), job.folder.log("m"), told.append)
    assert told[0] == f"fitting on {len(job.split.fitting)} pictures"
    assert load_result(job.folder.result("m")).machine["peak_memory_mb"] > 10


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (partial(operator.truediv, 1, 0), "ZeroDivisionError"),
        (partial(os._exit, 3), r"died \(exit code 3\)"),
    ],
)
def test_a_failure_is_one_sentence_with_a_log(job, make, words):
    log = job.folder.log("m")
    with pytest.raises(TaskError, match=words) as caught:
        run_task(partial(fit_and_measure, job, Classical("m", make)), log, lambda text: None)
    assert str(log) in str(caught.value)
    assert not job.folder.result("m").exists()


def test_an_error_for_people_stays_as_it_is(job):
    with pytest.raises(TaskError, match="saved probabilities"):
        run_task(partial(load_back, job, ["none"]), job.folder.log("x"), lambda text: None)


def test_a_process_that_the_system_kills_was_stopped(job):
    killed = Classical("m", partial(signal.raise_signal, signal.SIGKILL))
    with pytest.raises(TaskStopped, match="want of memory"):
        run_task(partial(fit_and_measure, job, killed), job.folder.log("m"), lambda text: None)


def test_a_task_that_takes_too_much_is_stopped(job):
    asked = []

    def watch(process):
        asked.append(process)
        return "more than 12 GiB" if len(asked) == 2 else None

    endless = partial(fit_and_measure, job, Classical("m", partial(time.sleep, 600)))
    with pytest.raises(TaskStopped, match=r"^more than 12 GiB$"):
        run_task(endless, job.folder.log("m"), lambda text: None, watch)
    assert asked[0] == asked[1] != os.getpid()


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _die():
    signal.raise_signal(signal.SIGKILL)


def _with_a_helper(note, end):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note.write_text(str(helper.pid))
    end()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("end", [partial(time.sleep, 600), _die])
def test_nothing_that_a_stopped_task_has_started_stays(job, tmp_path, end):
    note = tmp_path / "pid"

    def watch(process):
        return "enough" if note.exists() and note.read_text() else None

    task = partial(_with_a_helper, note, end)
    with pytest.raises(TaskStopped):
        run_task(partial(_run, task), job.folder.log("m"), lambda text: None, watch)
    helper = int(note.read_text())
    deadline = time.monotonic() + 30
    while _alive(helper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(helper)


def _run(work, notify):
    work()
