"""The Gaussian kernel, in NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)


def gaussian_kernel(
    x: NDArray[_Float],
    centers: NDArray[_Float],
    gamma: float,
    n_odd: int = 0,
    center_norms: NDArray[_Float] | None = None,
) -> NDArray[_Float]:
    """Return exp(-gamma |x - c|^2), or its mean over the face and its mirror image.

    Parameters
    ----------
    x : float32 or float64 (n, d)
    centers : (m, d)
        Of the same type, as is the kernel.
    gamma : float
    n_odd : int
        How many of the last columns change their sign when the face is mirrored.
    center_norms : (m,) or None
        The centres' squared norms, where they are known.

    Returns
    -------
    (n, m)
    """
    if center_norms is None:
        center_norms = (centers**2).sum(axis=1)
    even = x.shape[1] - n_odd
    odd = [x[:, even:] @ centers[:, even:].T] if n_odd else []
    even_products = x[:, :even] @ centers[:, :even].T
    return kernel_of_products(even_products, odd, (x**2).sum(axis=1), center_norms, gamma)


def kernel_of_products(
    exponent: NDArray[_Float],
    odd: Sequence[NDArray[_Float]],
    norms: NDArray[_Float],
    center_norms: NDArray[_Float],
    gamma: float,
) -> NDArray[_Float]:
    """Return `gaussian_kernel` from what is left of the rows.

    Parameters
    ----------
    exponent : (n, m)
        Products of rows and centres, over the columns that mirroring keeps. Written over.
    odd : nothing, or (n, m)
        Over those whose sign it changes. Written over.
    norms : (n,)
        The rows' squared norms.
    center_norms : (m,)
    gamma : float

    Returns
    -------
    (n, m)
    """
    exponent *= np.float32(2 * gamma)
    exponent -= np.float32(gamma) * norms[:, None]
    exponent -= np.float32(gamma) * center_norms
    if not odd:
        return np.exp(exponent, out=exponent)
    (tilt,) = odd
    tilt *= np.float32(2 * gamma)
    # The mean of exp(e + t) and exp(e - t), written so that neither overflows.
    kernel: NDArray[_Float] = np.exp(exponent + tilt)
    kernel += np.exp(exponent - tilt, out=exponent)
    kernel *= np.float32(0.5)
    return kernel


def squared_norms(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the squared norms (n,) of rows (n, d)."""
    return (x.astype(np.float64) ** 2).sum(axis=1)


def softmax(scores: NDArray[_Float]) -> NDArray[_Float]:
    """Return exp(scores) (n, k) divided by their sum over each row."""
    proba: NDArray[_Float] = np.exp(scores - scores.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    return proba
