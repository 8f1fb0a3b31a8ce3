import json

import cv2
import numpy as np
import pytest
from skimage import data

from benchmarks.parity import main, measure_detectors, parity_table
from fer_core.errors import DataError


class Bright:
    """Says whether the picture is bright."""

    classes_ = np.array([0, 1])

    def predict_proba(self, faces):
        bright = (faces.mean(axis=(1, 2)) > 100).astype(np.float32)
        return np.stack([1 - bright, bright], axis=1)


class One:
    """Stands for a store with one model."""

    def __init__(self):
        self.entries = {"bright": None}

    def load(self, name):
        return Bright()


@pytest.fixture(scope="module")
def faces():
    gray = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)[72:167, 179:274]
    face = cv2.resize(gray, (48, 48), interpolation=cv2.INTER_AREA)
    return np.stack([face, np.zeros_like(face)])


def test_a_row_for_each_detector_and_height(faces):
    rows = measure_detectors(One(), faces, np.array([1, 0]), ["hog"], lambda text: None)
    assert [row["heights"] for row in rows] == [[80, 120], [120, 200], [200, 400]]
    for row in rows:
        # The black square is no face.
        assert (row["found"], row["accuracy_crops"], row["accuracy_frames"]) == (0.5, 1.0, 1.0)
    cells = parity_table({"rows": rows}).rows[0]
    assert [cell.text for cell in cells[:3]] == ["hog", "80 to 120", "0.500"]
    assert cells[7].text == "0.0"


def test_a_detector_that_finds_nothing_is_said(faces):
    with pytest.raises(DataError, match="the haar detector finds none of these 1 faces"):
        measure_detectors(One(), faces[1:], np.array([0]), ["haar"], lambda text: None)


def test_command_on_the_demo_faces(tmp_path, capsys):
    options = ["--models", "hog-svm", "--detectors", "haar", "--pictures", "12"]
    assert main([*options, "--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "parity.json").read_text())
    assert (content["n"], len(content["rows"])) == (12, 3)
    assert "| haar | 80 to 120 |" in capsys.readouterr().out
    assert (tmp_path / "parity.html").exists()


def test_wrong_options_are_explained(capsys):
    assert main(["--detectors", "hogg"]) == 2
    assert "Did you mean 'hog'" in capsys.readouterr().err
    assert main(["--pictures", "-1"]) == 2
    assert "--pictures must be 0 or more" in capsys.readouterr().err
