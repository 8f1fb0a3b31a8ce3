import numpy as np
import pytest

from fer_cnn.augmentation import Augmentation
from fer_cnn.batches import epoch_batches, mix


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (10, 48, 48)).astype(np.uint8)


def batches(faces, targets, **options):
    return epoch_batches(
        faces, targets, batch_size=4, augmentation=Augmentation(), seed=1, epoch=2, **options
    )


def test_every_picture_comes_at_most_once_with_its_own_target_and_weight(faces):
    y, weights = np.arange(10), np.arange(10, dtype=np.float32) / 10
    loader = batches(faces, y, weights=weights)
    assert len(loader) == 2
    x, codes, w = (
        np.concatenate(part) for part in zip(*(loader[i] for i in range(2)), strict=True)
    )
    assert len(set(codes)) == 8
    np.testing.assert_array_equal(x, faces[codes])
    np.testing.assert_array_equal(w, weights[codes])


def test_mixed_pictures_have_mixed_targets(faces):
    levels = np.repeat(np.arange(0, 250, 25, dtype=np.uint8), 48 * 48).reshape(10, 48, 48)
    targets = np.eye(10, dtype=np.float32)
    x, y = mix((levels, targets), 0.4, np.random.default_rng(3))
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)
    assert ((y > 0.02) & (y < 0.98)).any()
    # Each picture is one gray level, so a mixture's level follows from its target.
    expected = y @ levels[:, 0, 0]
    np.testing.assert_allclose(x[:, 5, 5], expected, atol=0.51)
    assert x.dtype == np.uint8


def test_weights_stay_with_their_labels_in_mixtures():
    levels = np.zeros((10, 48, 48), dtype=np.uint8)
    targets = np.eye(10, dtype=np.float32)
    weights = np.arange(10, dtype=np.float32)  # the first counts nothing
    y = mix((levels, targets), 0.4, np.random.default_rng(3))[1]
    _, weighted, w = mix((levels, targets, weights), 0.4, np.random.default_rng(3))
    np.testing.assert_allclose(weighted * w[:, None], y * weights, atol=1e-5)
    np.testing.assert_allclose(weighted[w > 0].sum(axis=1), 1, atol=1e-5)
    assert weighted[0].argmax() != 0


def test_mixing_follows_from_seed_and_epoch(faces):
    targets = np.eye(10, dtype=np.float32)
    first, again = (batches(faces, targets, mixup=0.5)[0] for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.isin(first[1], [0, 1]).all()
