import numpy as np
from skimage.feature import local_binary_pattern

from fer_landmarks.lbp import N_PATTERNS, lbp_codes, lbp_histograms

RING = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
UNIFORM = [
    code
    for code in range(256)
    if sum((code >> k & 1) != (code >> (k + 1) % 8 & 1) for k in range(8)) <= 2
]


def slow_code(face, y, x):
    """58 for more than two changes around the circle, else the rank among such 8-bit codes."""
    bits = [int(face[y + j, x + i] >= face[y, x]) for j, i in RING]
    code = sum(bit << k for k, bit in enumerate(bits))
    return UNIFORM.index(code) if code in UNIFORM else 58


def test_codes_follow_the_definition(faces):
    codes = lbp_codes(faces[:1])[0]
    for y, x in [(1, 1), (10, 20), (24, 24), (30, 13), (40, 46), (17, 33)]:
        assert codes[y, x] == slow_code(faces[0], y, x)


def test_vertical_and_horizontal_neighbours_agree_with_skimage(faces):
    # With four neighbours at radius 1 scikit-image interpolates nothing; its bits go
    # anticlockwise from the right.
    theirs = local_binary_pattern(faces[0], 4, 1, "default").astype(int)[1:-1, 1:-1]
    codes = lbp_codes(faces[:1])[0, 1:-1, 1:-1]
    ours = np.zeros_like(theirs)
    for bit, (dy, dx) in enumerate([(0, 1), (-1, 0), (0, -1), (1, 0)]):
        ours |= (np.array([*UNIFORM, 0])[codes] >> RING.index((dy, dx)) & 1) << bit
    uniform = codes < N_PATTERNS - 1
    np.testing.assert_array_equal(ours[uniform], theirs[uniform])


def test_histograms_count_each_cell(faces):
    codes, histograms = lbp_codes(faces[:2]), lbp_histograms(faces[:2])
    assert histograms.shape == (2, 6, 6, 59)
    cell = codes[1, 16:24, 40:48]
    expected = np.bincount(cell.ravel(), minlength=59) / 64
    np.testing.assert_allclose(histograms[1, 2, 5] ** 2, expected, atol=1e-6)
