import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import preparing
from benchmarks import run as run_module
from benchmarks.budget import Budget
from benchmarks.predictions import load_predictions, save_predictions
from benchmarks.results import RunFolder, accuracy_with_missed, load_result, main_figures
from benchmarks.run import main
from benchmarks.tables import models_table
from fer_core.labels import own_scheme
from fer_core.model_store import ModelStore

pytestmark = pytest.mark.usefixtures("in_process", "undrawn")


@pytest.fixture
def two(linear):
    return [linear("left", C=0.01), linear("right")]


@pytest.fixture
def demo(monkeypatch, made_dataset, two):
    """The command line on made faces and made models."""
    monkeypatch.setattr(preparing, "load_dataset", lambda args: made_dataset())
    known = {c.name: c for c in two}
    monkeypatch.setattr(run_module, "known_models", lambda **options: known)
    monkeypatch.setattr(run_module, "DEFAULT_MODELS", tuple(known))
    # Whether a model fits into milliseconds depends on the machine.
    monkeypatch.setattr(run_module, "LIVE_BUDGET", Budget())


def without_machine(folder):
    results = sorted((folder / "results").glob("*.json"))
    return [{**json.loads(p.read_text()), "machine": None} for p in results]


def test_the_whole_job(demo, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "4 saved models loaded back" in printed
    assert "their probabilities are those measured" in " ".join(printed.split())
    results = {r.name: r for r in RunFolder(out).results()}
    assert set(results) == {"left", "right", "ensemble", "ensemble-live"}
    right = results["right"]
    _, test = load_predictions(out / "probabilities" / "right.npz")
    accuracy = float((test.proba.argmax(axis=1) == test.y).mean())
    assert right.metrics["fer7"]["all"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert right.run.n["test"] == len(test.y) == 70
    assert set(right.metrics) == {"fer7", "merged6", "active5", "basic4", "valence3"}
    assert right.machine["ms_per_face"] > 0
    loaded = ModelStore(out / "models", trusted=True).load("ensemble")
    assert set(loaded.models) <= {"left", "right"}
    assert (out / "report.html").stat().st_size > 10_000
    assert not (out / ".unfinished").exists()


def test_two_runs_with_one_seed_are_identical_but_for_the_machine(demo, tmp_path):
    for name in "ab":
        assert main(["--out", str(tmp_path / name)]) == 0
    assert without_machine(tmp_path / "a") == without_machine(tmp_path / "b")
    first = {p.name: p.read_bytes() for p in (tmp_path / "a" / "studies").iterdir()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "b" / "studies").iterdir()} == first
    for model in ("left", "ensemble"):
        a, b = (load_predictions(tmp_path / n / "probabilities" / f"{model}.npz") for n in "ab")
        assert all(np.array_equal(x.proba, y.proba) for x, y in zip(a, b, strict=True))


def test_interrupted_run_goes_on(demo, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    tasks = []

    def until_the_second(task, log, notify):
        tasks.append(task)
        if len(tasks) == 2:
            raise KeyboardInterrupt
        task(notify)

    with monkeypatch.context() as patch:
        patch.setattr("benchmarks.running.run_task", until_the_second)
        assert main(["--out", str(out)]) == 130
    assert "--resume" in capsys.readouterr().out
    first = (out / "results" / "left.json").read_bytes()
    assert not (out / "results" / "right.json").exists()
    assert main(["--out", str(out), "--resume"]) == 0
    assert "left: finished before" in capsys.readouterr().out
    again = load_result(out / "results" / "left.json")
    assert again.machine == json.loads(first)["machine"]  # not fitted again
    assert len(RunFolder(out).results()) == 4


def test_adding_a_model_keeps_the_others(demo, tmp_path):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    machine = load_result(out / "results" / "left.json").machine
    assert not (out / "results" / "ensemble.json").exists()  # of one model there is none
    assert main(["--out", str(out), "--models", "right", "--resume"]) == 0
    assert load_result(out / "results" / "left.json").machine == machine
    assert load_result(out / "results" / "ensemble.json").model["description"]


def test_models_can_be_measured_with_test_time_augmentation_too(demo, tmp_path):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--tta", "left"]) == 0
    results = {r.name: r for r in RunFolder(out).results()}
    assert set(results) == {"left", "right", "left-tta", "ensemble", "ensemble-live"}
    assert results["left-tta"].model["description"] == "left, averaged over 10 looks at each face"
    assert results["left-tta"].machine["fit_seconds"] is None
    _, plain = load_predictions(out / "probabilities" / "left.npz")
    _, averaged = load_predictions(out / "probabilities" / "left-tta.npz")
    assert not np.array_equal(plain.proba, averaged.proba)
    store = ModelStore(out / "models", trusted=True)
    assert store.entry("left-tta").looks
    assert store.entry("left-tta").trained_on == store.entry("left").trained_on
    assert "left-tta" in (out / "report.html").read_text()


def test_models_of_any_store_are_measured_as_they_are(
    measured_job, made_dataset, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(preparing, "load_dataset", lambda args: made_dataset())
    models, out = measured_job.folder.models, tmp_path / "out"
    assert main(["--stored", "right", "--store", str(models), "--out", str(out)]) == 0
    assert RunFolder(out).names() == ["right"]
    before, after = (
        load_predictions(r / "probabilities" / "right.npz")[1]
        for r in (measured_job.folder.root, out)
    )
    assert np.array_equal(before.proba, after.proba)
    capsys.readouterr()
    assert main(["--stored", "right", "--store", str(tmp_path), "--out", str(out)]) == 2
    assert "there are no models here yet" in capsys.readouterr().err
    assert main(["--test-on", str(out), "--out", str(models)]) == 2
    assert "name it with --store" in capsys.readouterr().err


def test_without_resume_a_model_is_fitted_anew(demo, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        assert main(["--out", str(out), "--models", "left"]) == 0
        stale = out / "workplaces" / "left" / "checkpoint"
        assert not stale.exists()
        stale.parent.mkdir(parents=True)
        stale.write_text("of an earlier training")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--models", "lfet"], "Did you mean 'left'?"),
        (["--models", "ensemble"], "no model is left to fit"),
        (["--models", "left", "--tta", "right"], "there is no model in this run 'right'"),
        (["--tta", "left", "--folds", "3"], "--tta needs models fitted once"),
        (["--stored", "left", "--folds", "3"], "--stored needs models fitted once"),
        (
            ["--models", "left", "--store", "runs/models"],
            "--store says where the models of --stored",
        ),
        (["--models", "left", "--stored", "right"], "--stored right: it is not among the models"),
        (["--models", "left", "--soft-labels", "right=votes"], "--soft-labels right: it is not"),
        (["--models", "left", "--soft-labels", "left=no.npz"], "no such file of soft labels"),
        (["--dataset", "demo", "--test-on", "nowhere"], "nowhere: there is no such file or folder"),
        (["--dataset", "demo", "--test-on", ".", "--map", "x=happi"], "Did you mean 'happy'?"),
        (["--native", "fer7"], "scheme 'fer7' is the dataset's own"),
        (["--schemes", "valence4"], "Did you mean 'valence3'?"),
    ],
)
def test_wrong_names_are_one_sentence(demo, tmp_path, capsys, argv, words):
    assert main([*argv, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--data", "nowhere"], "--dataset"),
        (["--dataset", "fer2013"], "needs --data PATH"),
        (["--dataset", "fer2013", "--data", "nowhere"], "no such file or folder"),
    ],
)
def test_wrong_data_are_one_sentence(tmp_path, capsys, monkeypatch, linear, argv, words):
    monkeypatch.setattr(run_module, "known_models", lambda **options: {"left": linear("left")})
    monkeypatch.setattr(run_module, "DEFAULT_MODELS", ("left",))
    assert main([*argv, "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_folder_of_another_dataset_is_refused(demo, tmp_path, monkeypatch, made_dataset, capsys):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    before = without_machine(out)
    monkeypatch.setattr(preparing, "load_dataset", lambda args: made_dataset(seed=1))
    assert main(["--out", str(out), "--models", "left", "--resume"]) == 2
    assert "another fingerprint" in capsys.readouterr().err
    assert without_machine(out) == before


def test_folder_of_another_division_is_refused(demo, tmp_path, monkeypatch, made_dataset, capsys):
    dataset = made_dataset(parts=("",))
    monkeypatch.setattr(preparing, "load_dataset", lambda args: dataset)
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    before = without_machine(out)
    persons = replace(dataset, groups=np.arange(len(dataset)) // 14)
    monkeypatch.setattr(preparing, "load_dataset", lambda args: persons)
    assert main(["--out", str(out), "--models", "right"]) == 2
    assert "another division of the pictures, as other --groups" in capsys.readouterr().err
    assert without_machine(out) == before


def test_persons_named_later_count(demo, tmp_path, monkeypatch, made_dataset):
    # The parts are given: persons change no part, but how wide intervals are.
    dataset = made_dataset(parts=("training", "public_test", "private_test"))
    out = tmp_path / "out"
    for persons in (np.arange(len(dataset)), np.arange(len(dataset)) // 2):
        named = replace(dataset, groups=persons)
        monkeypatch.setattr(preparing, "load_dataset", lambda args, named=named: named)
        assert main(["--out", str(out), "--models", "left", "--resume"]) == 0
        _, test = load_predictions(out / "probabilities" / "left.npz")
        there = set(persons[np.isin(dataset.names, test.names)])
        assert len(set(test.groups)) == len(there)


def test_folder_of_another_seed_is_refused(demo, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    assert main(["--out", str(out), "--models", "left", "--seed", "1"]) == 2
    assert "another seed (0, now 1)" in capsys.readouterr().err


def test_folder_of_another_version_is_refused(demo, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    marker = out / "run.json"
    marker.write_text(marker.read_text().replace('"schema_version": 2', '"schema_version": 3'))
    assert main(["--out", str(out), "--models", "left"]) == 2
    assert "another version" in capsys.readouterr().err


def test_predictions_of_other_pictures_are_refused(demo, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    path = out / "probabilities" / "left.npz"
    validation, test = load_predictions(path)
    # Test pictures passed off as validation pictures, to weight and calibrate on.
    few = slice(0, len(validation))
    posing = replace(
        validation,
        **{f: getattr(test, f)[few] for f in ("proba", "y", "names", "copied", "groups")},
    )
    save_predictions(path, posing, test)
    assert main(["--out", str(out), "--resume"]) == 2
    assert "not of this run's validation pictures" in capsys.readouterr().err


def test_folder_of_an_older_layout_is_read_and_measured_again(demo, tmp_path):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    whole = json.loads((out / "results" / "left.json").read_text())
    for path in (out / "run.json", out / "results" / "left.json"):
        content = json.loads(path.read_text())
        run = content.get("run", content)
        content["schema_version"] = 1
        del run["schemes"], run["sure_accuracy"]
        if "metrics" in content:
            del content["folds"], content["metrics"]["fer7"]["sure"]
            del content["metrics"]["fer7"]["all"]["ece_by_chance"]
        path.write_text(json.dumps(content))
    validation, test = load_predictions(out / "probabilities" / "left.npz")
    save_predictions(
        out / "probabilities" / "left.npz",
        replace(validation, groups=None),
        replace(test, groups=None),
    )
    assert models_table(RunFolder(out).results()).markdown()
    assert main(["--out", str(out), "--models", "left", "--resume"]) == 0
    assert json.loads((out / "results" / "left.json").read_text()) == whole


def test_folder_with_other_files_is_refused(demo, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    assert main(["--out", str(tmp_path / "out")]) == 2
    assert "holds other files" in capsys.readouterr().err


def test_scheme_that_cannot_be_derived_is_refused(
    demo, tmp_path, monkeypatch, made_dataset, capsys
):
    own = made_dataset(scheme=own_scheme(["awake", "asleep"]))
    monkeypatch.setattr(preparing, "load_dataset", lambda args: own)
    argv = ["--out", str(tmp_path / "out"), "--schemes", "valence3"]
    assert main(argv) == 2
    assert "awake, asleep" in capsys.readouterr().err


def test_own_classes_work(demo, tmp_path, monkeypatch, made_dataset):
    own = made_dataset(n=40, scheme=own_scheme(["awake", "asleep"]), parts=("",))
    monkeypatch.setattr(preparing, "load_dataset", lambda args: own)
    assert main(["--out", str(tmp_path / "out")]) == 0
    result = load_result(tmp_path / "out" / "results" / "left.json")
    assert list(result.metrics) == ["own"]
    low, high = result.metrics["own"]["all"]["intervals"]["accuracy"]
    assert high - low > 0.1  # eight test pictures say little


def test_class_without_test_pictures_is_said(demo, tmp_path, monkeypatch, made_dataset):
    dataset = made_dataset()
    gone = dataset.subset((dataset.y != 1) | (dataset.parts == "training"))
    monkeypatch.setattr(preparing, "load_dataset", lambda args: gone)
    assert main(["--out", str(tmp_path / "out"), "--models", "left"]) == 0
    assert "No test picture is disgust" in (tmp_path / "out" / "report.md").read_text()


def test_pictures_without_a_face_count_as_errors(demo, tmp_path, monkeypatch, made_dataset):
    dataset = made_dataset()
    found = (np.arange(140) % 10 != 0) | (dataset.parts == "training")
    monkeypatch.setattr(preparing, "load_dataset", lambda args: replace(dataset, found=found))
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left"]) == 0
    result = load_result(out / "results" / "left.json")
    assert (result.run.n["test"], result.run.n["missed"]) == (63, 7)
    _, test = load_predictions(out / "probabilities" / "left.npz")
    accuracy = (test.proba.argmax(axis=1) == test.y).sum() / 70
    text = (out / "report.md").read_text()
    assert "In 7 more test pictures no face was found" in text
    assert f"accuracy of {accuracy:.3f} over all 70" in text
    assert "| with missed |" in text


def test_results_from_before_missed_pictures_were_counted(measured_job, tmp_path):
    path = measured_job.folder.result("left")
    content = json.loads(path.read_text())
    del content["run"]["n"]["missed"]
    (tmp_path / "left.json").write_text(json.dumps(content))
    older = load_result(tmp_path / "left.json")
    assert accuracy_with_missed(older) == main_figures(older)["accuracy"]
    assert models_table([older]) == models_table([load_result(path)])
