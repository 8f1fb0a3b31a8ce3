import shutil
from dataclasses import replace

import pytest

from benchmarks.named_tables import RESULT_TABLES, make_table
from benchmarks.publish import publish
from benchmarks.results import RunFolder, load_result, save_result
from fer_core.errors import DataError


@pytest.fixture
def results(measured_job, tmp_path):
    copy = shutil.copytree(measured_job.folder.root, tmp_path / "run")
    (copy / "figures" / ".fer-half.png").write_bytes(b"")
    publish(RunFolder(copy), tmp_path)
    return tmp_path / "benchmarks" / "results"


def test_pictures_of_a_killed_run_are_not_published(results, tmp_path):
    names = [path.name for path in (tmp_path / "docs" / "figures" / "made").iterdir()]
    assert names
    assert not any(name.startswith(".") for name in names)
    # Of the matrices, one a model, only the ensemble's.
    assert {name for name in names if name.startswith("confusion")} <= {"confusion-ensemble.png"}


@pytest.mark.parametrize("kind", sorted(set(RESULT_TABLES) - {"classes", "members", "votes"}))
def test_tables_of_results_have_a_row_a_model(results, kind):
    table = make_table(f"made/{kind}", results, "README.md")
    assert len(table.markdown().splitlines()) - 2 == len(table.rows)
    assert all(meaning in table.legend() for _, meaning in table.columns[1:])
    assert len(table.rows) == len(list((results / "made").glob("*.json")))


def test_some_models_alone(results):
    names = sorted(path.stem for path in (results / "made").glob("*.json"))
    table = make_table(f"made/models/{names[0]},{names[1]}", results, "README.md")
    assert sorted(row[0].text for row in table.rows) == names[:2]
    with pytest.raises(DataError, match="no results of 'nobody' in"):
        make_table(f"made/models/{names[0]},nobody", results, "README.md")


def test_times_of_another_processor_are_told_apart(results):
    assert "compare times" not in make_table("made/models", results, "README.md").legend()
    path = min((results / "made").glob("*.json"))
    result = load_result(path)
    other = {**result.machine, "hardware": {"processor": "abacus"}}
    save_result(path, replace(result, machine=other))
    legend = make_table("made/models", results, "README.md").legend()
    assert f"({result.name} on abacus; the others on " in legend


def test_published_figures_are_of_one_dataset(results):
    table = make_table("fer2013/published", results, "README.md")
    assert "Local learning to improve bag of visual words" in table.markdown()
    with pytest.raises(DataError, match="no published figures for 'made'"):
        make_table("made/published", results, "README.md")


def test_a_study_that_was_not_made_is_named(results):
    with pytest.raises(DataError, match="no study 'peers'"):
        make_table("made/peers-crops", results, "README.md")


def test_schemes_are_shown_with_and_without_copies(results):
    path = min((results / "made").glob("*.json"))
    result = load_result(path)
    figures = {"all": {"accuracy": 0.5}, "without_copies": {"accuracy": 0.25}}
    save_result(path, replace(result, metrics={**result.metrics, "fer7": figures}))
    table = make_table("made/schemes", results, "README.md")
    assert [name for name, _ in table.columns[:3]] == ["model", "fer7", "fer7, no copies"]
    (row,) = (row for row in table.rows if row[0].text == result.name)
    assert [cell.text for cell in row[1:3]] == ["0.500", "0.250"]
