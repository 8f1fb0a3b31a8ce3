"""Tests for fer_landmarks.symmetry."""

import pickle

import numpy as np
import pytest

from fer_landmarks.symmetry import Symmetry, grid_symmetry, join


@pytest.fixture
def swapping():
    order = np.array([1, 0, 3, 2, 4, 5])
    return Symmetry(order, np.array([1, 1, -1, -1, 1, -1], np.float32), (4, 2))


def test_even_and_odd_parts_are_an_orthonormal_basis(swapping):
    rng = np.random.default_rng(0)
    for columns, part in swapping.parts():
        x = rng.normal(size=(5, columns.stop - columns.start)).astype(np.float32)
        even, odd = part.even_odd(x)
        mirrored_even, mirrored_odd = part.even_odd(part.mirror(x))
        np.testing.assert_allclose(mirrored_even, even, atol=1e-6)
        np.testing.assert_allclose(mirrored_odd, -odd, atol=1e-6)
        power = (even**2).sum(axis=1) + (odd**2).sum(axis=1)
        np.testing.assert_allclose(power, (x**2).sum(axis=1), rtol=1e-5)


def test_widths_are_those_of_the_parts(swapping):
    for columns, part in swapping.parts():
        even, odd = part.even_odd(np.empty((1, columns.stop - columns.start), np.float32))
        assert part.widths == (even.shape[1], odd.shape[1])


def test_it_is_stored_alike_before_and_after_it_was_used(swapping):
    fresh = pickle.dumps(swapping)
    swapping.even_odd(np.zeros((1, 6), np.float32))
    assert pickle.dumps(swapping) == fresh
    assert pickle.loads(fresh).widths == swapping.widths


def test_what_is_joined_keeps_its_groups():
    flipped = grid_symmetry((2, 3), (None, (2, 1, 0)))
    both = join([flipped, Symmetry(np.array([0]), np.array([-1], np.float32))])
    assert both.blocks == (6, 1)
    x = np.arange(7, dtype=np.float32)[None]
    np.testing.assert_array_equal(both.mirror(x), [[2, 1, 0, 5, 4, 3, -6]])
