import shutil
import warnings

import cv2
import numpy as np
import pytest
import skimage.data

from fer_core.crop import FRAMING_VERSION, crop_faces, whole_picture_box
from fer_core.datasets.folder import _crop_kind, load_folder
from fer_core.datasets.options import notes_in_words
from fer_core.detectors import PHOTO_WORKING_SIDE, make_detector
from fer_core.errors import DataError
from fer_core.landmarks import LandmarkPredictor
from fer_core.splits import make_split


def _astronaut():
    return cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)


def _ready(value, shape=(64, 64)):
    random = np.random.default_rng(value)
    return random.integers(0, 256, shape, dtype=np.uint8)


def _write(root, pictures):
    for name, picture in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / name), picture)
    return root


@pytest.fixture
def photographs(tmp_path):
    """Return a folder of two photographs with a face, one without, and a ready crop."""
    two = np.full((600, 900, 3), 128, np.uint8)
    two[:512, :512] = _astronaut()
    small = cv2.resize(_astronaut(), (300, 300), interpolation=cv2.INTER_AREA)
    two[200:500, 560:860] = small
    return _write(
        tmp_path / "mine",
        {
            "awake/face.png": _astronaut(),
            "awake/two.png": two,
            "bored/none.png": np.full((300, 400, 3), 90, np.uint8),
            "bored/ready.png": _ready(0, (90, 60)),
        },
    )


def test_auto_crops_photographs_and_scales_ready_crops(photographs):
    dataset = load_folder(photographs)
    assert dataset.name == "mine"
    assert dataset.scheme.labels == ("awake", "bored")
    assert dataset.names.tolist() == [
        "awake/face.png",
        "awake/two.png",
        "bored/none.png",
        "bored/ready.png",
    ]
    assert dataset.y.tolist() == [0, 0, 1, 1]
    assert dataset.found.tolist() == [True, True, False, True]
    assert dataset.notes == {"no_face": ["bored/none.png"]}
    # A ready crop is laid into a square, as serving does, and not squeezed.
    ready = _ready(0, (90, 60))
    square = np.pad(ready, [(0, 0), (15, 15)], mode="edge")
    difference = dataset.faces[3] - crop_faces(square, [(0, 0, 90, 90)])[0].astype(float)
    assert np.abs(difference).max() <= 1
    # The crop is the one that serving would make of the astronaut's face.
    box = [(173, 71, 104, 104)]
    landmarks = LandmarkPredictor().predict_boxes(_astronaut(), box)
    expected = crop_faces(_astronaut(), box, landmarks)[0].astype(float)
    assert np.corrcoef(dataset.faces[0].ravel(), expected.ravel())[0, 1] > 0.9
    # Of two faces the larger one, which lies at the same place.
    assert np.corrcoef(dataset.faces[1].ravel(), expected.ravel())[0, 1] > 0.9


def test_never_takes_everything_as_a_face(photographs):
    dataset = load_folder(photographs, crop="never")
    assert dataset.found is None
    assert dataset.notes == {}
    whole = crop_faces(_astronaut(), whole_picture_box(_astronaut()))[0]
    np.testing.assert_array_equal(dataset.faces[0], whole)


def test_always_searches_small_pictures_too(photographs):
    assert load_folder(photographs, crop="always").notes == {
        "no_face": ["bored/none.png", "bored/ready.png"]
    }


def test_small_pictures_are_enlarged(tmp_path):
    tiny = {f"{label}/1.png": np.full((20, 20), 77, np.uint8) for label in ("a", "b")}
    assert (load_folder(_write(tmp_path, tiny)).faces == 77).all()


def _crops(root, n=12, labels=("awake", "bored")):
    pictures = {
        f"{label}/p{i // 2:02d}_{i}.png": _ready(100 * c + i)
        for c, label in enumerate(labels)
        for i in range(n)
    }
    return _write(root, pictures)


def test_colours_and_sizes_may_differ(tmp_path):
    _crops(tmp_path)
    color = np.stack([_ready(i) for i in (1, 2, 3)], axis=2)
    _write(tmp_path, {"awake/color.png": color, "bored/wide.png": _ready(5, (30, 99))})
    assert load_folder(tmp_path).faces.shape == (26, 48, 48)


def test_persons_by_prefix_stay_on_one_side(tmp_path):
    dataset = load_folder(_crops(tmp_path, n=40), groups="prefix")
    assert len(set(dataset.groups)) == dataset.notes["persons"] == 20
    split = make_split(dataset)
    people = [
        {name.split("/")[1].split("_")[0] for name in part.names}
        for part in (split.fitting, split.validation, split.test)
    ]
    assert people[0].isdisjoint(people[2])
    assert people[1].isdisjoint(people[0] | people[2])


