"""Cross-validation, given folders, the official split and native schemes, end to end."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks import preparing, running
from benchmarks import run as run_module
from benchmarks.budget import Budget
from benchmarks.measuring import fit_and_measure
from benchmarks.native import by_scheme
from benchmarks.predictions import load_predictions
from benchmarks.publish import main as publish
from benchmarks.results import RunFolder, load_result, load_results, load_study
from benchmarks.run import main
from benchmarks.worker import TaskError
from fer_core.datasets.fer2013 import load_fer2013
from fer_core.errors import DataError
from fer_core.labels import LABELS, SCHEMES, Scheme

pytestmark = pytest.mark.usefixtures("in_process", "undrawn")


@pytest.fixture
def made(monkeypatch, made_dataset, linear):
    """The command line on a made-up dataset, which the test may change, and two linear models."""
    known = {"left": linear("left", C=0.01), "right": linear("right")}
    monkeypatch.setattr(run_module, "known_models", lambda **options: known)
    monkeypatch.setattr(run_module, "DEFAULT_MODELS", tuple(known))
    monkeypatch.setattr(run_module, "LIVE_BUDGET", Budget())

    def use(dataset):
        monkeypatch.setattr(preparing, "load_dataset", lambda args: dataset)
        return dataset

    use(made_dataset(parts=("",)))
    return use


def test_cross_validation(made, made_dataset, tmp_path, capsys):
    dataset = made(
        replace(made_dataset(parts=("",)), groups=np.arange(140) // 14 * 7 + np.arange(140) % 7)
    )
    out = tmp_path / "out"
    assert main(["--out", str(out), "--folds", "3", "--schemes", "valence3"]) == 0
    assert "Fold 3 of 3" in capsys.readouterr().out
    folder = RunFolder(out)
    result = load_result(folder.result("left"))
    assert result.run.protocol == "3-fold"
    assert result.run.n["test"] == 140
    folds = [load_predictions(folder.fold(i).probabilities("left")) for i in (1, 2, 3)]
    # Everybody is measured once, in a fold whose models have seen no picture of the same person.
    person = dict(zip(dataset.names, dataset.groups, strict=True))
    tested = [{person[name] for name in test.names} for _, test in folds]
    assert sum(map(len, tested)) == len(set.union(*tested)) == 70
    assert all(tested[i].isdisjoint(person[name] for name in folds[i][0].names) for i in range(3))
    # Pooled figures are those of all pictures together; the AUC is the mean over folds.
    right = np.concatenate([test.correct for _, test in folds])
    figures = result.metrics["fer7"]["all"]
    assert figures["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    auc = np.mean([roc_auc_score(test.y == 3, test.proba[:, 3]) for _, test in folds])
    assert figures["per_class"]["happy"]["auc"] == pytest.approx(auc, abs=1e-6)
    assert [f["n"] for f in result.folds] == [len(test) for _, test in folds]
    assert result.folds[1]["accuracy"] == pytest.approx(folds[1][1].correct.mean(), abs=1e-6)
    assert set(result.metrics) == {"fer7", "valence3"}
    machines = [load_result(folder.fold(i).result("left")).machine for i in (1, 2, 3)]
    for key, joined in (("ms_per_face", np.mean), ("fit_seconds", np.sum)):
        expected = joined([m[key] for m in machines])
        assert result.machine[key] == pytest.approx(expected, abs=1e-3)
    text = (out / "report.md").read_text()
    assert "## Folds" in text
    assert "no standard error" in text
    weights = [m["weight"] for m in load_result(folder.result("ensemble")).model["members"]]
    assert sum(weights) == pytest.approx(1, abs=0.01)


def test_a_cross_validation_goes_on(made, tmp_path):
    out = tmp_path / "out"
    argv = ["--out", str(out), "--folds", "2", "--models", "left"]
    assert main(argv) == 0
    folder = RunFolder(out)
    before = folder.result("left").read_bytes()
    folder.fold(2).forget("left")
    kept = folder.fold(1).result("left").read_bytes()
    assert main([*argv, "--resume"]) == 0
    assert folder.fold(1).result("left").read_bytes() == kept
    again, first = (json.loads(text) for text in (folder.result("left").read_bytes(), before))
    assert {**again, "machine": None} == {**first, "machine": None}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--folds", "1"], "at least 2 folds"),
        (["--folds", "21"], "class 'angry' has 20 persons or pictures"),
        (["--folds", "2", "--native", "valence3"], "--native needs models fitted once"),
        (["--native", "valence4"], "Did you mean 'valence3'?"),
        (["--native", "fer7"], "the dataset's own"),
    ],
)
def test_what_cannot_be_divided_or_trained_is_one_sentence(made, tmp_path, capsys, argv, words):
    assert main(["--out", str(tmp_path / "out"), "--models", "left", *argv]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_cross_validation_and_a_split_are_not_mixed(made, tmp_path, capsys):
    argv = ["--out", str(tmp_path / "out"), "--models", "left"]
    assert main(argv) == 0
    assert main([*argv, "--folds", "2"]) == 2
    assert "another protocol (holdout, now 2-fold)" in capsys.readouterr().err


def test_a_cross_validation_is_not_published(made, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left", "--folds", "2"]) == 0
    assert publish([str(out), "--root", str(tmp_path / "repository")]) == 2
    assert "cross-validation" in capsys.readouterr().err
    assert not (tmp_path / "repository").exists()


def test_models_trained_on_a_scheme(made, made_dataset, tmp_path):
    made(made_dataset())
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "left,right", "--native", "valence3,active5"]) == 0
    folder = RunFolder(out)
    study = load_study(folder.study("native"))
    assert list(study["schemes"]) == ["active5", "valence3"]
    rows = {row["name"]: row for row in study["schemes"]["valence3"]}
    assert set(rows) == {"left", "right", "ensemble", "ensemble-live"}
    _, own = load_predictions(folder.native("valence3").probabilities("right"))
    assert own.proba.shape == (70, 3)
    _, seven = load_predictions(folder.probabilities("right"))
    joined = SCHEMES["valence3"].project(seven.proba).argmax(axis=1)
    codes = SCHEMES["valence3"].encode(seven.y)
    assert rows["right"]["accuracy"] == pytest.approx(own.correct.mean(), abs=1e-6)
    assert rows["right"]["without_copies"] == pytest.approx(
        own.correct[~own.copied].mean(), abs=1e-6
    )
    assert rows["right"]["joined_accuracy"] == pytest.approx((joined == codes).mean(), abs=1e-6)
    difference = own.correct.mean() - (joined == codes).mean()
    assert rows["right"]["against_joined"]["difference"] == pytest.approx(difference, abs=1e-6)
    five = load_predictions(folder.native("active5").probabilities("left"))[1]
    assert len(five) == 50
    assert "Trained on other classes" in (out / "report.md").read_text()
    assert (folder.native("valence3").root / "report.html").exists()
    assert publish([str(out), "--root", str(tmp_path / "repository")]) == 0
    kept = tmp_path / "repository" / "benchmarks" / "results" / "made"
    assert (kept / "studies" / "native.json").is_file()
    assert load_result(kept / "native" / "valence3" / "right.json").run.scheme == "valence3"
    assert len(load_results(kept)) == 4  # those in folders below stand in no table of these
    folder.study("native").unlink()
    assert main(["--out", str(out), "--models", "left,right", "--resume"]) == 0
    assert load_study(folder.study("native")) == study


def test_a_model_that_fails_stops_no_other_scheme(
    made, made_dataset, tmp_path, monkeypatch, capsys
):
    made(made_dataset())

    def fit(job, candidate, notify):
        if candidate.name == "right":
            raise TaskError("out of memory")
        fit_and_measure(job, candidate, notify)

    monkeypatch.setattr(running, "fit_and_measure", fit)
    write_folders(tmp_path, [("other", "test")])
    out = tmp_path / "out"
    argv = ["--dataset", "demo", "--out", str(out), "--models", "left,right"]
    assert main([*argv, "--native", "valence3", "--test-on", str(tmp_path / "other")]) == 2
    error = capsys.readouterr().err
    assert "right (out of memory)" in error
    assert "valence3: 1 of" in error
    assert error.count("\n") == 1
    assert "Trained on other classes" in (out / "report.md").read_text()
    assert (out / "other" / "other" / "report.html").is_file()


def write_folders(root, parts, per_class=4):
    """FER2013's folders with pictures that tell their class."""
    rng = np.random.default_rng(0)
    number = 0
    for folder, part in parts:
        for code, label in enumerate(LABELS):
            for _ in range(per_class):
                number += 1
                face = rng.normal(100, 40, (48, 48))
                face[6 * code : 6 * code + 2] += 80
                path = root / folder / label / f"{part}_{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(path), np.clip(face, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("parts", "protocol", "sizes"),
    [
        (
            [("train", "Training"), ("validation", "v"), ("test", "t")],
            "given",
            {"fitting": 28, "validation": 28, "test": 28},
        ),
        (
            [("train", "Training"), ("test", "PublicTest"), ("test", "PrivateTest")],
            "official",
            {"fitting": 28, "validation": 28, "test": 28},
        ),
    ],
)
def test_given_parts_from_folders_to_report(made, tmp_path, monkeypatch, parts, protocol, sizes):
    data, out = tmp_path / "data", tmp_path / "out"
    write_folders(data, parts)
    monkeypatch.setattr(preparing, "load_dataset", lambda args: load_fer2013(args.data))
    argv = ["--dataset", "fer2013", "--data", str(data), "--out", str(out)]
    assert main(argv) == 0
    result = load_result(RunFolder(out).result("right"))
    assert result.run.protocol == protocol
    assert {key: result.run.n[key] for key in sizes} == sizes
    validation, test = load_predictions(RunFolder(out).probabilities("right"))
    chosen, measured = parts[1], parts[2]
    assert all(f"{chosen[1]}_" in name for name in validation.names)
    assert all(f"{measured[1]}_" in name for name in test.names)
    assert "What others have published" in (out / "report.md").read_text()


