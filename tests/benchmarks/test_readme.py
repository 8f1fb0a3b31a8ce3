import json
import re
import shutil

import pytest

from benchmarks.publish import main as publish
from benchmarks.readme import main
from fer_core.model_store import ModelStore


@pytest.fixture
def run_folder(measured_job, tmp_path):
    copy = shutil.copytree(measured_job.folder.root, tmp_path / "run")
    (copy / "figures" / "mistakes.png").write_bytes(b"pictures of people")
    return copy


@pytest.fixture
def root(run_folder, tmp_path):
    """A repository with the results of one run and a README that shows them."""
    root = tmp_path / "repository"
    assert publish([str(run_folder), "--root", str(root), "--model", "landmarks=right"]) == 0
    (root / "README.md").write_text(
        "Before.\n<!-- table:made/models -->\nold\n<!-- /table -->\nBetween.\n"
        "<!-- table:made/classes/left --><!-- /table -->\nAfter.\n".replace("--><", "-->\n<")
    )
    return root


def test_tables_are_written_and_then_fresh(root, capsys):
    argv = ["--root", str(root)]
    assert main([*argv, "--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert main(argv) == 0
    assert main([*argv, "--check"]) == 0
    text = (root / "README.md").read_text()
    assert "old" not in text
    assert [w for w in ("Before.", "Between.", "After.") if w not in text] == []
    result = json.loads((root / "benchmarks/results/made/left.json").read_text())
    accuracy = result["metrics"]["fer7"]["all"]["accuracy"]
    assert re.search(rf"\| left \| {accuracy:.3f} \|", text)
    assert "class (left)" in text


def test_a_folder_without_a_readme_is_refused(tmp_path, capsys):
    assert main(["--root", str(tmp_path), "--check"]) == 2
    assert "there is no README.md here" in capsys.readouterr().err


def test_tables_of_studies(root):
    (root / "README.md").write_text("<!-- table:made/pairs -->\n<!-- /table -->\n")
    assert main(["--root", str(root)]) == 0
    text = (root / "README.md").read_text()
    assert text.count("\n| ") == 1 + 3  # a head and three pairs
    assert "p, corrected" in text


def test_changed_result_makes_the_readme_stale(root):
    argv = ["--root", str(root)]
    assert main(argv) == 0
    path = root / "benchmarks/results/made/left.json"
    result = json.loads(path.read_text())
    result["metrics"]["fer7"]["all"]["accuracy"] = 0.123
    path.write_text(json.dumps(result))
    assert main([*argv, "--check"]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!-- table:made/none -->\n<!-- /table -->", "no table 'made/none'"),
        ("<!-- table:other/models -->\n<!-- /table -->", "no results"),
        ("<!-- table:made/models -->\n", "no '<!-- /table -->'"),
    ],
)
def test_wrong_markers_are_one_sentence(root, capsys, text, words):
    (root / "README.md").write_text(text)
    assert main(["--root", str(root)]) == 2
    assert words in capsys.readouterr().err


def test_nothing_is_published_into_installed_packages(run_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.publish.CHECKOUT", tmp_path / "site-packages")
    assert publish([str(run_folder)]) == 2
    assert "this is no repository" in capsys.readouterr().err
    assert not (tmp_path / "site-packages").exists()


def test_pictures_are_never_published(root):
    figures = {p.name for p in (root / "docs/figures/made").iterdir()}
    assert "accuracy.png" in figures
    assert "mistakes.png" not in figures


def test_published_model_has_its_standing_name(root, measured_job):
    model = ModelStore(root / "models", trusted=True).load("landmarks")
    assert model.predict_proba(measured_job.split.test.faces[:2]).shape == (2, 7)


def test_what_is_of_other_pictures_is_not_replaced(root, run_folder, capsys):
    argv = [str(run_folder), "--root", str(root)]
    assert publish(argv) == 0  # the same pictures again
    drawn = root / "docs" / "figures" / "made" / "keep.png"
    results = root / "benchmarks" / "results" / "made"
    for path in results.glob("*.json"):
        content = json.loads(path.read_text())
        content["run"]["fingerprint"] = "other"
        path.write_text(json.dumps(content))
    drawn.parent.mkdir(parents=True, exist_ok=True)
    drawn.write_bytes(b"kept")
    assert publish(argv) == 2
    assert "something else than results on these pictures" in capsys.readouterr().err
    shutil.rmtree(results)  # figures of something else may bear the name of a folder of pictures
    assert publish(argv) == 2
    assert drawn.read_bytes() == b"kept"
    shutil.rmtree(drawn.parent)
    assert publish(argv) == 0


def test_what_the_run_lacks_stays_unless_asked(root, run_folder, tmp_path, capsys):
    argv = [str(run_folder), "--root", str(root)]
    assert publish(argv) == 0
    results = root / "benchmarks" / "results" / "made"
    more = results / "native" / "valence3" / "more.json"
    more.parent.mkdir(parents=True, exist_ok=True)
    for path in (results / "more.json", more):
        shutil.copyfile(results / "right.json", path)
    assert publish(argv) == 2
    assert "(more, valence3/more)" in capsys.readouterr().err
    assert (results / "more.json").is_file()
    assert publish([*argv, "--only-these"]) == 0
    assert not (results / "more.json").exists()


def test_ensemble_is_published_with_its_members(root, run_folder, tmp_path, capsys):
    argv = [str(run_folder), "--root", str(root), "--model", "ensemble=ensemble"]
    assert publish(argv) == 0
    store = ModelStore(root / "models", trusted=True)
    assert store.load("ensemble").spec.members
    assert publish([*argv[:-1], "best=ensemble"]) == 2
    kept = {path: path.read_bytes() for path in (root / "benchmarks").rglob("*.json")}
    assert publish([*argv[:-1], "cnn=typo"]) == 2
    assert publish([*argv[:-1], "ensemble=right"]) == 2  # the name of another model there
    unfinished = tmp_path / "unfinished"
    shutil.copytree(run_folder, unfinished)
    (unfinished / "results" / "right.json").unlink()
    capsys.readouterr()
    assert publish([str(unfinished), *argv[1:-1], "landmarks=right"]) == 2
    assert "'right' is not finished" in capsys.readouterr().err
    assert kept
    assert {path: path.read_bytes() for path in kept} == kept
