"""The centres of a Gaussian kernel, in single precision or in 8 bits a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from fer_landmarks.byte_products import (
    FloatProducts,
    OnnxProducts,
    stored_products,
    to_bytes,
)
from fer_landmarks.gaussian import gaussian_kernel, kernel_of_products, squared_norms

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
        return cls(scales, _norms(codes, scales), FloatProducts(_split(codes, n_odd)), n_odd)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], d: int, n_odd: int) -> Self:
        """Return what `arrays` gave, for `d` features.

        Raises
        ------
        ValueError
            If the products in them are none, or of other numbers.
        """
        scales = arrays["center_scales"]
        m = len(scales)
        shapes = [(d - n_odd, m), (n_odd, m)] if n_odd else [(d, m)]
        products = stored_products(arrays["products"], shapes)
        return cls(scales, arrays["center_norms"], products, n_odd)

    def kernel(self, x: NDArray[np.float32], gamma: float) -> NDArray[Any]:
        """Return the kernel (n, m) between features float32 (n, d) and the m centres."""
        precision = self.scales.dtype
        codes, scales = to_bytes(x.astype(precision, copy=False))
        factors = scales[:, None] * self.scales
        even, *odd = (
            found.astype(precision) * factors for found in self.products(_split(codes, self.n_odd))
        )
        return kernel_of_products(even, odd, _norms(codes, scales), self.norms, gamma)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what they can be made from again."""
        return {
            "center_scales": self.scales,
            "center_norms": self.norms,
            "products": np.frombuffer(self.products.model(), np.uint8),
        }


def _split(codes: NDArray[np.int8], n_odd: int) -> list[NDArray[np.int8]]:
    """Return the columns that mirroring keeps and, if there are any, those it changes."""
    even = codes.shape[1] - n_odd
    return [codes[:, :even], codes[:, even:]] if n_odd else [codes]


def _norms(codes: NDArray[np.int8], scales: NDArray[_Float]) -> NDArray[_Float]:
    squares = np.einsum("ij,ij->i", codes, codes, dtype=np.int64)
    norms: NDArray[_Float] = (squares * scales.astype(np.float64) ** 2).astype(scales.dtype)
    return norms
