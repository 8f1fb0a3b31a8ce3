import cv2
import numpy as np
import pytest

from fer_core.crop import MEAN_LANDMARKS
from fer_landmarks.see import draw_descriptors, find_face, main


@pytest.fixture
def panels():
    """The panels of a face that is bright on its right half."""
    face = np.full((48, 48), 60, np.uint8)
    face[:, 28:] = 190
    figure = draw_descriptors(face, MEAN_LANDMARKS)
    return {axes.get_title(): axes for axes in figure.axes}


def strongest(axes):
    """Return the line that is drawn most strongly, as a vector in pixels."""
    (lines,) = axes.collections
    start, end = lines.get_segments()[int(np.argmax(lines.get_alpha()))]
    return end - start


def test_hog_draws_edges_along_themselves(panels):
    x, y = strongest(panels["dense HOG"])
    assert abs(y) > 3 * abs(x)


def test_anchored_histograms_point_to_the_brighter_side(panels):
    x, y = strongest(panels["anchored histograms"])
    assert x > 3 * abs(y)


def test_geometry_shows_no_difference_from_itself(panels):
    (lines,) = panels["landmark geometry"].collections
    assert max(np.ptp(line, axis=0).max() for line in lines.get_segments()) < 1e-4


def test_patterns_have_one_hue_along_an_edge_and_gray_elsewhere(panels):
    (image,) = panels["local binary patterns"].images
    colors = np.asarray(image.get_array())
    spread = np.ptp(colors, axis=-1)
    assert (spread[5:-5, 28] > 0.3).all()  # the bright side of the edge
    assert (spread[5:-5, 10] < 0.01).all()
    red, green, blue = colors[20, 28]
    assert red > max(green, blue)  # hue 0: brighter to the right


def test_fisher_vectors_draw_where_a_face_differs(faces):
    half = faces[0].copy()
    half[:, 24:] = 128
    left, right = (
        draw_descriptors(face, MEAN_LANDMARKS).axes[-1].collections[0]
        for face in (half, half[:, ::-1].copy())
    )
    middles = [
        np.average(circles.get_offsets()[:, 0], weights=circles.get_sizes())
        for circles in (left, right)
    ]
    assert abs(middles[0] - middles[1]) > 2
    assert sum(middles) / 2 == pytest.approx(23.5, abs=0.1)


def test_panels_tell_how_many_numbers(panels):
    assert "19,584 numbers" in panels["anchored histograms"].get_xlabel()


def test_command_draws_a_photo_and_the_astronaut(tmp_path, faces):
    ready = tmp_path / "face.png"
    assert cv2.imwrite(str(ready), faces[0])
    for photo in ([], [str(ready)]):
        out = tmp_path / "descriptors.png"
        assert main([*photo, "-o", str(out)]) == 0
        assert cv2.imread(str(out)).shape[1] > 2000
        out.unlink()


def test_small_pictures_are_faces_already(faces, landmarks):
    face, found = find_face(faces[0])
    np.testing.assert_array_equal(face, faces[0])
    np.testing.assert_array_equal(found, landmarks[0])


def test_a_picture_without_a_face_is_refused_in_a_sentence(tmp_path, capsys):
    assert cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200), 128, np.uint8))
    assert main([str(tmp_path / "wall.png"), "-o", str(tmp_path / "out.png")]) == 2
    assert "no face was found" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("name", ["seen.jpg", "seen.svg"])
def test_other_forms_and_faces_of_one_gray_are_drawn(tmp_path, name):
    assert cv2.imwrite(str(tmp_path / "gray.png"), np.full((48, 48), 90, np.uint8))
    assert main([str(tmp_path / "gray.png"), "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).stat().st_size > 1000


def test_a_figure_without_a_form_is_refused(tmp_path, capsys):
    assert main(["-o", str(tmp_path / "seen")]) == 2
    assert "name a figure that ends with .png" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
