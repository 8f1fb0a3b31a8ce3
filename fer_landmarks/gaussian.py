"""The Gaussian kernel and the scores it gives, in NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

#: Rows of a kernel matrix made at a time when predicting: few enough for the processor's cache.
_BLOCK = 64

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
    exponent: NDArray[_Float] = x[:, :even] @ centers[:, :even].T
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


def squared_norms(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the squared norms (n,) of rows (n, d)."""
    return (x.astype(np.float64) ** 2).sum(axis=1)


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
    weights : float32 or float64 (m, k)
        The sum is computed in their precision.
    prior : float32 (k,)
        Added to the sum.
    gamma : float
    n_odd : int
        See `gaussian_kernel`.
    temperature : float
        What scores are divided by before they become probabilities.
    center_norms : (m,) or None
        The centres' squared norms, where they are known.
    """

    mean: NDArray[np.float32]
    scale: np.float32
    centers: NDArray[np.float32]
    weights: NDArray[np.float32] | NDArray[np.float64]
    prior: NDArray[np.float32]
    gamma: float
    n_odd: int
    temperature: float
    center_norms: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        precision = self.weights.dtype
        centers = self.centers.astype(precision, copy=False)
        norms = self.center_norms if self.center_norms is not None else squared_norms(centers)
        object.__setattr__(self, "centers", centers)
        object.__setattr__(self, "center_norms", norms.astype(precision, copy=False))

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores float32 (n, k) of features float32 (n, d)."""
        x = ((x - self.mean) * self.scale).astype(self.weights.dtype)
        out = np.empty((len(x), len(self.prior)), dtype=np.float32)
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            kernel = gaussian_kernel(
                x[rows], self.centers, self.gamma, self.n_odd, self.center_norms
            )
            out[rows] = kernel @ self.weights
        return out + self.prior

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities float32 (n, k) of features float32 (n, d)."""
        return softmax(self(x) / np.float32(self.temperature))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` needs, large arrays in half precision."""
        return {
            "mean": self.mean,
            "centers": self.centers.astype(np.float16),
            "weights": self.weights,
            "prior": self.prior,
        }

    def settings(self) -> dict[str, float]:
        """Return the other fields."""
        return {
            "gamma": self.gamma,
            "n_odd": self.n_odd,
            "scale": float(self.scale),
            "temperature": float(self.temperature),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, float]) -> Self:
        """Return what `arrays` and `settings` were taken from."""
        return cls(
            **{name: arrays[name] for name in ("mean", "centers", "weights", "prior")},
            scale=np.float32(settings["scale"]),
            gamma=settings["gamma"],
            n_odd=int(settings["n_odd"]),
            temperature=settings["temperature"],
        )


def softmax(scores: NDArray[_Float]) -> NDArray[_Float]:
    """Return exp(scores) (n, k) divided by their sum over each row."""
    proba: NDArray[_Float] = np.exp(scores - scores.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    return proba
