import argparse

import numpy as np
import pytest

from fer_core.cleaning import (
    add_cleaning_arguments,
    clean_split,
    describe_cleaning,
    read_cleaning,
)
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import LABELS, SCHEMES
from fer_core.model_entry import describe_model
from fer_core.splits import k_fold_splits, make_split


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    n = 210
    return Dataset(
        name="made",
        faces=rng.integers(0, 256, (n, 48, 48), dtype=np.uint8),
        y=np.arange(n) % 7,
        scheme=SCHEMES["fer7"],
        names=np.array([f"face{i:03d}" for i in range(n)]),
        parts=np.array(["training"] * 140 + ["public_test"] * 70),
        groups=np.arange(n),
    )


@pytest.fixture
def split(dataset):
    return make_split(dataset)


def asked(tmp_path, rows, header="name,action,label,reason,score", options=("drop", "relabel")):
    path = tmp_path / "reviewed.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    parser = argparse.ArgumentParser()
    add_cleaning_arguments(parser)
    return read_cleaning(parser.parse_args([w for o in options for w in (f"--{o}", str(path))]))


def test_only_fitting_pictures_change(dataset, split, tmp_path):
    fitting = split.fitting.names
    validation = split.validation.names
    rows = [
        f"{fitting[0]},drop,,no face,0.9",
        f"{fitting[1]},relabel,Happiness,likely wrong,0.8",
        f"{fitting[2]},relabel,{LABELS[split.fitting.y[2]]},was right,0.1",
        f"{validation[0]},drop,,,",
        f"{validation[1]},relabel,happy,,",
    ]
    cleaned = clean_split(split, asked(tmp_path, rows), dataset)
    assert cleaned.fitting.names.tolist() == fitting[1:].tolist()
    assert cleaned.fitting.y[0] == LABELS.index("happy")
    assert np.array_equal(cleaned.fitting.y[1:], split.fitting.y[2:])
    assert cleaned.validation is split.validation
    assert cleaned.test is split.test
    assert cleaned.fitting.role == "fit"
    note = cleaned.fitting.notes["cleaning"]
    assert (note["dropped"], note["relabelled"], note["left_in_validation"]) == (1, 1, 2)
    assert note["fitted_on"] == len(cleaned.fitting) == len(split.fitting) - 1
    was = LABELS[split.fitting.y[1]]
    assert note["classes"][was]["to_others"] == (was != "happy")
    assert note["classes"]["happy"]["after"] == (cleaned.fitting.y == 3).sum()
    assert "1 relabelled after reviewed.csv" in describe_cleaning(note)
    assert "2 validation pictures" in describe_cleaning(note)
    entry = describe_model("m", "landmarks", "loader", cleaned, "")
    assert "1 relabelled" in entry.trained_on["cleaning"]
    assert "cleaning" not in describe_model("m", "landmarks", "loader", split, "").trained_on


def test_each_option_takes_its_own_rows(dataset, split, tmp_path):
    a, b = split.fitting.names[:2]
    rows = [f"{a},drop,,,", f"{b},relabel,{LABELS[(split.fitting.y[1] + 1) % 7]},,"]
    dropped = clean_split(split, asked(tmp_path, rows, options=["drop"]), dataset)
    assert dropped.fitting.notes["cleaning"]["relabelled"] == 0
    assert a not in dropped.fitting.names
    relabelled = clean_split(split, asked(tmp_path, rows, options=["relabel"]), dataset)
    assert a in relabelled.fitting.names
    assert relabelled.fitting.notes["cleaning"]["relabelled"] == 1


def test_a_list_of_names_is_enough_to_drop(dataset, split, tmp_path):
    names = split.fitting.names[:3]
    cleaning = asked(tmp_path, names, header="name", options=["drop"])
    assert len(clean_split(split, cleaning, dataset).fitting) == len(split.fitting) - 3


def test_nothing_asked_nothing_changed(dataset, split):
    parser = argparse.ArgumentParser()
    add_cleaning_arguments(parser)
    assert read_cleaning(parser.parse_args([])) is None
    assert clean_split(split, None, dataset) is split


