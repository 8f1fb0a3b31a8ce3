import csv
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import explore
from benchmarks.explore import look, main
from benchmarks.exploring import divided, faces_found, find_copy_groups, find_faceless, merged
from benchmarks.predictions import load_predictions, save_predictions
from benchmarks.results import RunFolder
from benchmarks.suspects import Suggestion
from fer_core.datasets.demo import load_demo
from fer_core.labels import SCHEMES
from fer_core.splits import make_split


def quiet(text):
    pass


@pytest.fixture
def copied(made_dataset):
    """Made faces with copies: alike, contradicting, and of a test picture."""
    dataset = made_dataset(n=280, parts=("training", "public_test"))
    faces, y = dataset.faces.copy(), dataset.y.copy()
    faces[1], y[1] = faces[0], y[0]  # alike
    faces[3], y[3], y[2] = faces[2], 4, 5  # contradicting, one against one
    faces[10] = faces[11] = faces[12]
    y[[10, 11, 12]] = 6, 6, 0  # contradicting, two against one
    faces[20] = faces[200]  # of a test picture
    return replace(dataset, faces=faces, y=y)


def test_copies(copied):
    split = make_split(copied)
    found = find_copy_groups(divided(copied, split))
    assert found.n_alike == 1
    assert sorted(map(sorted, found.contradicting)) == [
        ["face002", "face003"],
        ["face010", "face011", "face012"],
    ]
    assert found.leaking == [("face020", "face200")]
    dropped = {s.name: s.reason for s in found.suggestions}
    assert dropped == {
        "face002": "copy of a picture labelled sad",
        "face003": "copy of a picture labelled surprise",
        "face012": "copy of a picture labelled neutral",
        "face020": "copy of test picture face200",
    }


def test_test_labels_change_no_suggestion(copied):
    split = make_split(copied)
    other = replace(copied, y=np.where(copied.parts == "public_test", 6 - copied.y, copied.y))
    a = look(copied, [], folds=5, seed=0, notify=quiet).suggestions
    b = look(other, [], folds=5, seed=0, notify=quiet).suggestions
    assert a == b
    assert not {s.name for s in a} & set(split.test.names.tolist())


def test_blank_and_voted_pictures_are_dropped(made_dataset):
    dataset = made_dataset(n=70)
    faces = dataset.faces.copy()
    faces[5] = 130
    votes = np.zeros((70, 10), np.float32)
    votes[:, 1] = 10
    votes[7] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 9]
    found = find_faceless(replace(dataset, faces=faces, votes=votes), quiet)
    assert (found.blank, found.voted) == (["face005"], ["face007"])
    assert {s.name: s.action for s in found.suggestions} == {"face005": "drop", "face007": "drop"}
    # Noise is no face, and is said so without a suggestion.
    assert len(found.unfound) > 60


def test_votes_say_how_far_to_trust_suggestions(made_dataset):
    pytest.importorskip("cleanlab")
    from benchmarks.explore_page import _votes_agree

    dataset = made_dataset(n=280)
    # Everyone votes for neutral, the first of FER+'s columns.
    votes = np.zeros((280, 10), np.float32)
    votes[:, 0] = 10
    found = look(
        replace(dataset, votes=votes), ["hog-svm", "fusion-lda"], folds=2, seed=0, notify=quiet
    )
    hard = set(found.explored.learning.names[found.hard].tolist())
    assert {s.name for s in found.wrong_labels} <= hard
    (text,) = _votes_agree(found)
    assert "for 86% of all pictures" in text


def test_detectors_find_faces_in_crops():
    faces = load_demo().faces[::50]
    assert faces_found(faces, quiet).mean() > 0.9
    turned = np.rot90(faces, 2, axes=(1, 2)).copy()
    assert faces_found(turned, quiet).mean() < 0.3


def test_one_suggestion_a_picture_surest_first():
    a = Suggestion("x", "drop", "", "blank picture", 1.0)
    b = Suggestion("x", "relabel", "sad", "likely wrong label", 0.9)
    c = Suggestion("y", "relabel", "sad", "likely wrong label", 0.95)
    assert merged([a], [b, c]) == [a, c]


@pytest.fixture
def line(monkeypatch, made_dataset, tmp_path):
    monkeypatch.setattr(explore, "load_dataset", lambda args: made_dataset(n=280))
    monkeypatch.setattr("benchmarks.explore_page._CLOUD", 3)
    out = tmp_path / "out"

    def run(*argv):
        return main(["--out", str(out), *argv])

    return run, out


