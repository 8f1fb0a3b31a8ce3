"""Tests for fer_landmarks.centers."""

import pickle

import numpy as np
import pytest

from fer_landmarks.byte_products import from_bytes, to_bytes
from fer_landmarks.centers import ByteCenters, FloatCenters
from fer_landmarks.gaussian import gaussian_kernel


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(30, 12)) * rng.uniform(0.1, 3, (30, 1))).astype(np.float32)


def test_what_is_no_number_stays_none(rows):
    centers = ByteCenters.of(rows[10:], 5)
    broken = rows[:3].copy()
    broken[0, 2], broken[1, 3] = np.nan, np.inf
    kernel = centers.kernel(broken, 0.1)
    assert np.isnan(kernel[:2]).all()
    np.testing.assert_array_equal(kernel[2:], centers.kernel(rows[2:3], 0.1))


def test_products_of_other_sizes_are_refused(rows):
    arrays = ByteCenters.of(rows, 5).arrays()
    for d, n_odd in ((13, 5), (12, 4), (12, 0)):
        with pytest.raises(ValueError, match="it has products of"):
            ByteCenters.from_arrays(arrays, d, n_odd)
    with pytest.raises(ValueError, match="it has products of"):
        ByteCenters.from_arrays({**arrays, "center_scales": np.ones(3, np.float32)}, 12, 5)
    with pytest.raises(ValueError, match="not a network"):
        ByteCenters.from_arrays({**arrays, "products": arrays["products"][:20]}, 12, 5)


def test_they_survive_a_copy(rows):
    stored = ByteCenters.from_arrays(ByteCenters.of(rows[10:], 5).arrays(), 12, 5)
    copied = pickle.loads(pickle.dumps(stored))
    np.testing.assert_array_equal(copied.kernel(rows[:10], 0.1), stored.kernel(rows[:10], 0.1))


@pytest.mark.parametrize("n_odd", [0, 5])
def test_the_kernel_is_that_of_the_rounded_rows(rows, n_odd):
    centers = ByteCenters.of(rows[10:], n_odd)
    rounded = from_bytes(*to_bytes(rows))
    expected = gaussian_kernel(rounded[:10], rounded[10:], 0.1, n_odd)
    np.testing.assert_allclose(centers.kernel(rows[:10], 0.1), expected, rtol=1e-4)
    stored = ByteCenters.from_arrays(centers.arrays(), 12, n_odd)
    np.testing.assert_array_equal(stored.kernel(rows[:10], 0.1), centers.kernel(rows[:10], 0.1))
    assert stored.n_odd == n_odd


def test_one_row_gets_the_kernel_that_it_gets_among_others(rows):
    centers = ByteCenters.of(rows[10:], 5)
    together = centers.kernel(rows[:10], 0.1)
    np.testing.assert_array_equal(
        np.vstack([centers.kernel(r[None], 0.1) for r in rows[:10]]), together
    )


def test_centers_give_the_kernel_in_their_precision(rows):
    expected = gaussian_kernel(rows[:10], rows[10:], 0.1, 5)
    rounded = ByteCenters.of(rows[10:], 5).kernel(rows[:10], 0.1)
    for dtype in (np.float32, np.float64):
        kernel = FloatCenters(rows[10:].astype(dtype), 5).kernel(rows[:10], 0.1)
        assert kernel.dtype == dtype
        np.testing.assert_allclose(kernel, expected, rtol=1e-4)
        kernel = ByteCenters.of(rows[10:].astype(dtype), 5).kernel(rows[:10], 0.1)
        assert kernel.dtype == dtype
        np.testing.assert_allclose(kernel, rounded, rtol=1e-4)
