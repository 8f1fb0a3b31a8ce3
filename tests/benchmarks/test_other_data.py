import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks import preparing
from benchmarks import run as run_module
from benchmarks.other_data import measure_other
from benchmarks.other_pictures import load_other
from benchmarks.results import RunFolder
from benchmarks.run import main
from benchmarks.stored import StoredModels
from fer_core.errors import DataError
from fer_core.labels import LABELS, SCHEMES, own_scheme

pytestmark = pytest.mark.usefixtures("in_process")


def written(root, dataset, index, names):
    """Write made faces as folders with other people's class names."""
    for i in index:
        folder = root / names[LABELS[dataset.y[i]]]
        folder.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / f"{i}.png"), dataset.faces[i])


@pytest.fixture
def other(tmp_path, made_dataset):
    """Made faces of another seed: three classes, one of them numbered, and contempt."""
    dataset = made_dataset(n=70, seed=7)
    kept = np.flatnonzero(np.isin(dataset.y, [3, 4, 0]))
    root = tmp_path / "elsewhere"
    written(root, dataset, kept, {"happy": "Happiness", "sad": "Sadness", "angry": "6"})
    written(root, dataset, np.flatnonzero(dataset.y == 1), {"disgust": "contempt"})
    return root


def read(out, name="elsewhere"):
    return json.loads((out / "other" / name / "report.json").read_text())


def test_models_of_a_run_are_measured(measured_job, other, capsys):
    out = measured_job.folder.root
    assert main(["--out", str(out), "--test-on", str(other), "--map", "6=anger"]) == 0
    content = read(out)
    assert (content["n"], content["n_missed"]) == (30, 0)
    assert content["counts"]["angry"] == content["counts"]["happy"] == 10
    assert content["ignored"] == {"contempt": 10}
    assert content["n_copied"] is None
    assert set(content["models"]) == {"left", "right", "ensemble"}
    right = content["models"]["right"]
    with np.load(out / "other" / "elsewhere" / "probabilities.npz") as stored:
        accuracy = (stored["proba_right"].argmax(axis=1) == stored["y"]).mean()
        # Both figures come from the same seven columns; in basic4 disgust, fear and anger go.
        basic = np.isin(stored["y"], [3, 4])
        four = stored["proba_right"][basic][:, [3, 4, 5, 6]].argmax(axis=1)
        expected = (four == np.array([0, 1])[stored["y"][basic] - 3]).mean()
    assert right["all"]["fer7"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert right["all"]["basic4"]["accuracy"] == pytest.approx(expected, abs=1e-6)
    assert right["all"]["fer7"]["per_class"]["fear"]["recall"] is None
    assert right["trained_on"]["dataset"] == "made"
    printed = capsys.readouterr().out
    assert "Classes left out: contempt (10)" in printed
    assert "No picture is disgust or fear or surprise or neutral" in printed
    assert "| right | made |" in printed
    for name in ("report.md", "report.html"):
        assert "Whether copies of these" in (out / "other" / "elsewhere" / name).read_text()


def test_models_that_a_run_has_forgotten_are_not_measured(measured_job, other, tmp_path):
    out = shutil.copytree(measured_job.folder.root, tmp_path / "run")
    RunFolder(out).forget("left")
    assert main(["--out", str(out), "--test-on", str(other), "--map", "6=anger"]) == 0
    assert set(read(out)["models"]) == {"right", "ensemble"}


def test_shipped_models_are_measured_where_out_holds_none(measured_job, other, capsys):
    place = measured_job.folder.root.parent / "elsewhere-out"
    argv = ["--models", "hog-svm", "--out", str(place), "--test-on", str(other), "--map", "6=anger"]
    assert main(argv) == 0
    content = json.loads((place / "elsewhere" / "report.json").read_text())
    assert list(content["models"]) == ["hog-svm"]
    capsys.readouterr()


def test_pictures_that_a_model_learnt_from(measured_job, other, made_dataset, tmp_path, capsys):
    out = measured_job.folder.root
    written(tmp_path / "made", made_dataset(), np.arange(70), {label: label for label in LABELS})
    assert main(["--out", str(out), "--test-on", str(tmp_path / "made")]) == 0
    assert "fitted on pictures of a folder called 'made'" in capsys.readouterr().out
    picture = next((other / "Happiness").iterdir())
    picture.rename(picture.with_name(f"Training_1{picture.suffix}"))
    argv = ["--models", "hog-svm", "--out", str(tmp_path / "out"), "--test-on", str(other)]
    assert main([*argv, "--map", "6=anger"]) == 2
    assert "those of FER2013's Training part, on which 'hog-svm'" in capsys.readouterr().err


def test_a_table_of_training_pictures_is_refused(measured_job, tmp_path, capsys):
    pixels = " ".join(["0", "255"] * 1152)
    rows = [f"{label},{pixels},Training" for label in (3, 4) for _ in range(3)]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]))
    argv = ["--models", "hog-svm", "--out", str(tmp_path / "out")]
    assert main([*argv, "--test-on", str(tmp_path / "fer2013.csv")]) == 2
    assert "those of FER2013's Training part, on which 'hog-svm'" in capsys.readouterr().err


