import json
from dataclasses import replace

from benchmarks.report import write_report
from benchmarks.results import RunFolder
from benchmarks.runs import describe_run
from fer_core.splits import make_split


def test_copies_are_counted_within_and_across_the_parts(made_dataset):
    dataset = made_dataset()  # the first half to fit and choose, the second to measure
    faces = dataset.faces.copy()
    faces[7], faces[14], faces[21] = faces[0], faces[0], faces[0] ^ 1  # three exact, three near
    faces[77] = faces[70]
    faces[91] = faces[84] ^ 1
    faces[105] = faces[35] ^ 1
    dataset = replace(dataset, faces=faces)
    n = describe_run(dataset, make_split(dataset), seed=0, quick=False).n
    assert {key: count for key, count in n.items() if "copies_" in key} == {
        "exact_copies_within_fitting": 3,
        "exact_copies_within_test": 1,
        "exact_copies_across": 0,
        "near_copies_within_fitting": 3,
        "near_copies_within_test": 1,
        "near_copies_across": 1,
    }


def test_copies_are_reported_where_they_were_counted(measured_job, tmp_path):
    for name in ("results", "probabilities"):
        (tmp_path / name).mkdir()
        for file in (measured_job.folder.root / name).glob("left.*"):
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "results" / "left.json"
    content = json.loads(path.read_text())
    content["run"]["n"]["near_copies_across"] = 1234
    path.write_text(json.dumps(content))
    write_report(RunFolder(tmp_path))
    assert "0 exact and 1,234 near across both." in (tmp_path / "report.md").read_text()
    content["run"]["n"] = {k: v for k, v in content["run"]["n"].items() if "copies_" not in k}
    path.write_text(json.dumps(content))
    write_report(RunFolder(tmp_path))
    assert "are copies:" not in (tmp_path / "report.md").read_text()
