"""Tests for fer_landmarks.symmetry."""

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


def test_what_is_joined_keeps_its_groups():
    flipped = grid_symmetry((2, 3), (None, (2, 1, 0)))
    both = join([flipped, Symmetry(np.array([0]), np.array([-1], np.float32))])
    assert both.blocks == (6, 1)
    x = np.arange(7, dtype=np.float32)[None]
    np.testing.assert_array_equal(both.mirror(x), [[2, 1, 0, 5, 4, 3, -6]])
