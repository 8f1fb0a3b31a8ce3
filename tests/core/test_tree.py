from pathlib import Path

import pytest

from fer_core.datasets.tree import read_tree, refuse_empty_folders
from fer_core.errors import DataError
from fer_core.labels import LABELS

ROOT = Path("data")


def test_file_names_tell_which_part_of_a_test_folder():
    tree = read_tree(
        ROOT,
        [f"train/{label}/Training_1.jpg" for label in LABELS]
        + ["test/happy/PublicTest_1.jpg", "test/happy/PrivateTest_2.jpg", "test/sad/other.JPEG"],
    )
    assert tree.parts == ["training"] * 7 + ["public_test", "private_test", "test"]
    assert tree.y == [*range(7), 3, 3, 4]
    assert tree.scheme.name == "fer7"


@pytest.mark.parametrize(
    ("split", "part"),
    [("Train", "training"), ("valid", "validation"), ("val", "validation"), ("testing", "test")],
)
def test_split_folders(split, part):
    tree = read_tree(ROOT, [f"archive/{split}/happy/1.png", f"archive/{split}/sad/2.png"])
    assert tree.parts == [part, part]


def test_without_split_folders_there_are_no_parts():
    assert read_tree(ROOT, ["happy/1.png", "sad/2.png"]).parts == ["", ""]


def test_folders_a_person_inside_class_folders_are_no_classes():
    persons = ("s1", "Joy", "SA", "Val")  # of which three spell labels or a split
    pairs = [(c, person) for c in ("happy", "sad") for person in persons]
    names = [f"{split}/{c}/{p}/1.png" for split in ("train", "test") for c, p in pairs]
    tree = read_tree(ROOT, names)
    assert tree.scheme.labels == ("happy", "sad")
    assert tree.y == [0] * 4 + [1] * 4 + [0] * 4 + [1] * 4
    assert tree.parts == ["training"] * 8 + ["test"] * 8
    assert read_tree(ROOT, [f"{c}/s1/1.png" for c in LABELS]).scheme.name == "fer7"
    mixed = read_tree(ROOT, ["happy/1.png", "happy/s1/2.png", "sad/3.png", "contempt/s1/4.png"])
    assert (mixed.y, mixed.ignored) == ([0, 0, 1], {"contempt": 1})
    assert read_tree(ROOT, ["p1/happy/1.png", "p1/sad/2.png", "p2/sad/3.png"]).y == [0, 1, 1]


def test_what_all_folders_have_in_common_is_no_class():
    for form in ("train/images/{}/1.png", "Test/{}/faces/2.png", "data/set/{}/3.png"):
        tree = read_tree(ROOT, [form.format(c) for c in ("asleep", "awake")])
        assert tree.scheme.labels == ("asleep", "awake")
    both = ["train/images/asleep/1.png", "test/images/awake/2.png", "train/images/awake/3.png"]
    assert read_tree(ROOT, both).parts == ["training", "test", "training"]


@pytest.mark.parametrize(
    "names",
    [
        ["train/awake/anna/1.png", "train/asleep/anna/2.png", "test/awake/ben/3.png"],
        ["train/anna/awake/1.png", "train/anna/asleep/2.png", "test/ben/awake/3.png"],
        ["awake/1.png", "asleep/anna/2.png"],
        ["happy/sad/1.png", "sad/happy/2.png"],  # both levels spell labels
        ["happy/anna/1.png", "other/anna/2.png", "sad/ben/3.png"],  # and one name none
    ],
)
def test_classes_that_can_not_be_told_are_refused(names):
    with pytest.raises(DataError, match="is the class can't be told; let class folders"):
        read_tree(ROOT, names)


def test_a_split_inside_a_class_folder_is_refused():
    names = [f"{c}/{part}/anna/1.png" for c in ("happy", "sad") for part in ("train", "test")]
    with pytest.raises(DataError, match="'happy/train/anna' is a split's folder inside a class"):
        read_tree(ROOT, names)


def test_folders_a_person_may_be_empty_and_class_folders_not(tmp_path):
    tree = read_tree(tmp_path, ["happy/s1/1.png", "sad/s1/2.png", "contempt/s1/3.png"])
    for folder in ("happy/s1", "happy/s2", "sad/s1", "contempt/s1"):
        (tmp_path / folder).mkdir(parents=True)
    refuse_empty_folders(tmp_path, tree)
    (tmp_path / "angry").mkdir()
    with pytest.raises(DataError, match="class folder 'angry' holds no pictures"):
        refuse_empty_folders(tmp_path, tree)


