"""Tests for fer_landmarks.projection."""

import numpy as np
import pytest

from fer_landmarks.byte_products import from_bytes, to_bytes
from fer_landmarks.projection import (
    ByteDirections,
    FloatDirections,
    Projection,
    even_then_odd,
)
from fer_landmarks.symmetry import join

#: Even and odd features of two groups, and how many directions each half has.
WIDTHS, COUNTS = (4, 3, 5, 0), (3, 2, 4, 0)


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    matrices = [
        rng.normal(size=(k, d)).astype(np.float16).astype(np.float32)
        for k, d in zip(COUNTS, WIDTHS, strict=True)
    ]
    mean = [rng.normal(size=d).astype(np.float32) for d in WIDTHS[::2]]
    symmetry = join([even_then_odd(4, 3), even_then_odd(5, 0)])
    return symmetry, mean, matrices, rng.normal(size=(6, 12)).astype(np.float32)


def slow_projection(mean, matrices, x):
    halves = np.split(x, np.cumsum(WIDTHS)[:-1], axis=1)
    components = [
        (half - mean[i // 2] if i % 2 == 0 else half) @ matrix.T
        for i, (half, matrix) in enumerate(zip(halves, matrices, strict=True))
    ]
    return np.concatenate(components[::2] + components[1::2], axis=1)


def test_halves_are_projected_apart(parts):
    symmetry, mean, matrices, x = parts
    projection = Projection(symmetry, mean, FloatDirections(matrices))
    expected = slow_projection(mean, matrices, x)
    np.testing.assert_allclose(projection(x), expected, rtol=1e-5, atol=1e-6)


def test_bytes_are_those_of_rounded_directions_and_halves(parts):
    symmetry, mean, matrices, x = parts
    projection = Projection(symmetry, mean, ByteDirections.of(matrices))
    centred = x.copy()
    centred[:, :4] -= mean[0]
    centred[:, 7:] -= mean[1]
    for columns in np.split(np.arange(12), np.cumsum(WIDTHS)[:-1]):
        centred[:, columns] = from_bytes(*to_bytes(centred[:, columns]))
    rounded = [from_bytes(*to_bytes(matrix)) for matrix in matrices]
    zero = [np.zeros_like(m) for m in mean]
    np.testing.assert_allclose(
        projection(x), slow_projection(zero, rounded, centred), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kind", [FloatDirections, ByteDirections.of])
def test_mirroring_changes_signs_alone(parts, kind):
    symmetry, mean, matrices, x = parts
    projection = Projection(symmetry, mean, kind(matrices))
    np.testing.assert_array_equal(
        projection(symmetry.mirror(x)), projection.symmetry_out.mirror(projection(x))
    )


def test_what_is_no_number_stays_none(parts):
    symmetry, mean, matrices, x = parts
    broken = x.copy()
    broken[0, 1], broken[1, 8] = np.nan, np.inf
    projection = Projection(symmetry, mean, ByteDirections.of(matrices))
    found = projection(broken)
    assert np.isnan(found[0, :3]).all()
    assert np.isnan(found[1, 3:7]).all()
    np.testing.assert_array_equal(found[2:], projection(x)[2:])


@pytest.mark.parametrize("kind", [FloatDirections, ByteDirections.of])
def test_what_is_stored_projects_alike(parts, kind):
    symmetry, mean, matrices, x = parts
    projection = Projection(symmetry, mean, kind(matrices))
    stored = Projection.from_arrays(projection.arrays(3), 3, symmetry)
    np.testing.assert_array_equal(stored(x), projection(x))
    assert stored(x[:0]).shape == (0, sum(COUNTS))
    np.testing.assert_array_equal(stored.symmetry_out.sign, [1] * 7 + [-1] * 2)


def test_stored_directions_of_other_features_are_refused(parts):
    symmetry, mean, matrices, _ = parts
    arrays = Projection(symmetry, mean, ByteDirections.of(matrices)).arrays(0)
    for even, odd in ((4, 2), (3, 4)):
        other = join([even_then_odd(even, odd), even_then_odd(5, 0)])
        with pytest.raises(ValueError, match="it has products of"):
            Projection.from_arrays(arrays, 0, other)
