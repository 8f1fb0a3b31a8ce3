import shutil
import zipfile

import numpy as np
import pytest

from fer_core.datasets import decoding
from fer_core.datasets.fer2013 import load_fer2013
from fer_core.errors import DataError
from fer_core.labels import LABELS
from fer_core.splits import make_split

HEADER = "emotion,pixels,Usage"
USAGES = ("Training", "PublicTest", "PrivateTest")


@pytest.fixture
def folder(tmp_path, make_tree):
    make_tree(tmp_path / "fer2013")
    return tmp_path / "fer2013"


@pytest.fixture
def faces(tmp_path, make_tree):
    return make_tree(tmp_path / "fer2013")


def _rows(n=9):
    random = np.random.default_rng(1)
    faces = random.integers(0, 256, (n, 48, 48), dtype=np.uint8)
    lines = [
        f"{i % 7},{' '.join(map(str, face.ravel()))},{USAGES[i % 3]}"
        for i, face in enumerate(faces)
    ]
    return faces, lines


def _csv(path, lines, header=HEADER):
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def _assert_holds(dataset, faces):
    assert sorted(dataset.names) == sorted(faces)
    for face, name, y, part in zip(
        dataset.faces, dataset.names, dataset.y, dataset.parts, strict=True
    ):
        np.testing.assert_array_equal(face, faces[name])
        assert LABELS[y] == name.split("/")[1]
        assert part == ("training" if name.startswith("train/") else "public_test")


def test_folders(folder, faces):
    dataset = load_fer2013(folder)
    _assert_holds(dataset, faces)
    assert dataset.scheme.name == "fer7"
    assert dataset.notes == {}
    assert len(set(dataset.groups)) == len(dataset)


@pytest.mark.parametrize("form", ["zip", "gztar", "tar"])
def test_archives_hold_the_same(folder, faces, form, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "archive"), form, folder)
    dataset = load_fer2013(archive)
    _assert_holds(dataset, faces)
    assert dataset.fingerprint() == load_fer2013(folder).fingerprint()


def test_private_test_is_told_by_file_names(tmp_path, make_tree):
    make_tree(tmp_path, test_part="PrivateTest")
    assert set(load_fer2013(tmp_path).parts) == {"training", "private_test"}


@pytest.mark.parametrize(
    "header", [HEADER, "emotion, Usage, pixels", "\ufeffemotion,pixels,Usage", "emotion,pixels"]
)
def test_csv_headers(tmp_path, header):
    faces, lines = _rows()
    split = [line.split(",") for line in lines]
    columns = [c.strip() for c in header.lstrip("\ufeff").split(",")]
    order = [HEADER.split(",").index(c) for c in columns]
    dataset = load_fer2013(
        _csv(tmp_path / "data.csv", [",".join(row[i] for i in order) for row in split], header)
    )
    np.testing.assert_array_equal(dataset.faces, faces)
    assert dataset.y.tolist() == [i % 7 for i in range(9)]
    assert dataset.names[2] == "row00002"
    parts = ("training", "public_test", "private_test") if "Usage" in header else ("", "", "")
    assert dataset.parts.tolist() == [parts[i % 3] for i in range(9)]


def test_csv_in_an_archive_beside_others(tmp_path):
    faces, lines = _rows()
    table = _csv(tmp_path / "fer2013.csv", lines)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(table, "challenge/fer2013.csv")
        archive.writestr("challenge/example_submission.csv", "a,b\n")
    np.testing.assert_array_equal(load_fer2013(tmp_path / "a.zip").faces, faces)


def test_two_tables_to_choose_from_are_refused(tmp_path):
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"several tables \(test.csv, train.csv\)"):
        load_fer2013(tmp_path)


def _spoil_row(row, what):
    label, pixels, usage = row.split(",")
    return {
        "2303 pixels, where FER2013 has 2304": f"{label},{pixels.rpartition(' ')[0]},{usage}",
        "label '9', where FER2013 has 0 to 6": f"9,{pixels},{usage}",
        "label '-1'": f"-1,{pixels},{usage}",
        "label '²'": f"²,{pixels},{usage}",
        "label ''": f",{pixels},{usage}",
        "pixels outside 0 to 255": f"{label},256 {pixels.partition(' ')[2]},{usage}",
        "pixels that are not whole numbers": f"{label},x {pixels.partition(' ')[2]},{usage}",
        "only 1 columns": "3",
        "Usage 'Final'": f"{label},{pixels},Final",
    }[what]


@pytest.mark.parametrize(
    "what",
    [
        "2303 pixels, where FER2013 has 2304",
        "label '9', where FER2013 has 0 to 6",
        "label '-1'",
        "label '²'",
        "label ''",
        "pixels outside 0 to 255",
        "pixels that are not whole numbers",
        "only 1 columns",
        "Usage 'Final'",
    ],
)
def test_a_broken_row_is_refused_or_skipped(tmp_path, what):
    faces, lines = _rows()
    lines[4] = _spoil_row(lines[4], what)
    table = _csv(tmp_path / "fer2013.csv", lines)
    with pytest.raises(DataError, match=r"1 of 9 can't be read: line 6: .*--skip-broken") as error:
        load_fer2013(table)
    assert what in str(error.value)
    dataset = load_fer2013(table, skip_broken=True)
    np.testing.assert_array_equal(dataset.faces, np.delete(faces, 4, axis=0))
    assert "row00004" not in dataset.names  # later rows keep their numbers, for FER+
    assert dataset.names[-1] == "row00008"
    assert len(dataset.notes["skipped"]) == 1
    with pytest.raises(DataError, match="can't be read"):  # also once it is in the cache
        load_fer2013(table)