def test_test_pictures_are_refused(dataset, split, tmp_path):
    rows = [f"{split.test.names[4]},relabel,happy,,"]
    with pytest.raises(ProtocolError, match=r"reviewed.csv: names 1 test pictures \('face144'"):
        clean_split(split, asked(tmp_path, rows), dataset)


def test_in_cross_validation_each_picture_measures_unchanged(dataset, tmp_path):
    rows = ["face000,drop,,,", "face001,relabel,sad,,"]
    cleaning = asked(tmp_path, rows)
    kept = []
    for fold in k_fold_splits(dataset, 3):
        cleaned = clean_split(fold, cleaning, dataset)
        assert "face000" not in cleaned.fitting.names
        assert np.array_equal(cleaned.test.reveal().y, fold.test.reveal().y)
        kept += cleaned.test.names.tolist()
    assert {"face000", "face001"} <= set(kept)


def test_digests_tell_what_was_asked(tmp_path):
    digests = {
        asked(tmp_path, rows).digest()
        for rows in (["a,drop,,,"], ["b,drop,,,"], ["a,relabel,sad,,"], ["a,relabel,happy,,"])
    }
    assert len(digests) == 4
    assert asked(tmp_path, ["a,drop,,,", "b,drop,,,"]).digest() == (
        asked(tmp_path, ["b,drop,,again,1", "a,drop,,,"]).digest()
    )


def test_labels_that_a_scheme_joins_are_joined(dataset, tmp_path):
    split = make_split(dataset).in_scheme(SCHEMES["active5"])
    a, b = split.fitting.names[:2]
    rows = [f"{a},relabel,neutral,,", f"{b},relabel,Sadness,,"]
    cleaned = clean_split(split, asked(tmp_path, rows), dataset)
    assert a not in cleaned.fitting.names  # neutral is none of the five
    where = cleaned.fitting.names.tolist().index(b)
    assert cleaned.fitting.scheme.labels[cleaned.fitting.y[where]] == "sad"


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        (["face9999,drop"], "name,action", "'made' has no picture 'face9999'"),
        (["face000,relabel,hapy"], "name,action,label", "Did you mean 'happy'"),
        (["face000,relabel,"], "name,action,label", "line 2 says to relabel 'face000' and gives"),
        (["face000,mend,"], "name,action,label", "an action that is drop, relabel or keep"),
        (["face000,keep"], "name,verdict", "name the column that says so 'action'"),
        (["face000,drop,", "face000,relabel,sad"], "name,action,label", "decide for one"),
        (["face000,relabel,sad", "face000,relabel,fear"], "name,action,label", "a second label"),
        (["face000"], "picture", "needs a csv with the column 'name'"),
        (["face000,drop"], "name,action", "needs a csv with the column 'label'"),
    ],
)
def test_wrong_tables_are_refused(dataset, split, tmp_path, rows, header, words):
    options = ["drop"] if "9999" in rows[0] else ["drop", "relabel"]
    with pytest.raises(DataError, match=words):
        clean_split(split, asked(tmp_path, rows, header, options), dataset)


def test_missing_tables_are_refused(tmp_path):
    parser = argparse.ArgumentParser()
    add_cleaning_arguments(parser)
    with pytest.raises(DataError, match="there is no such table"):
        read_cleaning(parser.parse_args(["--drop", str(tmp_path / "none.csv")]))


def test_a_class_left_empty_is_refused(dataset, split, tmp_path):
    rows = [f"{name},drop,,," for name in split.fitting.names[split.fitting.y == 1]]
    with pytest.raises(DataError, match="no picture of class 'disgust' to fit on"):
        clean_split(split, asked(tmp_path, rows), dataset)


def test_a_model_fitted_on_cleaned_pictures_is_of_their_division(dataset, split, tmp_path):
    name = split.fitting.names[0]
    cleaned = clean_split(split, asked(tmp_path, [f"{name},drop,,,"]), dataset)
    entry = describe_model("mine", "landmarks", "loader", cleaned, "MIT")
    assert entry.fitted_on(cleaned.fitting)
    assert not entry.fitted_on(split.fitting)
    assert not entry.fitted_on_others_of(split.fitting)
    assert not entry.fitted_on_others_of(cleaned.fitting)
    assert entry.fitted_on_others_of(make_split(dataset, seed=1).fitting)
