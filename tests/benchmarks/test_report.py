import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.predictions import load_predictions, save_predictions
from benchmarks.report import confusion_name, main
from benchmarks.results import RunFolder, main_figures
from fer_core.calibration import log_loss
from fer_core.model_entry import model_card
from fer_core.model_store import ModelStore


@pytest.fixture
def folder(measured_job):
    return measured_job.folder


def test_report_is_one_file_without_network(folder, capsys):
    assert main([str(folder.root)]) == 0
    assert capsys.readouterr().out.strip().endswith("report.html")
    html = (folder.root / "report.html").read_text()
    assert not re.search(r"(src|href)=.?https?:", html)
    assert "@import" not in html
    assert html.count("data:image/png;base64,") == 5 + len(folder.results())
    for result in folder.results():
        assert f"{main_figures(result)['accuracy']:.3f}" in html


def test_report_is_the_same_twice(folder):
    texts = []
    for _ in range(2):
        main([str(folder.root)])
        texts.append((folder.root / "report.html").read_bytes())
    assert texts[0] == texts[1]


def test_pictures_named_in_markdown_exist(folder):
    main([str(folder.root)])
    names = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (folder.root / "report.md").read_text())
    assert len(names) == 8
    assert all((folder.root / name).stat().st_size > 1000 for name in names)


def json_of(root):
    return {
        p.name: p.read_bytes() for kind in ("results", "studies") for p in (root / kind).iterdir()
    }


@pytest.fixture
def alone(folder, tmp_path):
    """A copy of the run with neither models nor figures: what is saved as data."""
    root = tmp_path / "alone"
    for name in ("results", "probabilities", "studies"):
        shutil.copytree(folder.root / name, root / name)
    shutil.copy(folder.root / "run.json", root)
    return root


def test_no_confusion_matrix_stays_of_a_model_that_is_gone(alone):
    run = RunFolder(alone)
    run.figures.mkdir()
    (run.figures / confusion_name("gone")).write_bytes(b"a figure")
    main([str(alone)])
    kept = {confusion_name(result.name) for result in run.results()}
    assert {path.name for path in run.figures.glob("confusion-*")} == kept


def test_an_ensemble_that_takes_more_than_its_budget_is_named(alone):
    path = alone / "results" / "ensemble.json"
    content = json.loads(path.read_text())
    for allowed, said in ((1e9, False), (1e-9, True)):
        content["model"]["budget"] = {"max_ms": allowed, "max_mb": None}
        path.write_text(json.dumps(content))
        assert main([str(alone)]) == 0
        text = (alone / "report.md").read_text()
        assert ("more than its budget of 1e-09 ms a face." in text) == said


def test_everything_is_computed_again_from_probabilities(alone):
    first = json_of(alone)
    for path in (alone / "studies").iterdir():
        path.unlink()
    for path in (alone / "results").iterdir():
        content = json.loads(path.read_text())
        content["metrics"] = {"fer7": {"all": {"accuracy": 0.123}}}
        path.write_text(json.dumps(content))
    assert main([str(alone), "--again"]) == 0
    assert json_of(alone) == first


def test_the_store_learns_what_is_computed_again(measured_job, tmp_path):
    root = shutil.copytree(measured_job.folder.root, tmp_path / "run")
    path = root / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sure_accuracy": 0.05}))
    store = ModelStore(root / "models", trusted=True)
    before = store.entry("left")
    assert main([str(root), "--again"]) == 0
    after = store.entry("left")
    assert before.threshold("fer7") is None  # nine in ten is more than it reaches
    assert after.threshold("fer7").accuracy == 0.05
    assert after == replace(before, thresholds=after.thresholds)
    card = (root / "models" / "left" / "README.md").read_text()
    assert card == model_card(after) != model_card(before)
    assert len(store.load("left").classes_) == 7


@pytest.mark.parametrize(
    ("field", "change", "words"),
    [
        (
            "proba",
            lambda p: np.where(np.arange(len(p))[:, None] == 3, np.nan, p),
            "row 3 holds NaN",
        ),
        ("proba", lambda p: p[:, :6], "must sum to 1"),
        ("names", lambda names: names[::-1], "of other test pictures"),
    ],
)
def test_wrong_probabilities_give_a_sentence_and_no_figure(alone, capsys, field, change, words):
    path = alone / "probabilities" / "right.npz"
    validation, test = load_predictions(path)
    save_predictions(path, validation, replace(test, **{field: change(getattr(test, field))}))
    before = (alone / "results" / "right.json").read_bytes()
    assert main([str(alone), "--again"]) == 2
    error = capsys.readouterr().err
    assert "right" in error
    assert words in error
    assert error.count("\n") == 1
    assert (alone / "results" / "right.json").read_bytes() == before


def test_validation_pictures_in_another_order_are_refused(alone, capsys):
    path = alone / "probabilities" / "right.npz"
    validation, test = load_predictions(path)
    save_predictions(path, validation.subset(np.arange(len(validation))[::-1]), test)
    assert main([str(alone), "--again"]) == 2
    assert "of other validation pictures" in capsys.readouterr().err


def test_a_result_of_another_run_is_not_made_one_of_this(alone, capsys):
    path = alone / "results" / "right.json"
    content = json.loads(path.read_text())
    content["run"]["seed"] = 7
    path.write_text(json.dumps(content))
    before = path.read_bytes()
    assert main([str(alone), "--again"]) == 2
    assert "a run with another seed than this folder's" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_folder_without_results_is_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "no results here" in capsys.readouterr().err


def test_what_validation_chose_comes_first(alone):
    results = RunFolder(alone).results()
    saved = {r.name: load_predictions(alone / "probabilities" / f"{r.name}.npz") for r in results}
    losses = {name: log_loss(p.proba, p.y) for name, (p, _) in saved.items()}
    assert main([str(alone)]) == 0
    text = (alone / "report.md").read_text()
    best = min(losses, key=losses.get)
    assert f"Best on validation: {best}, right on " in text
    assert ("Highest on the test pictures themselves" in text) == (best != results[0].name)
    assert "70 test pictures tell models apart only where they differ much" in text
    # Columns are explained in print, too.
    assert "**log loss**: Mean negative log probability" in text
    assert "<b>log loss</b>: Mean negative log probability" in (alone / "report.html").read_text()
