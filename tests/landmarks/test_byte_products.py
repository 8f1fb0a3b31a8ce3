"""Tests for fer_landmarks.byte_products."""

import pickle

import numpy as np
import pytest

from fer_landmarks.byte_products import (
    FloatProducts,
    OnnxProducts,
    from_bytes,
    stored_products,
    to_bytes,
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(30, 12)) * rng.uniform(0.1, 3, (30, 1))).astype(np.float32)


def test_rows_are_rounded_by_a_scale_of_their_own(rows):
    codes, scales = to_bytes(rows)
    assert codes.dtype == np.int8
    assert (np.abs(codes.astype(int)).max(axis=1) == 127).all()
    assert (np.abs(from_bytes(codes, scales) - rows) <= scales[:, None] / 2 + 1e-6).all()
    again, _ = to_bytes(from_bytes(codes, scales))
    np.testing.assert_array_equal(again, codes)
    zero, scale = to_bytes(np.zeros((1, 3), np.float32))
    assert not zero.any()
    assert scale > 0
    assert to_bytes(rows[:0])[0].shape == (0, 12)
    tiny, _ = to_bytes(np.full((1, 4), 1e-44, np.float32))
    assert not tiny.any()


def test_onnx_runtime_gives_the_same_products(rows):
    codes, _ = to_bytes(rows)
    matrices = [codes[:, :7], codes[:20, 7:], codes[:0, :0]]
    asked = [codes[:4, :7], codes[:4, 7:], codes[:4, :0]]
    by_numpy = FloatProducts(matrices)
    by_onnx = OnnxProducts(by_numpy.model())
    assert by_onnx.shapes == [(7, 30), (5, 20), (0, 0)]
    copied = pickle.loads(pickle.dumps(by_onnx))
    for products in (by_numpy, by_onnx, copied):
        for got, rows_, matrix in zip(products(asked), asked, matrices, strict=True):
            np.testing.assert_array_equal(got, rows_.astype(int) @ matrix.T.astype(int))


@pytest.mark.parametrize("width", [1000, 3001])
def test_the_largest_codes_are_exact(width):
    codes = np.full((3, width), -127, np.int8)
    by_numpy = FloatProducts([codes])
    for products in (by_numpy, OnnxProducts(by_numpy.model())):
        np.testing.assert_array_equal(products([codes])[0], np.full((3, 3), 127 * 127 * width))
        np.testing.assert_array_equal(products([-codes])[0], np.full((3, 3), -127 * 127 * width))


def test_sums_that_have_no_room_are_refused():
    widest = np.full((1, 133_144), -127, np.int8)
    products = FloatProducts([widest])
    assert OnnxProducts(products.model())([widest])[0] == 127 * 127 * 133_144
    with pytest.raises(ValueError, match="up to 133144 columns, got 133145"):
        FloatProducts([np.zeros((1, 133_145), np.int8)]).model()


def test_stored_products_of_other_sizes_are_refused(rows):
    codes, _ = to_bytes(rows)
    model = np.frombuffer(FloatProducts([codes]).model(), np.uint8)
    np.testing.assert_array_equal(stored_products(model, [(12, 30)])([codes])[0].shape, (30, 30))
    for shapes in ([(12, 29)], [(11, 30)], [(12, 30), (12, 30)]):
        with pytest.raises(ValueError, match="it has products of"):
            stored_products(model, shapes)
    with pytest.raises(ValueError, match="not a network"):
        stored_products(model[:20], [(12, 30)])
