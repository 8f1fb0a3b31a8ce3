import cv2
import numpy as np
import pytest

from fer_cnn.augmentation import Augmentation
from fer_cnn.preview import augmentation_sheet, choose_faces, main
from fer_core.datasets.demo import load_demo


def test_rows_are_faces_then_their_changes():
    faces = np.arange(2 * 48 * 48, dtype=np.uint32).reshape(2, 48, 48).astype(np.uint8)
    sheet = augmentation_sheet(faces, Augmentation(), variants=3)
    assert sheet.shape == (196, 96 + 16 + 3 * 100 - 4)
    np.testing.assert_array_equal(sheet[100::2, :96:2], faces[1])
    np.testing.assert_array_equal(sheet[:96:2, 112:208:2], faces[0])
    np.testing.assert_array_equal(sheet[:96:2, 212:308:2], faces[0])
    mirrored = augmentation_sheet(faces, Augmentation(flip=True), variants=8)
    kinds = {mirrored[:96:2, left : left + 96 : 2].tobytes() for left in range(112, 900, 100)}
    assert kinds == {faces[0].tobytes(), faces[0][:, ::-1].tobytes()}


def test_mixed_faces_are_shown_mixed():
    faces = np.stack([np.full((48, 48), level, dtype=np.uint8) for level in (0, 200)])
    sheet = augmentation_sheet(faces, Augmentation(), variants=30, mixup=0.4)
    shown = set(np.unique(sheet[:96, 112:]).tolist())
    assert len(shown) > 10
    assert max(shown - {255}) <= 200
    assert set(np.unique(sheet[:, :96]).tolist()) == {0, 200, 255}  # the faces themselves


def test_faces_of_each_class_are_shown_in_turn():
    demo = load_demo()
    chosen = choose_faces(demo, 7, seed=0)
    of = {face.tobytes(): code for face, code in zip(demo.faces, demo.y, strict=True)}
    assert sorted(of[face.tobytes()] for face in chosen) == list(range(7))


def test_command_line_writes_a_sheet(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert main(["tiny", "--faces", "2", "--variants", "4", "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert cv2.imread(str(out), cv2.IMREAD_GRAYSCALE).shape == (196, 508)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tinny"], "Did you mean 'tiny'"),
        (["tiny", "--faces", "0"], "--faces must be at least 1"),
        (["tiny", "--out", "sheet.jpg"], "must end in .png"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, words, capsys):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
