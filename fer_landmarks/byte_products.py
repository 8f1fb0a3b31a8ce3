"""Rows of one byte a number, and exact products of them by NumPy or ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import ModelStoreError
from fer_core.extras import require
from fer_core.onnx_model import open_session

#: Up to so many columns products are below 2^24, and exact in single precision.
_EXACT_COLUMNS = 1040
#: And up to so many below 2^31.
_MOST_COLUMNS = (2**31 - 1) // 127**2
#: ONNX Runtime multiplies whole numbers without overflow on every processor where both are
#: unsigned; zero is in their middle.
_ZERO = 128

_Float = TypeVar("_Float", np.float32, np.float64)


class FloatProducts:
    """Products with the rows of some matrices, by NumPy.

    Parameters
    ----------
    matrices : sequence of int8 (m, d)
        Codes from -127 to 127, see `to_bytes`.
    """

    def __init__(self, matrices: Sequence[NDArray[np.int8]]) -> None:
        self._matrices = [_exact(matrix) for matrix in matrices]

    def __call__(self, rows: Sequence[NDArray[np.int8]]) -> list[NDArray[Any]]:
        """Return the products (n, m) of codes int8 (n, d) with each matrix."""
        pairs = zip(rows, self._matrices, strict=True)
        return [codes.astype(matrix.dtype) @ matrix.T for codes, matrix in pairs]

    def model(self) -> bytes:
        """Return an ONNX model of the products, for `OnnxProducts`.

        Raises
        ------
        ValueError
            If a matrix has more columns than ONNX's sums of 32 bits have room for.
        """
        widest = max(matrix.shape[1] for matrix in self._matrices)
        if widest > _MOST_COLUMNS:
            raise ValueError(f"products of bytes take up to {_MOST_COLUMNS} columns, got {widest}")
        onnx = require("onnx")
        helper, types = onnx.helper, onnx.TensorProto
        zero = onnx.numpy_helper.from_array(np.uint8(_ZERO), "zero")
        inputs, outputs, constants, nodes = [], [], [zero], []
        for i, matrix in enumerate(self._matrices):
            m, d = matrix.shape
            constants.append(
                onnx.numpy_helper.from_array((matrix.T + _ZERO).astype(np.uint8), f"matrix_{i}")
            )
            rows, product = f"rows_{i}", f"product_{i}"
            operands = [rows, f"matrix_{i}", "zero", "zero"]
            nodes.append(helper.make_node("MatMulInteger", operands, [product]))
            inputs.append(helper.make_tensor_value_info(rows, types.UINT8, ["n", d]))
            outputs.append(helper.make_tensor_value_info(product, types.INT32, ["n", m]))
        graph = helper.make_graph(nodes, "products", inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        serialised: bytes = model.SerializeToString()
        return serialised


class OnnxProducts:
    """The same products by ONNX Runtime.

    Parameters
    ----------
    model : bytes
        Of `FloatProducts.model`.

    Attributes
    ----------
    shapes : list of (int, int)
        Of each matrix, its columns and rows.

    Raises
    ------
    ModelStoreError
        If it is no model.
    """

    def __init__(self, model: bytes) -> None:
        self._model = model
        # One thread: it waits for memory, and a program bounds threads for all models it runs.
        self._session = open_session(model, threads=1)
        self._inputs = [node.name for node in self._session.get_inputs()]
        nodes = zip(self._session.get_inputs(), self._session.get_outputs(), strict=False)
        self.shapes = [(rows.shape[1], products.shape[1]) for rows, products in nodes]

    def __call__(self, rows: Sequence[NDArray[np.int8]]) -> list[NDArray[np.int32]]:
        """Return the products int32 (n, m) of codes int8 (n, d) with each matrix."""
        unsigned = (codes.view(np.uint8) ^ np.uint8(_ZERO) for codes in rows)
        fed = dict(zip(self._inputs, unsigned, strict=True))
        products: list[NDArray[np.int32]] = self._session.run(None, fed)
        return products

    def __reduce__(self) -> tuple[type[OnnxProducts], tuple[bytes]]:
        """Leave the session out: a copy opens the model again."""
        return type(self), (self._model,)

    def model(self) -> bytes:
        """Return the ONNX model."""
        return self._model


def stored_products(model: NDArray[np.uint8], shapes: Sequence[tuple[int, int]]) -> OnnxProducts:
    """Return the products of a stored model.

    Parameters
    ----------
    model : uint8 (n,)
        Its bytes.
    shapes : sequence of (int, int)
        Columns and rows that each matrix must have.

    Raises
    ------
    ValueError
        If it is no model, or one of other matrices.
    """
    try:
        products = OnnxProducts(model.tobytes())
    except ModelStoreError as error:
        raise ValueError(str(error)) from error
    if products.shapes != list(shapes):
        raise ValueError(f"it has products of {products.shapes} in place of {list(shapes)}")
    return products


def to_bytes(x: NDArray[_Float]) -> tuple[NDArray[np.int8], NDArray[_Float]]:
    """Round rows to whole numbers from -127 to 127.

    Parameters
    ----------
    x : float32 or float64 (n, d)

    Returns
    -------
    codes : int8 (n, d)
    scales : (n,)
        By which each row's codes are to be multiplied; of the type of `x`.
    """
    largest = np.abs(x).max(axis=1, initial=0)
    scales: NDArray[_Float] = np.where(largest == 0, 1, largest).astype(x.dtype)
    scales = np.maximum(scales / x.dtype.type(127), np.finfo(x.dtype).tiny)
    with np.errstate(invalid="ignore"):  # what is no number stays none in the scale
        return np.rint(x / scales[:, None]).astype(np.int8), scales


def from_bytes(codes: NDArray[np.int8], scales: NDArray[_Float]) -> NDArray[_Float]:
    """Return the rows (n, d) that codes stand for."""
    rows: NDArray[_Float] = codes.astype(scales.dtype) * scales[:, None]
    return rows


def _exact(codes: NDArray[np.int8]) -> NDArray[Any]:
    return codes.astype(np.float32 if codes.shape[1] <= _EXACT_COLUMNS else np.float64)
