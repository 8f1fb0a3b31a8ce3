"""The recogniser finds faces, labels them in one batch, and answers in any scheme."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer_core.crop import crop_faces
from fer_core.detectors import make_detector
from fer_core.errors import DataError, ModelStoreError, PictureError
from fer_core.labels import LABELS, get_scheme, own_scheme
from fer_core.landmarks import LandmarkPredictor
from fer_live import EmotionRecognizer
from fer_live.face import DEFAULT_THRESHOLD


def test_the_face_is_where_it_is_and_what_was_classified(recognizer, model, astronaut):
    (face,) = recognizer.analyze(astronaut)
    left, top, width, height = face.box
    assert width == height
    assert abs(left + width / 2 - 226) < 12
    assert abs(top + height / 2 - 119) < 12
    eyes, mouth = face.landmarks[36:48].mean(axis=0), face.landmarks[48:68].mean(axis=0)
    assert top < eyes[1] < mouth[1] < top + height
    crop = crop_faces(astronaut, face.box[None])
    np.testing.assert_allclose(face.probabilities[3], 0.92 * crop.mean() / 255, atol=0.005)


def test_columns_follow_the_scheme_also_where_a_class_is_missing(recognizer, astronaut):
    (face,) = recognizer.analyze(astronaut)
    assert face.labels == LABELS
    assert face.probabilities.shape == (7,)
    assert face.probabilities[LABELS.index("disgust")] == 0
    assert face.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert {face.label, face.second} == {"happy", "sad"}
    assert face.confidence == pytest.approx(face.probabilities.max())


def test_all_faces_of_all_frames_are_one_batch(recognizer, model, two_faces, astronaut):
    empty = np.zeros((60, 80), np.uint8)
    first, none, second = recognizer.analyze_frames([two_faces, empty, astronaut])
    assert (len(first), len(none), len(second)) == (2, 0, 1)
    assert model.batches == [3]
    bright, dark = sorted(first, key=lambda face: face.box[0])
    assert (bright.label, dark.label) == ("happy", "sad")
    np.testing.assert_allclose(
        second[0].probabilities, recognizer.analyze(astronaut)[0].probabilities, atol=1e-6
    )


def test_no_face_does_not_ask_the_model(recognizer, model):
    assert recognizer.analyze(np.zeros((20, 20, 3), np.uint8)) == []
    assert model.batches == []


@pytest.mark.parametrize("shape", [(40, 40), (1, 1, 3)])
def test_a_ready_crop_of_one_gray_level_is_no_face(recognizer, model, shape):
    picture = np.full(shape, 7, np.uint8)
    assert recognizer.analyze_picture(picture) == []
    assert model.batches == []
    assert len(recognizer.analyze_picture(picture, "never")) == 1  # it is said to be a face
    assert len(recognizer.analyze_picture(np.eye(40, dtype=np.uint8) * 255)) == 1


def test_a_ready_crop_enters_unchanged(recognizer):
    crop = np.full((48, 48), 255, np.uint8)
    face = recognizer.analyze_crop(crop)
    np.testing.assert_array_equal(face.box, [0, 0, 48, 48])
    assert face.probabilities[3] == pytest.approx(0.92)


def test_schemes_are_projected(model, astronaut, recognizer):
    valence = EmotionRecognizer(
        model, recognizer.detector, recognizer.predictor, get_scheme("valence3")
    )
    (face,) = valence.analyze(astronaut)
    (seven,) = recognizer.analyze(astronaut)
    assert face.labels == ("positive", "neutral", "negative")
    expected = seven.probabilities[3] + seven.probabilities[5]
    assert face.probabilities[0] == pytest.approx(expected, abs=1e-5)


def test_a_model_with_its_own_classes_serves_only_those(recognizer):
    own = own_scheme(["bored", "keen"])
    with pytest.raises(DataError, match="'own' and can't be turned into 'valence3'"):
        EmotionRecognizer(
            None, recognizer.detector, recognizer.predictor, get_scheme("valence3"), own
        )


def test_frames_are_checked(recognizer):
    with pytest.raises(PictureError, match="uint8"):
        recognizer.analyze(np.zeros((9, 9, 3), np.float32))


def test_unknown_names_say_so():
    with pytest.raises(DataError, match="Did you mean 'valence3'"):
        EmotionRecognizer.load(scheme="valence")
    with pytest.raises(ModelStoreError):
        EmotionRecognizer.load("no-such-model")


def test_options_that_nothing_takes_are_refused():
    with pytest.raises(TypeError, match=r"takes no options here\. Got working_side"):
        EmotionRecognizer.load("landmarks", detector=make_detector("haar"), working_side=320)


def test_members_have_second_names_too():
    kernel = "anchored-small-fisher-kernel"
    asked = EmotionRecognizer.load("ensemble-live", members=["cnn", kernel])
    assert set(asked.model.models) == {"cnn-robust", kernel}
    assert asked.threshold == DEFAULT_THRESHOLD  # not that of all members together
    assert EmotionRecognizer.load("ensemble-live").threshold != DEFAULT_THRESHOLD
    with pytest.raises(DataError, match="no member of the ensemble 'cm'"):
        EmotionRecognizer.load("ensemble-live", members=["cm"])


def test_two_recognisers_work_in_two_threads(model, astronaut):
    def label(_):
        own = EmotionRecognizer(model, make_detector("haar"), LandmarkPredictor())
        return [face.as_dict() for face in own.analyze(astronaut)]

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(label, range(2))
    assert one == two
    assert len(one) == 1


def test_as_dict_is_json(recognizer, astronaut):
    (face,) = recognizer.analyze(astronaut)
    read = json.loads(json.dumps(face.as_dict()))
    assert read["label"] == face.label
    assert list(read["probabilities"]) == list(LABELS)
    assert len(read["landmarks"]) == 68


def test_importing_loads_no_heavy_library():
    code = (
        "import sys, fer_live, fer_live.__main__; "
        "print([m for m in ('tensorflow', 'keras', 'xgboost', 'matplotlib', 'sklearn', 'dlib') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_frame_is_not_taken_for_many_gray_ones(recognizer, astronaut):
    for frame in (astronaut, astronaut[:, :, 0]):
        with pytest.raises(PictureError, match="frames is one frame"):
            recognizer.analyze_frames(frame)
    assert len(recognizer.analyze_frames(np.stack([astronaut] * 2))) == 2


def test_a_predictor_that_is_not_there_is_refused_when_loading(tmp_path):
    with pytest.raises(ModelStoreError, match="nowhere"):
        EmotionRecognizer.load("cnn", predictor_path=tmp_path / "nowhere.dat")
