import cv2
import numpy as np
import pytest

from fer_cnn.augmentation import Augmentation


@pytest.fixture
def faces():
    smooth = np.random.default_rng(0).integers(0, 256, (200, 6, 6)).astype(np.uint8)
    return np.stack([cv2.resize(s, (48, 48), interpolation=cv2.INTER_CUBIC) for s in smooth])


def rng(seed=1):
    return np.random.default_rng(seed)


def test_no_ranges_change_nothing(faces):
    np.testing.assert_array_equal(Augmentation().apply(faces, rng()), faces)


def test_half_are_mirrored_exactly(faces):
    changed = Augmentation(flip=True).apply(faces, rng())
    mirrored = np.array([(c == f[:, ::-1]).all() for c, f in zip(changed, faces, strict=True)])
    same = np.array([(c == f).all() for c, f in zip(changed, faces, strict=True)])
    assert (mirrored | same).all()
    assert 0.35 < mirrored.mean() < 0.65


def test_a_shift_moves_by_that_share_at_most(faces):
    spot = np.zeros((300, 48, 48), dtype=np.uint8)
    spot[:, 24, 24] = 255
    changed = Augmentation(shift=0.1).apply(spot, rng()).astype(float)
    total = changed.sum(axis=(1, 2))
    x = (changed.sum(axis=1) @ np.arange(48)) / total - 24
    y = (changed.sum(axis=2) @ np.arange(48)) / total - 24
    for moved in (x, y):
        assert np.abs(moved).max() <= 4.8 + 0.1
        assert np.abs(moved).max() > 4
        assert abs(moved.mean()) < 0.5


def test_rotation_and_scale_keep_the_centre():
    grid = np.zeros((50, 49, 49), dtype=np.uint8)
    grid[:, 24, 24] = 255
    grid[:, 24, 40] = 255
    changed = Augmentation(rotation=30, scale=0.2).apply(grid, rng()).astype(float)
    assert (changed[:, 24, 24] > 150).all()
    # The second spot lies 16 px to the right; afterwards at 16 px times the scale.
    changed[:, 20:29, 20:29] = 0
    total = changed.sum(axis=(1, 2))
    x = (changed.sum(axis=1) @ np.arange(49)) / total - 24
    y = (changed.sum(axis=2) @ np.arange(49)) / total - 24
    radius, angle = np.hypot(x, y), np.rad2deg(np.arctan2(y, x))
    assert 12.5 < radius.min() < 14.5
    assert 17.5 < radius.max() < 19.5
    assert 25 < np.abs(angle).max() <= 30.5


def test_contrast_and_brightness_stay_in_range(faces):
    changed = Augmentation(contrast=0.5, brightness=40).apply(faces, rng())
    shift = changed.mean(axis=(1, 2)) - faces.mean(axis=(1, 2))
    assert np.abs(shift).max() < 45
    assert np.abs(shift).max() > 20
    gain = changed.std(axis=(1, 2)) / faces.std(axis=(1, 2))
    assert gain.min() < 0.7 < 1.2 < gain.max() < 1.55


def test_bright_pixels_saturate_instead_of_wrapping():
    white = np.full((20, 48, 48), 250, dtype=np.uint8)
    assert Augmentation(brightness=40).apply(white, rng()).min() >= 205


def test_the_same_seed_gives_the_same_faces(faces):
    full = Augmentation(flip=True, rotation=10, scale=0.1, shift=0.1, contrast=0.2, brightness=10)
    np.testing.assert_array_equal(full.apply(faces, rng(3)), full.apply(faces, rng(3)))
    assert (full.apply(faces, rng(3)) != full.apply(faces, rng(4))).any()
    assert full.apply(faces[:0], rng()).shape == (0, 48, 48)