def test_command_writes_page_and_table_that_cleaning_takes(line, made_dataset, capsys):
    pytest.importorskip("cleanlab")
    run, out = line
    assert run("--pipelines", "hog-svm", "--folds", "3") == 0
    with open(out / "suggestions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", "action", "label", "reason", "score"]
    page = (out / "explore.html").read_text()
    for heading in ("Samples", "Mean faces", "Landmarks", "Copies", "Likely wrong labels", "Hard"):
        assert f"<h2>{heading}" in page
    assert "https://" not in page  # self-contained
    assert "http://" not in page
    assert f"{len(rows):,} suggestions" in page
    from fer_core.cleaning import Cleaning, clean_split

    dataset = made_dataset(n=280)
    dropped = {row["name"]: "it" for row in rows if row["action"] == "drop"}
    moved = {row["name"]: (row["label"], "it") for row in rows if row["action"] == "relabel"}
    cleaned = clean_split(make_split(dataset), Cleaning(dropped, moved), dataset)
    assert cleaned.fitting.notes["cleaning"]["relabelled"] > 0


def test_pictures_that_a_run_gets_wrong(line, measured_job, monkeypatch, made_dataset):
    run, out = line
    monkeypatch.setattr(explore, "load_dataset", lambda args: made_dataset())
    assert run("--no-labels", "--run", str(measured_job.folder.root)) == 0
    page = (out / "explore.html").read_text()
    assert "Hard for all models of the run" in page
    assert "Likely wrong labels" not in page
    wrong = 0
    parts = [
        load_predictions(measured_job.folder.probabilities(m))
        for m in ("left", "right", "ensemble")
    ]
    for part in zip(*parts, strict=True):
        wrong += int(np.all([~p.correct for p in part], axis=0).sum())
    assert f"{wrong} validation and test pictures are labelled wrong by all 3 models" in page


def test_a_run_in_other_classes_is_refused(line, measured_job, monkeypatch, made_dataset, capsys):
    run, _ = line
    dataset = made_dataset()
    for other in (dataset.in_scheme(SCHEMES["merged6"]), replace(dataset, y=(dataset.y + 1) % 7)):
        monkeypatch.setattr(explore, "load_dataset", lambda args, other=other: other)
        assert run("--no-labels", "--run", str(measured_job.folder.root)) == 2
        assert "this run gave these pictures other labels" in capsys.readouterr().err


def test_only_finished_models_of_a_run_count(
    line, measured_job, monkeypatch, made_dataset, tmp_path
):
    run, out = line
    monkeypatch.setattr(explore, "load_dataset", lambda args: made_dataset())
    copy = RunFolder(tmp_path / "copy")
    shutil.copytree(measured_job.folder.root, copy.root)
    copy.forget("left")
    for name in copy.names():
        # A cross-validation has no validation part of its own.
        validation, test = load_predictions(copy.probabilities(name))
        save_predictions(copy.probabilities(name), validation.subset(np.array([], int)), test)
    assert run("--no-labels", "--run", str(copy.root)) == 0
    page = (out / "explore.html").read_text()
    wrong = [~load_predictions(copy.probabilities(m))[1].correct for m in ("right", "ensemble")]
    assert f"{(wrong[0] & wrong[1]).sum()} validation and test pictures" in page
    assert "by all 2 models" in page


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--pipelines", "hog-smv"], "Did you mean 'hog-svm'?"),
        (["--no-labels", "--run", "nowhere"], "needs the --out of a finished"),
        (["--folds", "1", "--pipelines", "hog-svm"], "at least 2 folds"),
        (["--no-labels", "--folds", "3"], "--no-labels fits nothing"),
        (["--no-labels", "--pipelines", "hog-svm"], "--no-labels fits nothing"),
    ],
)
def test_wrong_options_are_one_sentence(line, capsys, argv, words):
    run, _ = line
    assert run(*argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_no_pipeline_at_all_is_refused(line, capsys):
    run, _ = line
    with pytest.raises(SystemExit, match="2"):
        run("--pipelines", ",")
    assert "argument --pipelines: it names nothing" in capsys.readouterr().err


def test_without_cleanlab_the_extra_is_named(line, capsys, monkeypatch):
    run, _ = line
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    assert run() == 2
    assert "pip install 'fer-ensemble[explore]'" in capsys.readouterr().err
