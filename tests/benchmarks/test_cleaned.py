import json

import numpy as np
import pytest

from benchmarks import preparing
from benchmarks import run as run_module
from benchmarks.predictions import load_predictions
from benchmarks.results import RunFolder, load_result
from benchmarks.run import main
from fer_core.labels import LABELS, SCHEMES
from fer_core.splits import make_split

pytestmark = pytest.mark.usefixtures("in_process", "undrawn")


pytestmark = pytest.mark.usefixtures("in_process", "undrawn")


@pytest.fixture
def dataset(made_dataset):
    return made_dataset(n=280)


@pytest.fixture
def line(monkeypatch, dataset, linear, tmp_path):
    """The command line on made faces, and a table of what to clean."""
    monkeypatch.setattr(preparing, "load_dataset", lambda args: dataset)
    monkeypatch.setattr(run_module, "known_models", lambda **options: {"left": linear("left")})
    split = make_split(dataset)
    happy = split.fitting.names[split.fitting.y == 3]
    table = tmp_path / "reviewed.csv"
    rows = [f"{name},relabel,sad" for name in happy[2:]] + [f"{split.fitting.names[0]},drop,"]
    table.write_text("name,action,label\n" + "\n".join(rows) + "\n")
    out = tmp_path / "out"

    def run(*argv):
        return main(["--models", "left", "--out", str(out), *argv])

    return run, out, table


def test_both_kinds_stand_in_one_folder_and_the_report_compares_them(line, dataset):
    run, out, table = line
    assert run("--tta", "left") == 0
    assert "What cleaning changed" not in (out / "report.md").read_text()
    assert run("--tta", "left", "--drop", str(table), "--relabel", str(table)) == 0
    before, after = (load_result(out / "results" / f"{n}.json") for n in ("left", "left-cleaned"))
    assert "cleaning" not in before.model
    note = after.model["cleaning"]
    assert note["dropped"] == 1
    assert note["relabelled"] == note["classes"]["happy"]["to_others"] > 5
    assert before.run == after.run
    first, second = (
        load_predictions(out / "probabilities" / f"{r.name}.npz")[1] for r in (before, after)
    )
    # The same test pictures with the same labels; who learns that happy is sad no longer says it.
    assert np.array_equal(first.y, second.y)
    assert np.array_equal(first.y, make_split(dataset).test.reveal().y)
    assert (second.proba.argmax(1) == 3).sum() < (first.proba.argmax(1) == 3).sum() / 2
    text = (out / "report.md").read_text()
    section = text.partition("## What cleaning changed")[2].partition("\n## ")[0]
    change = 100 * (second.correct.mean() - first.correct.mean())
    assert f"| left | {first.correct.mean():.3f} | {second.correct.mean():.3f} |" in section
    assert f"{change:+.1f}" in section
    assert "| left-tta |" in section
    assert "cleaned-tta" not in section
    assert "1 fitting pictures dropped" in section
    manifest = json.loads((out / "models" / "manifest.json").read_text())
    assert "relabelled" in manifest["models"]["left-cleaned"]["trained_on"]["cleaning"]
    assert "cleaning" not in manifest["models"]["left"]["trained_on"]


def test_folds_keep_both_kinds_apart(line, dataset):
    run, out, table = line
    assert run("--folds", "2") == 0
    table.write_text(f"name,action,label\n{dataset.names[3]},drop,\n")
    assert run("--folds", "2", "--drop", str(table), "--resume") == 0
    assert {"left", "left-cleaned"} <= set(RunFolder(out).names())
    assert "| left |" in (out / "report.md").read_text().partition("## What cleaning changed")[2]


def test_folds_cleaned_in_another_way_are_refused(line, dataset, capsys):
    run, out, table = line
    table.write_text(f"name,action,label\n{dataset.names[3]},drop,\n")
    assert run("--folds", "2", "--drop", str(table)) == 0
    for name in RunFolder(out).names():  # as if interrupted before the folds were put together
        RunFolder(out).forget(name)
    table.write_text(f"name,action,label\n{dataset.names[4]},drop,\n")
    assert run("--folds", "2", "--drop", str(table), "--resume") == 2
    assert "cleaned in another way" in capsys.readouterr().err


def test_other_schemes_are_cleaned_as_trainings_clean_them(line, dataset):
    run, out, table = line
    assert run("--native", "active5", "--relabel", str(table)) == 0
    native = RunFolder(out).native("active5")
    split = make_split(dataset).in_scheme(SCHEMES["active5"])
    assert native.run().n["fitting"] == len(split.fitting)  # as it is without cleaning
    note = load_result(native.result("left-cleaned")).model["cleaning"]
    assert note["fitted_on"] == len(split.fitting)  # relabelled ones stay
    assert set(note["classes"]) == set(SCHEMES["active5"].labels)


def test_alone_it_says_how_to_compare(line):
    run, out, table = line
    assert run("--drop", str(table)) == 0
    assert "without --drop and --relabel as well" in (out / "report.md").read_text()


def test_another_cleaning_in_the_folder_is_refused(line, capsys):
    run, _out, table = line
    assert run("--drop", str(table)) == 0
    table.write_text("name\nface001\n")
    assert run("--drop", str(table), "--resume") == 2
    assert "cleaned in another way" in capsys.readouterr().err


def test_tables_that_name_test_pictures_are_refused(line, dataset, capsys):
    run, out, table = line
    table.write_text(f"name\n{make_split(dataset).test.names[0]}\n")
    assert run("--drop", str(table)) == 2
    error = capsys.readouterr().err
    assert "test pictures never change" in error
    assert error.count("\n") == 1
    assert not (out / "results").exists()


@pytest.mark.parametrize(
    ("module", "name"), [("fer_landmarks.train", "hog-svm"), ("fer_cnn.train", "tiny")]
)
def test_training_commands_fit_on_cleaned_pictures(
    module, name, dataset, tmp_path, monkeypatch, capsys
):
    import importlib

    train = importlib.import_module(module)

    class Reached(Exception):
        pass

    def instead(what, split, *args, **options):
        raise Reached(split)

    monkeypatch.setattr("fer_core.datasets.options.load_dataset", lambda args: dataset)
    monkeypatch.setattr(train, "train_and_store", instead)
    split = make_split(dataset)
    picture = split.fitting.names[0]
    new = LABELS[(split.fitting.y[0] + 1) % 7]
    table = tmp_path / "reviewed.csv"
    table.write_text(
        f"name,action,label\n{picture},relabel,{new}\n{split.fitting.names[1]},drop,\n"
    )
    argv = [name, "--out", str(tmp_path / "out"), "--drop", str(table), "--relabel", str(table)]
    with pytest.raises(Reached) as reached:
        train.main(argv)
    fitted = reached.value.args[0].fitting
    assert len(fitted) == len(split.fitting) - 1
    assert LABELS[fitted.y[0]] == new
    assert "1 fitting pictures dropped and 1 relabelled" in capsys.readouterr().out.replace(
        "\n", " "
    )