def test_every_row_broken_is_refused_even_when_skipping(tmp_path):
    _, lines = _rows()
    table = _csv(tmp_path / "fer2013.csv", [_spoil_row(r, "label '-1'") for r in lines])
    with pytest.raises(DataError, match=r"9 of 9 can't be read: line 2.*and 6 more"):
        load_fer2013(table, skip_broken=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "this is not FER2013's csv"),
        ("a,b,c\n1,2,3\n", "its header is 'a,b,c'"),
        (HEADER + "\n", "no rows"),
        (HEADER + "\n" + "1" * 200_000, "not a csv table"),
        ("\x00\x01\x02", "not"),
    ],
)
def test_what_is_no_fer2013_table(tmp_path, content, message):
    (tmp_path / "fer2013.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        load_fer2013(tmp_path / "fer2013.csv")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[: len(content) // 2], "cut off or damaged"),
        (lambda content: b"", "0 bytes"),
        (lambda content: b"hello", "not a picture"),
    ],
)
def test_a_broken_picture_is_refused_or_skipped(folder, faces, spoil, message):
    broken = folder / "train/fear/Training_8.png"
    broken.write_bytes(spoil(broken.read_bytes()))
    with pytest.raises(DataError, match=r"1 of 42 can't be read: train/fear/Training_8\.png") as e:
        load_fer2013(folder)
    assert message in str(e.value)
    dataset = load_fer2013(folder, skip_broken=True)
    (skipped,) = dataset.notes["skipped"]
    assert skipped.startswith("train/fear/Training_8.png: ")
    del faces["train/fear/Training_8.png"]
    _assert_holds(dataset, faces)


def test_pictures_of_another_size_are_not_fer2013(folder):
    import cv2

    cv2.imwrite(str(folder / "train/fear/Training_8.png"), np.zeros((50, 40), np.uint8))
    with pytest.raises(DataError, match="40x50 pixels, where FER2013 has 48x48"):
        load_fer2013(folder)


def test_an_empty_class_folder_is_refused(folder):
    for file in (folder / "test" / "sad").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="class folder 'test/sad' holds no pictures"):
        load_fer2013(folder)


def test_a_class_empty_in_every_part_is_named(folder):
    for part in ("train", "test"):
        for file in (folder / part / "disgust").iterdir():
            file.unlink()
    with pytest.raises(DataError, match="class folder 'test/disgust' holds no pictures"):
        load_fer2013(folder)


@pytest.mark.parametrize("labels", [("happy", "sad"), ("cat", "dog")])
def test_other_classes_are_not_fer2013(tmp_path, make_tree, labels):
    make_tree(tmp_path, labels=labels)
    with pytest.raises(DataError, match=r"not FER2013's seven.*--dataset folder"):
        load_fer2013(tmp_path)


def test_one_class_is_refused(tmp_path, make_tree):
    make_tree(tmp_path, labels=("happy",))
    with pytest.raises(DataError, match="all pictures are in one class"):
        load_fer2013(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="there is no such file or folder"):
        load_fer2013(tmp_path / "missing")


def test_an_archive_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match=r"a.zip: there are no pictures in class folders"):
        load_fer2013(tmp_path / "a.zip")


def test_the_second_start_decodes_nothing_and_a_change_is_seen(folder, faces, monkeypatch):
    first = load_fer2013(folder)
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode_picture", None)
        assert load_fer2013(folder).fingerprint() == first.fingerprint()
    one, other = folder / "train/happy/Training_10.png", folder / "train/happy/Training_11.png"
    one.write_bytes(other.read_bytes())
    changed = load_fer2013(folder)
    faces["train/happy/Training_10.png"] = faces["train/happy/Training_11.png"]
    _assert_holds(changed, faces)


def test_moving_a_picture_to_another_class_is_seen(folder, faces):
    load_fer2013(folder)
    (folder / "train/happy/Training_10.png").rename(folder / "train/sad/Training_10.png")
    faces["train/sad/Training_10.png"] = faces.pop("train/happy/Training_10.png")
    _assert_holds(load_fer2013(folder), faces)


@pytest.mark.slow
@pytest.mark.fer2013
def test_the_real_pictures(fer2013_folder):
    dataset = load_fer2013(fer2013_folder)
    parts, counts = np.unique(dataset.parts, return_counts=True)
    assert dict(zip(parts.tolist(), counts.tolist(), strict=True)) == {
        "public_test": 3589,
        "training": 28709,
    }
    training = dataset.subset(dataset.parts == "training")
    assert list(training.counts().values()) == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    split = make_split(dataset)
    assert split.protocol == "development"
    assert set(split.fitting.names).isdisjoint(split.test.names)
    # FER2013 leaks: some 8 % of PublicTest has a near copy in Training.
    assert 0.07 < split.test.copied.mean() < 0.09