def test_one_picture_a_class(made, made_dataset, tmp_path, capsys):
    made(made_dataset(n=7, parts=("",)))
    assert main(["--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "too few" in error or "left to fit on" in error
    assert error.count("\n") == 1


def test_thirty_pictures_give_wide_intervals(made, made_dataset, tmp_path):
    made(made_dataset(n=35, parts=("",), noise=20))
    out = tmp_path / "out"
    assert main(["--out", str(out)]) == 0
    result = load_result(RunFolder(out).result("right"))
    low, high = result.metrics["fer7"]["all"]["intervals"]["accuracy"]
    assert result.run.n["test"] == 7
    assert high - low > 0.3
    assert result.metrics["fer7"]["sure"] is None
    assert "the validation pictures can't show it" in (out / "report.md").read_text()


def test_a_model_made_for_a_scheme_is_trained_on_its_classes(
    made, made_dataset, linear, monkeypatch, tmp_path, capsys
):
    made(made_dataset())
    known = {
        "left": linear("left", C=0.01),
        "right": linear("right"),
        "moods": replace(linear("moods"), scheme="valence3"),
    }
    monkeypatch.setattr(run_module, "known_models", lambda **options: known)
    out = tmp_path / "out"
    assert main(["--out", str(out), "--models", "moods"]) == 2
    assert "moods: trained on fewer classes than the pictures have" in capsys.readouterr().err
    assert main(["--out", f"{out}-2", "--models", "moods,left", "--folds", "2"]) == 2
    assert "moods: made for other classes" in capsys.readouterr().err
    assert main(["--out", str(out), "--models", "moods,left,right"]) == 0
    folder = RunFolder(out)
    assert "moods" not in folder.names()
    (row,) = load_study(folder.study("native"))["schemes"]["valence3"]
    assert (row["name"], row["joined"]) == ("moods", "ensemble")


def test_other_peoples_classes_are_what_every_model_is_trained_on(linear):
    candidates = [
        replace(linear("seven"), scheme="fer7"),
        replace(linear("five"), scheme="active5"),
    ]
    for own in (SCHEMES["valence3"], Scheme("mine", ("calm", "cross"))):
        assert by_scheme(candidates, own, ()) == (candidates, {})
        with pytest.raises(DataError, match="joins FER2013's labels, and the classes here are"):
            by_scheme(candidates, own, [SCHEMES["basic4"]])
    assert by_scheme(candidates, SCHEMES["fer7"], ()) == (
        candidates[:1],
        {SCHEMES["active5"]: candidates[1:]},
    )