def _table(path, *rows, header="picture,group"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_picture_in_two_groups_is_refused(tmp_path):
    path = _crops(tmp_path / "crops")
    table = tmp_path / "persons.csv"
    name = min(p.relative_to(path).as_posix() for p in path.rglob("*.png"))
    table.write_text(f"picture,group\n{name},a\n{name},b\n")
    with pytest.raises(DataError, match="a second group, 'b'; decide for one"):
        load_folder(path, groups=table)


def test_only_named_persons_are_counted(tmp_path):
    path = _crops(tmp_path / "crops")
    table = tmp_path / "persons.csv"
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*.png"))
    table.write_text("picture,group\n" + "".join(f"{name},a\n" for name in names[:2]))
    assert load_folder(path, groups=table).notes["persons"] == 1


#: How JAFFE calls its pictures, all in one folder: person, expression, number.
CODES = {"AN": "angry", "HA": "happy", "NE": "neutral"}


@pytest.fixture
def labelled(tmp_path):
    """Pictures in one folder, and a table of their labels and persons."""
    root = tmp_path / "jaffe"
    rows = [f"{person}.{code}{i}.png" for person in ("KA", "YM") for code in CODES for i in (1, 2)]
    _write(root, {name: _ready(i) for i, name in enumerate([*rows, "README.png"])})
    table = [f"{name},{CODES[name[3:5]]},{name[:2]}" for name in rows]
    _table(root / "labels.csv", *table, header="picture,label,group")
    return root


def test_a_table_labels_pictures_of_one_folder(labelled):
    dataset = load_folder(labelled, groups=labelled / "labels.csv")
    assert dataset.scheme.labels == ("angry", "happy", "neutral")
    assert len(dataset) == 12  # the picture that the table doesn't name is none
    wanted = [CODES[name[3:5]] for name in dataset.names]
    assert [dataset.scheme.labels[code] for code in dataset.y] == wanted
    assert len(set(dataset.groups)) == 2
    archive = shutil.make_archive(str(labelled), "zip", labelled)
    np.testing.assert_array_equal(load_folder(archive).y, dataset.y)


def test_pictures_of_a_table_may_lie_in_folders_of_parts(labelled):
    for part, person in (("train", "KA"), ("test", "YM")):
        (labelled / part / "more").mkdir(parents=True)
        for path in labelled.glob(f"{person}.*"):
            path.rename(labelled / part / "more" / path.name)
    dataset = load_folder(labelled)
    assert sorted(set(dataset.parts)) == ["test", "training"]
    assert {name.split("/")[0] for name in dataset.names[dataset.parts == "test"]} == {"test"}


def test_tables_of_labels_that_say_something_else(labelled, tmp_path):
    table = labelled / "labels.csv"
    _table(table, "KA.AN1.png,angry", "YM.AN1.png,anger", header="picture,label")
    with pytest.raises(DataError, match=r"labels\.csv: all pictures are in one class"):
        load_folder(labelled)
    _table(table, "nobody.png,angry", header="picture,label")
    with pytest.raises(DataError, match=r"line 2 \('nobody\.png'\) names 0 pictures"):
        load_folder(labelled)
    _table(table, header="picture,label")
    with pytest.raises(DataError, match="no picture is named here"):
        load_folder(labelled)
    _table(table, "0,angry/1.png", header=",pth")
    with pytest.raises(DataError, match="the columns picture and label"):
        load_folder(labelled)
    folders = _crops(tmp_path / "folders")
    shutil.copy(table, folders)  # class folders may have a table that is not for us
    assert len(load_folder(folders)) == 24


def test_broken_pictures_are_refused_or_skipped(tmp_path):
    _crops(tmp_path)
    (tmp_path / "awake" / "zz.jpg").write_bytes(b"")
    (tmp_path / "bored" / "zz.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 of 26 can't be read: awake/zz.jpg: .*--skip-broken"):
        load_folder(tmp_path)
    dataset = load_folder(tmp_path, groups="prefix", skip_broken=True)
    assert len(dataset) == 24
    assert [line.split(":")[0] for line in dataset.notes["skipped"]] == [
        "awake/zz.jpg",
        "bored/zz.jpg",
    ]


def test_pictures_that_can_not_be_opened_are_broken_ones(tmp_path):
    _crops(tmp_path)
    (tmp_path / "awake" / "zz.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"1 of 25 can't be read: awake/zz.png: can't be opened"):
        load_folder(tmp_path)
    assert len(load_folder(tmp_path, skip_broken=True)) == 24


def test_faces_are_searched_as_where_photographs_are_labelled(tmp_path):
    distant = np.full((960, 1280, 3), 128, np.uint8)
    distant[400:680, 600:900] = _astronaut()[:280, 80:380]
    pictures = {"awake/1.png": distant, "bored/1.png": distant[::-1]}
    dataset = load_folder(_write(tmp_path, pictures))
    for side, n in ((PHOTO_WORKING_SIDE, 1), (640, 0)):
        assert len(make_detector(working_side=side).detect(distant).boxes) == n
    assert dataset.found.tolist() == [True, False]


def test_labels_and_groups_stay_with_their_pictures_when_one_is_skipped(tmp_path):
    _crops(tmp_path, n=4)
    whole = load_folder(tmp_path, groups="prefix")
    (tmp_path / "awake" / "p00_1.png").write_bytes(b"")
    left = load_folder(tmp_path, groups="prefix", skip_broken=True)
    np.testing.assert_array_equal(left.faces, np.delete(whole.faces, 1, axis=0))
    np.testing.assert_array_equal(left.y, np.delete(whole.y, 1))
    np.testing.assert_array_equal(left.groups, np.delete(whole.groups, 1))


def test_what_can_not_be_used(tmp_path):
    with pytest.raises(DataError, match="there is no such file or folder"):
        load_folder(tmp_path / "missing")
    _crops(tmp_path / "one", labels=("awake",))
    with pytest.raises(DataError, match=r"one class \('awake'\)"):
        load_folder(tmp_path / "one")
    _crops(tmp_path / "empty")
    (tmp_path / "empty" / "angry").mkdir()
    with pytest.raises(DataError, match="class folder 'angry' holds no pictures"):
        load_folder(tmp_path / "empty")
    blank = {f"{c}/1.png": np.full((200, 200), 9, np.uint8) for c in "ab"}
    with pytest.raises(DataError, match="no face was found in any of the 2 pictures"):
        load_folder(_write(tmp_path / "blank", blank))
    with pytest.raises(DataError, match="crop must be one of auto, always, never"):
        load_folder(tmp_path / "empty", crop="sometimes")
    (tmp_path / "empty" / "angry").rmdir()
    with pytest.raises(DataError, match="no face detector 'hagg'"):
        load_folder(tmp_path / "empty", detector="hagg")
    with pytest.raises(DataError, match="other commands search with hog, haar or cnn"):
        load_folder(tmp_path / "empty", detector="yunet")


def test_parts_and_classes_may_lie_side_by_side(tmp_path):
    names = [f"{part}{label}/1.png" for part in ("", "test/") for label in ("happy", "sad")]
    _write(tmp_path, {name: _ready(i) for i, name in enumerate(names)})
    assert load_folder(tmp_path).parts.tolist() == ["", "", "test", "test"]
    (tmp_path / "test" / "fear").mkdir()
    with pytest.raises(DataError, match="class folder 'test/fear' holds no pictures"):
        load_folder(tmp_path)


def test_own_classes_can_not_be_turned_into_other_schemes(tmp_path):
    from fer_core.labels import SCHEMES

    with pytest.raises(DataError, match="awake, bored"):
        load_folder(_crops(tmp_path)).in_scheme(SCHEMES["valence3"])


def test_cached_crops_are_made_again_for_another_predictor_or_framing(tmp_path, monkeypatch):
    before = _crop_kind("auto", "hog")
    with monkeypatch.context() as patch:
        patch.setattr("fer_core.datasets.folder.FRAMING_VERSION", 99)
        assert _crop_kind("auto", "hog") != before
    (tmp_path / "own.dat").write_bytes(b"another predictor")
    monkeypatch.setenv("FER_PREDICTOR", str(tmp_path / "own.dat"))
    assert _crop_kind("auto", "hog") != before
    assert _crop_kind("never", "hog") == f"crop never, framing {FRAMING_VERSION}"


def test_a_folder_contempt_is_left_out(tmp_path):
    names = [f"{label}/{i}.png" for label in ("happy", "sad", "contempt") for i in range(3)]
    root = _write(tmp_path, {name: _ready(i) for i, name in enumerate(names)})
    (root / ".git" / "hooks").mkdir(parents=True)
    dataset = load_folder(root)
    assert dataset.scheme.labels == ("happy", "sad")
    assert dataset.notes["ignored"] == {"contempt": 3}


def test_a_panorama_is_a_picture_without_a_face(tmp_path):
    wide = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (300, 400))
    root = _write(tmp_path, {"happy/1.png": wide, "sad/2.png": _ready(1)})
    dataset = load_folder(root)
    assert dataset.found.tolist() == [False, True]
    assert dataset.faces[0].std() < 10


def test_reading_pictures_keeps_the_warnings_of_others(tmp_path):
    root = _write(
        tmp_path, {f"{label}/{i}.png": _ready(i) for label in ("happy", "sad") for i in range(60)}
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_folder(root)
        warnings.warn("of a fit", UserWarning, stacklevel=1)
    assert [str(w.message) for w in caught] == ["of a fit"]


def test_names_that_are_taken_for_one_label_are_said(tmp_path):
    folders = ("train/calm", "train/neutral", "train/happy", "test/Happy", "test/neutral")
    _write(tmp_path, {f"{f}/{i}.png": _ready(i) for f in folders for i in range(3)})
    dataset = load_folder(tmp_path, crop="never")
    assert dataset.notes["joined"] == ["calm and neutral for neutral"]
    (sentence,) = (s for s in notes_in_words(dataset.notes) if "class" in s)
    assert sentence == "taken for one class: 1: calm and neutral for neutral"
    assert dataset.counts() == {"happy": 6, "neutral": 9}
