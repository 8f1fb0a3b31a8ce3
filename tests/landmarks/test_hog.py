import numpy as np
import pytest

from fer_landmarks.hog import dense_hog


def slow_hog(face):
    """Dalal and Triggs's HOG as OpenCV defines it, one pixel and block at a time."""
    padded = np.pad(face.astype(np.float64), 1, mode="reflect")
    gx = padded[1:-1, 2:] - padded[1:-1, :-2]
    gy = padded[2:, 1:-1] - padded[:-2, 1:-1]
    length, angle = np.hypot(gx, gy), np.arctan2(gy, gx) % (2 * np.pi)
    out = np.zeros((5, 5, 2, 2, 9))
    for by, bx in np.ndindex(5, 5):
        block = np.zeros((2, 2, 9))
        for y, x in np.ndindex(16, 16):
            m, a = length[8 * by + y, 8 * bx + x], angle[8 * by + y, 8 * bx + x]
            place = a * 9 / np.pi - 0.5
            low = int(np.floor(place))
            cy, cx = (y + 0.5) / 8 - 0.5, (x + 0.5) / 8 - 0.5
            for j, k in np.ndindex(2, 2):
                near = max(0, 1 - abs(cy - j)) * max(0, 1 - abs(cx - k))
                block[j, k, low % 9] += m * near * (1 - (place - low))
                block[j, k, (low + 1) % 9] += m * near * (place - low)
        block /= np.sqrt((block**2).sum()) + 36 * 0.1
        block = np.minimum(block, 0.2)
        out[by, bx] = block / (np.sqrt((block**2).sum()) + 1e-3)
    return out


def test_opencv_engine_follows_the_definition(faces):
    np.testing.assert_allclose(dense_hog(faces[:2])[1], slow_hog(faces[1]), atol=2e-3)


def test_skimage_engine_counts_gradients_by_cell(faces):
    face = faces[0].astype(np.float64)
    gy, gx = np.zeros_like(face), np.zeros_like(face)
    gy[1:-1] = face[2:] - face[:-2]
    gx[:, 1:-1] = face[:, 2:] - face[:, :-2]
    bins = (np.rad2deg(np.arctan2(gy, gx)) % 180 // 20).astype(int)
    cells = np.zeros((6, 6, 9))
    for y, x in np.ndindex(48, 48):
        cells[y // 8, x // 8, bins[y, x]] += np.hypot(gx, gy)[y, x] / 64
    block = cells[2:4, 1:3]
    block = np.minimum(block / np.sqrt((block**2).sum() + 1e-10), 0.2)
    block /= np.sqrt((block**2).sum() + 1e-10)
    found = dense_hog(faces[:1], engine="skimage")[0, 2, 1]
    np.testing.assert_allclose(found, block, atol=1e-4)


def test_engines_see_the_same(faces):
    one, other = dense_hog(faces), dense_hog(faces, engine="skimage")
    assert one.shape == other.shape == (len(faces), 5, 5, 2, 2, 9)
    per_block = [
        np.corrcoef(one[:, by, bx].ravel(), other[:, by, bx].ravel())[0, 1]
        for by, bx in np.ndindex(5, 5)
    ]
    assert min(per_block) > 0.7


def test_wrong_settings_are_named(faces):
    with pytest.raises(
        ValueError, match=r"engine must be one of opencv, skimage\. Got 'cv' instead"
    ):
        dense_hog(faces, engine="cv")
    with pytest.raises(ValueError, match=r"cell must divide .* Got 7 instead"):
        dense_hog(faces, cell=7)
