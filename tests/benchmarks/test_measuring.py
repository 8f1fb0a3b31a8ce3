from dataclasses import replace

from benchmarks.measuring import fit_and_measure, time_again
from benchmarks.results import load_result, save_result


def test_speed_can_be_measured_again_without_changing_figures(job, linear):
    fit_and_measure(job, linear("linear"), lambda text: None)
    path = job.folder.result("linear")
    before = load_result(path)
    elsewhere = {**before.machine, "ms_per_face": 1e6, "hardware": {"processor": "abacus"}}
    save_result(path, replace(before, machine=elsewhere))
    time_again(job, "linear", lambda text: None)
    after = load_result(path)
    assert 0 < after.machine["ms_per_face"] < 1e6
    assert after.machine["fit_seconds"] == before.machine["fit_seconds"]
    assert after.metrics == before.metrics
    assert after.machine["hardware"] == before.machine["hardware"]
