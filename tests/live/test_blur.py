"""Hidden faces: nothing but a few squares is left, and nothing else is touched."""

import numpy as np

from fer_live.blur import hide_faces


def test_only_squares_are_left_and_the_rest_stays():
    picture = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    before = picture.copy()
    hide_faces(picture, [np.array([100, 60, 80, 80], np.float32)])
    hidden = picture[40:160, 80:200]
    assert len(np.unique(hidden.reshape(-1, 3), axis=0)) <= 36
    # Averages of noise are nearly even: an eye is gone.
    assert hidden.std() < 0.2 * before[40:160, 80:200].std()
    untouched = np.ones(picture.shape[:2], bool)
    untouched[40:160, 80:200] = False
    np.testing.assert_array_equal(picture[untouched], before[untouched])


def test_boxes_over_the_edge_or_outside_are_no_trouble():
    picture = np.random.default_rng(0).integers(0, 255, (50, 60, 3), np.uint8)
    before = picture.copy()
    hide_faces(picture, [np.array(b, np.float32) for b in ([-30, -30, 50, 50], [90, 90, 9, 9])])
    assert (picture[:20, :20] != before[:20, :20]).any()
    np.testing.assert_array_equal(picture[40:], before[40:])