def test_parts_may_lie_further_up():
    assert read_tree(ROOT, ["test/a/happy/1.png", "train/b/sad/1.png"]).parts == [
        "test",
        "training",
    ]


def test_usual_spellings_are_fer2013s_labels():
    folders = ["0_Anger", "disgusted", "Fearful", "happiness", "sadness", "Surprised", "NEUTRAL"]
    tree = read_tree(ROOT, [f"{folder}/1.jpg" for folder in folders])
    assert tree.scheme.name == "fer7"
    assert tree.y == list(range(7))


def test_some_of_fer2013s_labels_keep_its_order_and_projection():
    tree = read_tree(ROOT, ["neutral/1.jpg", "happiness/1.jpg", "sad/1.jpg"])
    assert tree.scheme.labels == ("happy", "sad", "neutral")
    assert tree.scheme.groups == ((3,), (4,), (6,))
    assert tree.y == [2, 0, 1]


def test_other_names_make_a_scheme_of_their_own():
    tree = read_tree(ROOT, ["bored/1.jpg", "happy/2.jpg", "contempt/3.jpg"])
    assert tree.scheme.labels == ("bored", "contempt", "happy")
    assert tree.y == [0, 2, 1]
    assert tree.ignored == {}


def test_contempt_beside_fer2013s_labels_is_left_out_and_counted():
    names = [f"{label}/1.jpg" for label in LABELS] + ["7_Contempt/1.jpg", "7_Contempt/2.jpg"]
    tree = read_tree(ROOT, names)
    assert tree.ignored == {"7_Contempt": 2}
    assert "7_Contempt/1.jpg" not in tree.pictures
    assert tree.scheme.name == "fer7"


@pytest.mark.parametrize("names", [["happy/1.jpg"], ["happy/1.jpg", "joy/2.jpg"]])
def test_one_class_is_refused(names):
    with pytest.raises(DataError, match=r"all pictures are in one class \('happy'\)"):
        read_tree(ROOT, names)


@pytest.mark.parametrize("names", [[], ["1.jpg"], ["happy/notes.txt", "sad/table.csv"]])
def test_no_pictures_in_class_folders(names):
    with pytest.raises(DataError, match="no pictures in class folders"):
        read_tree(ROOT, names)


def test_an_empty_class_folder_is_refused(tmp_path):
    names = ["train/happy/1.jpg", "train/sad/2.jpg"]
    for folder in ("train/happy", "train/sad", "train/.cache", "train/fear"):
        (tmp_path / folder).mkdir(parents=True)
    tree = read_tree(tmp_path, names)
    with pytest.raises(DataError, match="class folder 'train/fear' holds no pictures"):
        refuse_empty_folders(tmp_path, tree)
    (tmp_path / "train/fear").rmdir()
    refuse_empty_folders(tmp_path, tree)


def test_only_names_of_fer2013_s_pictures_tell_parts():
    names = ["happy/test_0.png", "sad/val_1.png", "sad/PublicTest_2.jpg", "sad/Training_3.jpg"]
    assert read_tree(ROOT, names).parts == ["", "", "public_test", "training"]


def test_ones_own_folders_say_more_than_fer2013s_names():
    names = ["test/happy/Training_0.jpg", "train/sad/PublicTest_2.jpg"]
    names += ["validation/happy/PrivateTest_4.jpg", "validation/sad/Training_5.jpg"]
    assert read_tree(ROOT, names).parts == ["test", "training", "validation", "validation"]


def test_a_test_folder_stays_whole_where_training_holds_other_parts():
    names = ["train/happy/Training_0.jpg", "train/sad/PrivateTest_1.jpg"]
    names += ["test/happy/PublicTest_2.jpg", "test/sad/PrivateTest_3.jpg"]
    assert read_tree(ROOT, names).parts == ["training", "training", "test", "test"]


def test_split_folders_in_class_folders_are_refused():
    names = [f"{label}/{part}/1.jpg" for label in ("happy", "sad") for part in ("train", "test")]
    with pytest.raises(DataError, match=r"named after splits \(test, train\).*train/<class>"):
        read_tree(ROOT, names)
