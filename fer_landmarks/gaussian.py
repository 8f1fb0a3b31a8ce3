"""The Gaussian kernel and the scores it gives, in NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

#: Rows of a kernel matrix made at a time when predicting: few enough for the processor's cache.
_BLOCK = 64

_Float = TypeVar("_Float", np.float32, np.float64)


def gaussian_kernel(
    x: NDArray[np.float32],
    centers: NDArray[np.float32],
    gamma: float,
    n_odd: int = 0,
    center_norms: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return exp(-gamma |x - c|^2), or its mean over the face and its mirror image.

    Parameters
    ----------
    x : float32 (n, d)
    centers : float32 (m, d)
    gamma : float
    n_odd : int
        How many of the last columns change their sign when the face is mirrored.
    center_norms : float32 (m,) or None
        The centres' squared norms, where they are known.

    Returns
    -------
    float32 (n, m)
    """
    if center_norms is None:
        center_norms = (centers**2).sum(axis=1)
    even = x.shape[1] - n_odd
    exponent = x[:, :even] @ centers[:, :even].T
    exponent *= np.float32(2 * gamma)
    exponent -= np.float32(gamma) * (x**2).sum(axis=1)[:, None]
    exponent -= np.float32(gamma) * center_norms
    if n_odd == 0:
        return np.exp(exponent, out=exponent)
    tilt = x[:, even:] @ centers[:, even:].T
    tilt *= np.float32(2 * gamma)
    # The mean of exp(e + t) and exp(e - t), written so that neither overflows.
    kernel = np.exp(exponent + tilt)
    kernel += np.exp(exponent - tilt, out=exponent)
    kernel *= np.float32(0.5)
    return kernel


@dataclass(frozen=True, eq=False)
class KernelScores:
    """A weighted sum of Gaussians around centres, for each class.

    Attributes
    ----------
    mean : float32 (d,)
    scale : float
        What features are centred by and multiplied with first.
    centers : float32 (m, d)
        Centred and scaled.
    center_norms : float32 (m,)
        Their squared norms.
    weights : float32 (m, k)
    prior : float32 (k,)
        Added to the sum.
    gamma : float
    n_odd : int
        See `gaussian_kernel`.
    """

    mean: NDArray[np.float32]
    scale: np.float32
    centers: NDArray[np.float32]
    center_norms: NDArray[np.float32]
    weights: NDArray[np.float32]
    prior: NDArray[np.float32]
    gamma: float
    n_odd: int

    def kernel(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the kernel (n, m) between x (n, d), centred and scaled, and the centres."""
        return gaussian_kernel(x, self.centers, self.gamma, self.n_odd, self.center_norms)

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores float32 (n, k) of features float32 (n, d)."""
        x = (x - self.mean) * self.scale
        out = np.empty((len(x), len(self.prior)), dtype=np.float32)
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            out[rows] = self.kernel(x[rows]) @ self.weights
        return out + self.prior


def softmax(scores: NDArray[_Float]) -> NDArray[_Float]:
    """Return exp(scores) (n, k) divided by their sum over each row."""
    proba: NDArray[_Float] = np.exp(scores - scores.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    return proba
