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


def test_gray_levels_are_rounded_and_not_cut_off():
    flat = np.full((4000, 8, 8), 100, dtype=np.uint8)
    changed = Augmentation(brightness=20).apply(flat, rng())
    assert abs(changed.mean() - 100) < 0.3  # four standard errors; cut off it would be half less


def test_bright_pixels_saturate_instead_of_wrapping():
    white = np.full((20, 48, 48), 250, dtype=np.uint8)
    assert Augmentation(brightness=40).apply(white, rng()).min() >= 205


def test_the_same_seed_gives_the_same_faces(faces):
    full = Augmentation(flip=True, rotation=10, scale=0.1, shift=0.1, contrast=0.2, brightness=10)
    np.testing.assert_array_equal(full.apply(faces, rng(3)), full.apply(faces, rng(3)))
    assert (full.apply(faces, rng(3)) != full.apply(faces, rng(4))).any()
    assert full.apply(faces[:0], rng()).shape == (0, 48, 48)


def test_erasing_fills_a_bounded_rectangle_in_that_share_of_faces():
    gray = np.full((400, 48, 48), 128, dtype=np.uint8)
    changed = Augmentation(erase=0.5).apply(gray, rng())
    touched = changed != 128
    erased = touched.any(axis=(1, 2))
    assert 0.4 < erased.mean() < 0.6
    rows, columns = touched.any(axis=2).sum(axis=1), touched.any(axis=1).sum(axis=1)
    area = (rows * columns)[erased] / 48**2
    assert 0.01 < area.min() < 0.05
    assert 0.2 < area.max() < 0.28
    # One solid rectangle each: nearly every pixel of its bounding box is noise.
    assert (touched.sum(axis=(1, 2))[erased] / (rows * columns)[erased]).min() > 0.9
    assert changed[touched].std() > 60


def test_shear_leans_by_that_share_at_most():
    post = np.zeros((200, 49, 49), dtype=np.uint8)
    post[:, :, 24] = 255
    changed = Augmentation(shear=0.3).apply(post, rng()).astype(float)
    x = (changed @ np.arange(49)) / changed.sum(axis=2)
    lean = (x[:, 44] - x[:, 4]) / 40
    np.testing.assert_allclose(x[:, 24], 24, atol=0.05)
    assert np.abs(lean).max() <= 0.3 + 0.01
    assert np.abs(lean).max() > 0.25
    assert abs(lean.mean()) < 0.05


def test_exposure_multiplies_gray_levels():
    gray = np.full((300, 8, 8), 100, dtype=np.uint8)
    changed = Augmentation(exposure=1).apply(gray, rng())[:, 0, 0]
    assert changed.min() < 10
    assert 190 < changed.max() <= 200
    assert abs(changed.mean() - 100) < 10


def test_a_crop_shows_a_smaller_square_somewhere():
    ramp = np.tile(np.arange(48, dtype=np.uint8) * 5, (200, 48, 1))
    rows = Augmentation(crop=4).apply(ramp, rng())[:, 24].astype(float) / 5
    # 44 pixels are spread over 48: neighbours differ by 44/48 of a pixel.
    np.testing.assert_allclose((rows[:, 40] - rows[:, 8]) / 32, 44 / 48, atol=0.02)
    middle = rows[:, 23:25].mean(axis=1)
    assert 21.5 - 0.2 <= middle.min() < 22
    assert 25 < middle.max() <= 25.5 + 0.2


def test_a_share_of_faces_is_dimmed_coarse_and_noisy():
    coarse = np.random.default_rng(0).integers(100, 200, (200, 24, 24)).astype(np.uint8)
    bright = np.kron(coarse, np.ones((1, 2, 2), np.uint8))
    plain = Augmentation(flip=True).apply(bright, rng())
    changed = Augmentation(flip=True, degrade=0.5).apply(bright, rng())
    worse = (changed != plain).any(axis=(1, 2))
    assert 0.5 * 7 / 8 - 0.1 < worse.mean() < 0.5 * 7 / 8 + 0.1
    light = changed[worse].mean(axis=(1, 2)) / plain[worse].mean(axis=(1, 2))
    assert 0.19 < light.min() < 0.3
    assert light.max() == pytest.approx(1, abs=0.05)
    detail = [
        [np.abs(cv2.Laplacian(f, cv2.CV_32F)).mean() / f.mean() for f in part[worse]]
        for part in (changed, plain)
    ]
    ratio = np.divide(*detail)
    assert ratio.min() < 0.8  # a third of the pixels
    assert ratio.max() > 1.2  # noise


def test_faces_of_trainings_begun_earlier_stay_the_same(faces):
    # Exact resuming: what these ranges do must not depend on ranges added later.
    full = Augmentation(flip=True, rotation=10, scale=0.1, shift=0.1, contrast=0.2, brightness=10)
    changed = full.apply(faces[:20], np.random.default_rng([3, 1, 4]))
    np.testing.assert_allclose(changed[7, 20, 5:12], [225, 222, 214, 202, 185, 166, 142], atol=1)
