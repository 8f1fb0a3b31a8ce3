"""Tests for fer_landmarks.compress."""

import pickle

import numpy as np
import pytest

from fer_landmarks.compress import SymmetricPCA
from fer_landmarks.symmetry import Symmetry


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def swapping():
    order = np.array([1, 0, 3, 2, 4, 5])
    return Symmetry(order, np.array([1, 1, -1, -1, 1, -1], np.float32), (4, 2))


def test_components_are_those_of_faces_and_mirrored_faces(rng):
    symmetry = Symmetry(np.array([1, 0, 3, 2]), np.ones(4, np.float32))
    x = (rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))).astype(np.float32)
    both = np.concatenate([x, symmetry.mirror(x)])
    variances = np.linalg.eigvalsh(np.cov(both.T, bias=True))
    pca = SymmetricPCA(4, 4, symmetry).fit(x)
    z = pca.transform(both)
    np.testing.assert_allclose(
        np.sort(z.var(axis=0)) / z.var(axis=0).sum(), variances / variances.sum(), rtol=1e-2
    )
    np.testing.assert_allclose((z**2).sum(axis=1).mean(), 1, rtol=1e-2)
    assert (pca.n_even_, pca.n_odd_) == (2, 2)
    np.testing.assert_allclose(z[:200, :2], z[200:, :2], atol=1e-4)
    np.testing.assert_allclose(z[:200, 2:], -z[200:, 2:], atol=1e-4)


def test_few_faces_give_the_same_components_as_many_features(rng):
    """With fewer faces than features the analysis runs between faces; repeats change nothing."""
    x = rng.normal(size=(8, 20)).astype(np.float32)
    few = SymmetricPCA(7).fit(x)
    many = SymmetricPCA(7).fit(np.repeat(x, 4, axis=0))
    np.testing.assert_allclose(few.transform(x), many.transform(x), atol=5e-3)
    surplus = SymmetricPCA(15).fit(x).transform(x)
    assert surplus.shape == (8, 15)
    np.testing.assert_allclose(surplus[:, 8:], 0)


def test_components_know_their_symmetry(swapping, rng):
    x = rng.normal(size=(50, 6)).astype(np.float32)
    for n_odd in (0, 1, 2, 9):
        fitted = SymmetricPCA(9, n_odd, swapping).fit(x)
        sign = fitted.symmetry_out().sign
        assert (fitted.n_even_, fitted.n_odd_) == ((sign > 0).sum(), (sign < 0).sum())
        found = fitted.transform(swapping.mirror(x))
        np.testing.assert_allclose(found, fitted.transform(x) * sign, atol=1e-5)


def test_symmetry_of_another_width_is_refused(swapping):
    with pytest.raises(ValueError, match=r"one column an entry of symmetry \(6\)\. Got 5 instead"):
        SymmetricPCA(symmetry=swapping).fit(np.ones((3, 5)))


def test_eight_bits_project_as_sixteen(swapping, rng):
    x = rng.normal(size=(50, 6)).astype(np.float32)
    exact = SymmetricPCA(3, 2, swapping).fit(x).transform(x)
    eight = SymmetricPCA(3, 2, swapping, bits=8).fit(x)
    found = eight.transform(x)
    assert 1e-4 < np.abs(found - exact).max() < 0.03
    mirrored = eight.transform(swapping.mirror(x))
    np.testing.assert_array_equal(mirrored, found * eight.symmetry_out().sign)
    with pytest.raises(ValueError, match="bits must be 16 or 8"):
        SymmetricPCA(bits=4).fit(x)


def test_eight_bits_survive_a_round_trip_at_half_the_size(rng):
    wide = rng.normal(size=(30, 400)).astype(np.float32)
    eight, sixteen = (SymmetricPCA(20, bits=bits).fit(wide) for bits in (8, 16))
    stored = pickle.dumps(eight)
    np.testing.assert_array_equal(pickle.loads(stored).transform(wide), eight.transform(wide))
    assert len(stored) < 0.6 * len(pickle.dumps(sixteen))


def test_one_that_was_kept_before_there_was_a_choice_of_bits_is_read(swapping, rng):
    x = rng.normal(size=(50, 6)).astype(np.float32)
    fitted = SymmetricPCA(3, 2, swapping).fit(x)
    state = fitted.__getstate__()
    del state["bits"]
    old = SymmetricPCA.__new__(SymmetricPCA)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.transform(x), fitted.transform(x))