def test_unknown_names_are_refused(measured_job, other, capsys):
    out = measured_job.folder.root
    assert main(["--out", str(out), "--test-on", str(other)]) == 2
    error = capsys.readouterr().err
    assert "the class '6' spells none of the labels" in error
    assert "--map 6=LABEL" in error
    assert error.count("\n") == 1


def test_with_a_dataset_models_are_fitted_and_copies_found(
    tmp_path, made_dataset, linear, monkeypatch, capsys
):
    dataset = made_dataset()
    monkeypatch.setattr(preparing, "load_dataset", lambda args: dataset)
    monkeypatch.setattr(run_module, "known_models", lambda **options: {"left": linear("left")})
    elsewhere = tmp_path / "elsewhere"
    fitted = np.flatnonzero(dataset.parts == "training")
    # All training pictures of one class come back, and as many new ones.
    written(elsewhere, dataset, fitted[dataset.y[fitted] == 3], {"happy": "happy"})
    new = made_dataset(seed=9)
    written(elsewhere, new, np.flatnonzero(new.y == 4)[:10], {"sad": "sad"})
    argv = ["--dataset", "demo", "--models", "left", "--out", str(tmp_path / "out")]
    assert main([*argv, "--test-on", str(elsewhere)]) == 0
    content = read(tmp_path / "out")
    assert (content["n"], content["n_copied"]) == (20, 10)
    left = content["models"]["left"]
    assert left["without_copies"]["fer7"]["n"] == 10
    assert left["without_copies"]["fer7"]["per_class"]["happy"]["n"] == 0
    assert "10 have a near copy" in capsys.readouterr().out


def test_a_given_test_part_is_measured_alone(tmp_path, make_tree):
    make_tree(tmp_path, per_class=2)
    pictures = load_other(tmp_path, {}, SCHEMES["fer7"], crop="never")
    assert len(pictures.dataset) == 14
    assert pictures.part == "the test part"
    assert set(pictures.dataset.parts) == {"public_test"}


def test_pictures_without_a_face_are_errors(measured_job, tmp_path):
    rng = np.random.default_rng(0)
    for label in ("happy", "sad"):
        (tmp_path / label).mkdir()
        for i in range(3):
            face = rng.integers(0, 256, (48, 48), dtype=np.uint8)
            assert cv2.imwrite(str(tmp_path / label / f"{i}.png"), face)
        # Large and empty: searched for a face, and none is there.
        assert cv2.imwrite(str(tmp_path / label / "wall.png"), np.full((160, 160), 99, np.uint8))
    pictures = load_other(tmp_path, {}, SCHEMES["fer7"])
    assert (len(pictures.dataset), pictures.n_missed) == (6, 2)
    models = StoredModels(measured_job.store(), ["right"])
    content, probas = measure_other(models, pictures, lambda text: None)
    right = (probas["right"].argmax(axis=1) == pictures.dataset.y).sum()
    figures = content["models"]["right"]
    assert figures["accuracy_with_missed"] == pytest.approx(right / 8, abs=1e-6)


@pytest.fixture
def of_own_classes(tmp_path, made_job, made_dataset, linear):
    """A run's store with a model of two classes that are none of FER2013's."""
    from benchmarks.measuring import fit_and_measure

    job = made_job(tmp_path / "run", made_dataset(scheme=own_scheme(["awake", "asleep"])))
    fit_and_measure(job, linear("left"), lambda text: None)
    return job


