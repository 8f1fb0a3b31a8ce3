import numpy as np
import pytest

from fer_core.datasets.dataset import Dataset
from fer_core.datasets.folder import load_folder
from fer_core.datasets.mapping import in_classes_of, in_fer7, parse_mapping, with_labels
from fer_core.errors import DataError
from fer_core.labels import LABELS, SCHEMES, Scheme, own_scheme


def pictures(scheme, y, **notes):
    n = len(y)
    return Dataset(
        name="mine",
        faces=np.arange(n, dtype=np.uint8)[:, None, None] * np.ones((1, 48, 48), np.uint8),
        y=np.array(y),
        scheme=scheme,
        names=np.array([f"{i}.png" for i in range(n)]),
        parts=np.array([""] * n),
        groups=np.arange(n),
        notes=notes,
    )


def test_numbers_are_mapped_by_hand():
    # RAF-DB numbers its classes, and in another order.
    rafdb = pictures(own_scheme(["1", "2", "7"]), [0, 1, 2, 0])
    found = in_fer7(rafdb, parse_mapping(["1=surprise,2=Fear", "7=neutral"]))
    assert [LABELS[code] for code in found.y] == ["surprise", "fear", "neutral", "surprise"]
    assert found.scheme.name == "fer7"


def test_a_comma_in_the_name_of_a_pair_alone_belongs_to_it():
    assert parse_mapping(["calm, at rest=neutral", "a=sad,b=fear,"]) == {
        "calm, at rest": "neutral",
        "a": "sad",
        "b": "fear",
    }
    assert parse_mapping(["6=happy,"]) == {"6": "happy"}


def test_some_labels_keep_their_meaning():
    some = Scheme("own", ("happy", "sad"), ((3,), (4,)))
    assert in_fer7(pictures(some, [1, 0, 1])).y.tolist() == [4, 3, 4]


def test_numbered_folders_can_be_learnt_from():
    numbered = pictures(own_scheme(["1", "2", "3"]), [0, 0, 1, 2, 2, 2])
    renamed = with_labels(numbered, {"1": "surprise", "2": "fear", "3": "drop"})
    assert renamed.scheme.labels == ("fear", "surprise")
    assert renamed.counts() == {"fear": 1, "surprise": 2}
    with pytest.raises(DataError, match=r"of one label \('fear'\)"):
        with_labels(numbered, {"1": "fear", "2": "fear", "3": "drop"})


def test_contempt_and_dropped_classes_are_left_out_and_counted():
    own = own_scheme(["Anger", "Contempt", "none", "happy"])
    found = in_fer7(pictures(own, [0, 1, 1, 2, 3]), {"none": "drop"})
    assert found.y.tolist() == [0, 3]
    assert found.names.tolist() == ["0.png", "4.png"]
    assert found.notes["ignored"] == {"Contempt": 2, "none": 1}


def test_unknown_classes_are_refused_with_what_to_do():
    own = own_scheme(["bored", "happy", "tired"])
    words = r"the classes 'bored', 'tired' spell none of.*--map bored=LABEL,tired=LABEL"
    with pytest.raises(DataError, match=words):
        in_fer7(pictures(own, [0, 1, 2]))
    own = own_scheme(["happy", "looks tired"])
    with pytest.raises(DataError, match=r"--map 'looks tired=LABEL'"):  # as a shell reads it
        in_fer7(pictures(own, [0, 1]))


def test_pictures_that_a_scheme_leaves_out_are_counted():
    found = in_classes_of(
        pictures(own_scheme(["Angry", "cross", "disgusted", "neutral"]), [0, 1, 2, 2, 3]),
        SCHEMES["active5"],
        {"cross": "angry"},
    )
    assert found.scheme == SCHEMES["active5"]
    assert found.y.tolist() == [0, 0]
    assert found.notes["ignored"] == {"disgusted": 2, "neutral": 1}


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"borred": "sad"}, "has no class 'borred'.*Did you mean 'bored'"),
        (
            {"bored": "drop", "happy": "drop"},
            r"none of its classes \(bored, happy\) is, or is taken for",
        ),
    ],
)
def test_mappings_that_do_not_fit_are_refused(mapping, words):
    with pytest.raises(DataError, match=words):
        in_fer7(pictures(own_scheme(["bored", "happy"]), [0, 1]), mapping)


def test_contempt_read_as_a_label_is_refused():
    own = Scheme("own", ("happy", "sad"), ((3,), (4,)))
    with pytest.raises(DataError, match="contempt is left out"):
        in_fer7(pictures(own, [0, 1], ignored={"contempt": 3}), {"contempt": "disgust"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bored", "expected NAME=LABEL"),
        ("bored=", "expected NAME=LABEL"),
        ("=sad", "expected NAME=LABEL"),
        ("bored=sda", r"Did you mean 'sad'\?"),
        ("bored=sad,bored=happy", "mapped to 'sad' and to 'happy'"),
    ],
)
def test_wrong_pairs_are_refused(text, words):
    with pytest.raises(DataError, match=words):
        parse_mapping([text])


def test_folders_of_other_names(tmp_path, make_tree):
    make_tree(tmp_path, labels=("Hapiness", "blah", "7_Contempt"))
    dataset = load_folder(tmp_path, crop="never")
    found = in_fer7(dataset, {"blah": "sad"})
    assert np.bincount(found.y, minlength=7).tolist() == [0, 0, 0, 6, 6, 0, 0]
    assert found.notes["ignored"] == {"7_Contempt": 6}
