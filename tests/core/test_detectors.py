"""Detectors find a face and give its FER2013 box."""

import cv2
import numpy as np
import pytest
from skimage import data

from fer_core.detectors import DETECTORS, BoxFraming, YuNetDetector, make_detector
from fer_core.errors import DataError, PictureError

ASTRONAUT = np.ascontiguousarray(data.astronaut()[:, :, ::-1])

#: The astronaut's FER2013 box by her landmarks; both detectors must come close.
FACE = (179, 72, 95)

fast_detectors = pytest.mark.parametrize("name", ["hog", "haar"])


def assert_is_her(box, scale=1.0, shift=(0.0, 0.0)):
    left, top, side = FACE[0] * scale + shift[0], FACE[1] * scale + shift[1], FACE[2] * scale
    assert box[2] == box[3]
    # dlib's CNN finds boxes on a coarse pyramid of sizes.
    assert 0.75 < box[2] / side < 1.35
    assert abs(box[0] + box[2] / 2 - left - side / 2) < 0.12 * side
    assert abs(box[1] + box[3] / 2 - top - side / 2) < 0.12 * side


@fast_detectors
def test_the_astronaut_is_found_where_she_is(name):
    detections = make_detector(name).detect(ASTRONAUT)
    assert detections.boxes.dtype == detections.scores.dtype == np.float32
    assert (np.diff(detections.scores) <= 0).all()
    assert_is_her(detections.boxes[0])


@fast_detectors
@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_boxes_are_frame_pixels_at_any_frame_size(name, scale):
    frame = cv2.resize(ASTRONAUT, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert_is_her(make_detector(name).detect(frame).boxes[0], scale)


@fast_detectors
def test_gray_frames_give_the_same_boxes(name):
    gray = cv2.cvtColor(ASTRONAUT, cv2.COLOR_BGR2GRAY)
    detector = make_detector(name)
    np.testing.assert_array_equal(detector.detect(gray).boxes, detector.detect(ASTRONAUT).boxes)


@fast_detectors
@pytest.mark.parametrize("shape", [(20, 20), (3, 1000), (1, 1), (480, 640, 3)])
def test_frames_without_a_face(name, shape):
    detections = make_detector(name).detect(np.full(shape, 128, np.uint8))
    assert len(detections) == 0
    assert detections.boxes.shape == (0, 4)


def test_the_searched_picture_is_bounded():
    far = cv2.copyMakeBorder(ASTRONAUT, 0, 2500, 0, 2500, cv2.BORDER_REPLICATE)
    assert not len(make_detector("hog").detect(far))  # 95 of 3012 px: 20 of 640
    assert_is_her(make_detector("hog", working_side=3012).detect(far).boxes[0])


@pytest.mark.slow
def test_the_cnn_detector_finds_her():
    part = np.ascontiguousarray(ASTRONAUT[20:220, 120:320])
    boxes = make_detector("cnn", working_side=320).detect(part).boxes
    assert_is_her(boxes[0], shift=(-120, -20))


def test_yunet_places_by_its_points(monkeypatch, tmp_path):
    class Fake:
        def setInputSize(self, size):
            self.size = size

        def detect(self, picture):
            assert self.size == (picture.shape[1], picture.shape[0]) == (640, 320)
            points = (YuNetDetector.POINTS + 0.5) * 2 + (100, 60) - 0.5
            rows = np.zeros((2, 15), np.float32)
            rows[:, 4:14] = points.ravel()
            rows[:, 14] = 0.8, 0.9
            rows[0, 4:14] += 50
            return 1, rows

    (tmp_path / "yunet.onnx").write_bytes(b"x")
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: Fake())
    detector = make_detector("yunet", path=tmp_path / "yunet.onnx")
    detections = detector.detect(np.zeros((640, 1280), np.uint8))
    np.testing.assert_allclose(detections.scores, [0.9, 0.8])
    np.testing.assert_allclose(detections.boxes[0], [200, 120, 192, 192], atol=0.01)


def test_framing_maps_a_box_to_the_crop():
    framing = BoxFraming(scale=0.5, shift_x=0.1, shift_y=-0.2)
    # The FER2013 box (100, 200, 80, 80): centre (140, 240), the detector's 8 right and 16 up.
    boxes = framing.to_fer2013([[148 - 20, 224 - 20, 40, 40]])
    np.testing.assert_allclose(boxes, [[100, 200, 80, 80]], rtol=1e-6)


@pytest.mark.parametrize("name", ["haar", "hog"])
@pytest.mark.parametrize("side", [0, -5])
def test_a_picture_without_size_is_refused(name, side):
    with pytest.raises(DataError, match=f"Got {side} instead"):
        make_detector(name, working_side=side)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'haar'"):
        make_detector("har")


@pytest.mark.parametrize("name", ["cnn", "yunet"])
def test_files_that_are_missing_or_something_else(name, tmp_path):
    with pytest.raises(DataError, match=r"none\.bin: there is no detector file"):
        make_detector(name, path=tmp_path / "none.bin")
    (tmp_path / "other.onnx").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"other\.onnx"):
        make_detector(name, path=tmp_path / "other.onnx")


def test_yunet_says_where_its_file_comes_from():
    with pytest.raises(DataError, match="model zoo"):
        make_detector("yunet")


@pytest.mark.parametrize("name", [n for n in DETECTORS if n != "yunet"])
def test_frames_are_checked(name):
    with pytest.raises(PictureError, match="uint8"):
        make_detector(name).detect(np.zeros((9, 9), np.float32))


def test_dlib_s_network_is_given_red_first(monkeypatch):
    seen = []

    class Fake:
        def __call__(self, picture, enlarged):
            seen.append(picture[0, 0].tolist())
            return []

    monkeypatch.setattr("dlib.cnn_face_detection_model_v1", lambda path: Fake())
    frame = np.zeros((60, 80, 3), np.uint8)
    frame[:, :, 0] = 200  # blue
    make_detector("cnn").detect(frame)
    assert seen == [[0, 0, 200]]