def test_models_of_own_classes_are_measured(of_own_classes, tmp_path, made_dataset, capsys):
    other = tmp_path / "elsewhere"
    dataset = made_dataset(n=14)
    names = dict(zip(LABELS, ["Awake", "asleep", *LABELS[2:]], strict=True))
    written(other, dataset, range(14), names)
    argv = ["--out", str(of_own_classes.folder.root), "--test-on", str(other)]
    assert main([*argv, "--models", "left"]) == 0
    content = read(of_own_classes.folder.root)
    assert content["counts"] == {"awake": 2, "asleep": 2}
    assert content["ignored"] == dict.fromkeys(LABELS[2:], 2)
    with np.load(of_own_classes.folder.root / "other/elsewhere/probabilities.npz") as stored:
        accuracy = (stored["proba_left"].argmax(axis=1) == stored["y"]).mean()
    figures = content["models"]["left"]["all"][content["scheme"]]
    assert figures["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert "Classes left out: fear (2)" in capsys.readouterr().out


def test_pictures_of_other_classes_are_refused(of_own_classes, tmp_path, made_dataset, capsys):
    written(tmp_path / "other", made_dataset(n=14), range(14), {label: label for label in LABELS})
    argv = ["--out", str(of_own_classes.folder.root), "--models", "left"]
    assert main([*argv, "--test-on", str(tmp_path / "other")]) == 2
    assert "is, or is taken for, one of awake, asleep;" in capsys.readouterr().err
    pictures = load_other(tmp_path / "other", {}, SCHEMES["fer7"], crop="never")
    with pytest.raises(DataError, match="'left' knows the classes awake, asleep"):
        measure_other(StoredModels(of_own_classes.store()), pictures, lambda text: None)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--test-on", "nowhere"], "no such file or folder"),
        (["--test-on", "nowhere", "--map", "6"], "expected NAME=LABEL"),
        (["--test-on", "nowhere", "--models", "rigth"], "Did you mean 'right'?"),
        (["--test-on", "nowhere", "--data", "x"], "--data needs --dataset"),
        (["--test-on", ".", "--folds", "5"], "--folds changes nothing where --test-on measures"),
        (["--test-on", ".", "--drop", "a.csv"], "--drop changes nothing"),
        (["--test-on", ".", "--max-ms", "5"], "--max-ms changes nothing"),
        (["--test-on", ".", "--stored", "left"], "which --models chooses"),
    ],
)
def test_wrong_options_are_one_sentence(measured_job, capsys, argv, words):
    assert main(["--out", str(measured_job.folder.root), *argv]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_beside_privatetest_publictest_chose_and_is_left_out(measured_job, tmp_path, make_tree):
    make_tree(tmp_path, per_class=2)
    make_tree(tmp_path, per_class=2, test_part="PrivateTest", seed=1)
    pictures = load_other(tmp_path, {}, SCHEMES["fer7"], crop="never")
    assert pictures.part == "PrivateTest"
    assert set(pictures.dataset.parts) == {"private_test"}


def test_a_model_is_not_measured_on_pictures_that_chose_it(measured_job, tmp_path, make_tree):
    make_tree(tmp_path, per_class=2)
    public = load_other(tmp_path, {}, SCHEMES["fer7"], crop="never")
    models = StoredModels(measured_job.store(), ["right"])
    known = {"dataset": "fer2013", "protocol": "development: chosen on one tenth"}
    models.entries["right"] = replace(models.entries["right"], trained_on=known)
    assert measure_other(models, public, lambda text: None)[0]["n"] == 14
    known = {**known, "protocol": "official: chosen on PublicTest"}
    models.entries["right"] = replace(models.entries["right"], trained_on=known)
    with pytest.raises(DataError, match="PublicTest part, on which 'right' was fitted or chosen"):
        measure_other(models, public, lambda text: None)


def test_persons_can_be_named(measured_job, other, tmp_path, capsys):
    out = measured_job.folder.root
    argv = ["--out", str(out), "--test-on", str(other), "--map", "6=anger"]
    assert main(argv) == 0
    alone = read(out)
    assert "counts as one of another person" in capsys.readouterr().out
    pictures = sorted(path.name for path in other.rglob("*.png"))
    rows = [f"{name},{i % 3}" for i, name in enumerate(pictures)]
    (tmp_path / "persons.csv").write_text("\n".join(["picture,group", *rows]))
    assert main([*argv, "--groups", str(tmp_path / "persons.csv")]) == 0
    known = read(out)
    assert (alone["persons"], known["persons"]) == (None, 3)
    assert "counts as one of another person" not in capsys.readouterr().out
    widths = [
        np.ptp(content["models"]["right"]["all"]["fer7"]["intervals"]["accuracy"])
        for content in (alone, known)
    ]
    assert widths[0] != widths[1]


def test_classes_are_checked_before_anything_is_fitted(other, tmp_path, made_dataset, monkeypatch):
    monkeypatch.setattr(preparing, "load_dataset", lambda args: made_dataset())
    monkeypatch.setattr(run_module, "run", lambda *args, **kwargs: pytest.fail("it fitted"))
    argv = ["--dataset", "demo", "--models", "hog-svm", "--out", str(tmp_path / "out")]
    assert main([*argv, "--test-on", str(other)]) == 2
