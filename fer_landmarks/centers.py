"""The centres of a Gaussian kernel, in single precision or in 8 bits a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import ModelStoreError
from fer_core.extras import require
from fer_core.onnx_model import open_session
from fer_landmarks.gaussian import gaussian_kernel, kernel_of_products, squared_norms

#: Up to so many columns products are below 2^24, and exact in single precision.
_EXACT_COLUMNS = 1040
#: ONNX Runtime multiplies whole numbers without overflow on every processor where both are
#: unsigned; zero is in their middle.
_ZERO = 128

_Float = TypeVar("_Float", np.float32, np.float64)


class Centers(Protocol):
    """What `fer_landmarks.scores.KernelScores` asks of centres.

    Attributes
    ----------
    n_odd : int
        How many of the last features change their sign when the face is mirrored.
    """

    n_odd: int

    def kernel(self, x: NDArray[np.float32], gamma: float) -> NDArray[Any]:
        """Return the kernel (n, m) between features float32 (n, d) and the m centres."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what they can be made from again."""


class FloatCenters:
    """Centres as they are; kept on disk in half precision.

    Parameters
    ----------
    centers : (m, d)
        The kernel is computed in their precision.
    n_odd : int
        See `gaussian_kernel`.
    norms : (m,) or None
        The centres' squared norms, where they are known.
    """

    def __init__(
        self, centers: NDArray[Any], n_odd: int, norms: NDArray[np.float64] | None = None
    ) -> None:
        self.centers, self.n_odd = centers, n_odd
        norms = squared_norms(centers) if norms is None else norms
        self.norms = norms.astype(centers.dtype, copy=False)

    def kernel(self, x: NDArray[np.float32], gamma: float) -> NDArray[Any]:
        """Return the kernel (n, m) between features float32 (n, d) and the m centres."""
        x = x.astype(self.centers.dtype, copy=False)
        return gaussian_kernel(x, self.centers, gamma, self.n_odd, self.norms)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what they can be made from again."""
        return {"centers": self.centers.astype(np.float16)}


class ByteCenters:
    """Centres of one byte a number, compared in whole numbers.

    Centres and features are rounded alike, each row by a scale of its own. Products of whole
    numbers are exact, so that they are the same from NumPy and from ONNX Runtime, which is many
    times as fast for one row.

    Parameters
    ----------
    scales : (m,)
        By which the codes of each centre are multiplied. The kernel is computed in their
        precision.
    norms : (m,)
        The centres' squared norms.
    products : FloatProducts or OnnxProducts
        With the codes of all centres.
    n_odd : int
        See `gaussian_kernel`.
    """

    def __init__(
        self,
        scales: NDArray[Any],
        norms: NDArray[Any],
        products: FloatProducts | OnnxProducts,
        n_odd: int,
    ) -> None:
        self.scales, self.norms, self.products, self.n_odd = scales, norms, products, n_odd

    @classmethod
    def of(cls, centers: NDArray[Any], n_odd: int) -> Self:
        """Return rounded centres (m, d)."""
        codes, scales = to_bytes(centers)
        return cls(scales, _norms(codes, scales), FloatProducts(codes, n_odd), n_odd)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], d: int, n_odd: int) -> Self:
        """Return what `arrays` gave, for `d` features.

        Raises
        ------
        ValueError
            If the products in them are none, or of other numbers.
        """
        scales = arrays["center_scales"]
        try:
            products = OnnxProducts(arrays["products"].tobytes())
        except ModelStoreError as error:
            raise ValueError(str(error)) from error
        expected = [(d - n_odd, len(scales)), (n_odd, len(scales))][: 2 if n_odd else 1]
        if products.shapes != expected:
            raise ValueError(f"it has products of {products.shapes} in place of {expected}")
        return cls(scales, arrays["center_norms"], products, n_odd)

    def kernel(self, x: NDArray[np.float32], gamma: float) -> NDArray[Any]:
        """Return the kernel (n, m) between features float32 (n, d) and the m centres."""
        precision = self.scales.dtype
        codes, scales = to_bytes(x.astype(precision, copy=False))
        factors = scales[:, None] * self.scales
        even, *odd = (found.astype(precision) * factors for found in self.products(codes))
        return kernel_of_products(even, odd, _norms(codes, scales), self.norms, gamma)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what they can be made from again."""
        return {
            "center_scales": self.scales,
            "center_norms": self.norms,
            "products": np.frombuffer(self.products.model(), np.uint8),
        }


class FloatProducts:
    """Products with centres' codes int8 (m, d), even and odd columns apart, by NumPy."""

    def __init__(self, codes: NDArray[np.int8], n_odd: int) -> None:
        even = codes.shape[1] - n_odd
        self._widths = [even, n_odd] if n_odd else [even]
        exact = np.float32 if max(self._widths) <= _EXACT_COLUMNS else np.float64
        self._halves = [half.astype(exact) for half in _split(codes, self._widths)]

    def __call__(self, codes: NDArray[np.int8]) -> list[NDArray[Any]]:
        """Return the products (n, m) of codes int8 (n, d), a matrix a half."""
        parts = _split(codes, self._widths)
        pairs = zip(parts, self._halves, strict=True)
        return [part.astype(half.dtype) @ half.T for part, half in pairs]

    def model(self) -> bytes:
        """Return an ONNX model of the products, for `OnnxProducts`."""
        onnx = require("onnx")
        helper, types = onnx.helper, onnx.TensorProto
        zero = onnx.numpy_helper.from_array(np.uint8(_ZERO), "zero")
        inputs, outputs, constants, nodes = [], [], [zero], []
        for i, half in enumerate(self._halves):
            centers, dimension = (half.T + _ZERO).astype(np.uint8), half.shape[1]
            constants.append(onnx.numpy_helper.from_array(centers, f"centers_{i}"))
            rows, product = f"rows_{i}", f"product_{i}"
            operands = [rows, f"centers_{i}", "zero", "zero"]
            nodes.append(helper.make_node("MatMulInteger", operands, [product]))
            inputs.append(helper.make_tensor_value_info(rows, types.UINT8, ["n", dimension]))
            outputs.append(helper.make_tensor_value_info(product, types.INT32, ["n", len(half)]))
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
        Of each half, its columns and the number of centres.

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

    def __call__(self, codes: NDArray[np.int8]) -> list[NDArray[np.int32]]:
        """Return the products int32 (n, m) of codes int8 (n, d), a matrix a half."""
        rows = codes.view(np.uint8) ^ np.uint8(_ZERO)
        parts = _split(rows, [width for width, _ in self.shapes])
        fed = dict(zip(self._inputs, parts, strict=True))
        products: list[NDArray[np.int32]] = self._session.run(None, fed)
        return products

    def __reduce__(self) -> tuple[type[OnnxProducts], tuple[bytes]]:
        """Leave the session out: a copy opens the model again."""
        return type(self), (self._model,)

    def model(self) -> bytes:
        """Return the ONNX model."""
        return self._model


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


def _split(codes: NDArray[Any], widths: Sequence[int]) -> list[NDArray[Any]]:
    """Return neighbouring columns (n, width) for each width."""
    return np.split(codes, np.cumsum(widths)[:-1], axis=1)


def _norms(codes: NDArray[np.int8], scales: NDArray[_Float]) -> NDArray[_Float]:
    squares = np.einsum("ij,ij->i", codes, codes, dtype=np.int64)
    norms: NDArray[_Float] = (squares * scales.astype(np.float64) ** 2).astype(scales.dtype)
    return norms
