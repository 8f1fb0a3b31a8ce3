"""What fitted kernel least squares answer, without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fer_landmarks.centers import ByteCenters, Centers, FloatCenters
from fer_landmarks.gaussian import softmax

#: Rows of a kernel matrix made at a time: few enough for the processor's cache.
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class KernelScores:
    """A weighted sum of Gaussians around centres, for each class.

    Attributes
    ----------
    mean : float32 (d,)
    scale : float
        What features are centred by and multiplied with first.
    centers : Centers
        m of them, centred and scaled.
    weights : float32 or float64 (m, k)
        The sum is computed in their precision.
    prior : float32 (k,)
        Added to the sum.
    gamma : float
    temperature : float
        What scores are divided by before they become probabilities.
    """

    mean: NDArray[np.float32]
    scale: np.float32
    centers: Centers
    weights: NDArray[np.float32] | NDArray[np.float64]
    prior: NDArray[np.float32]
    gamma: float
    temperature: float

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores float32 (n, k) of features float32 (n, d)."""
        x = (x - self.mean) * self.scale
        out = np.empty((len(x), len(self.prior)), dtype=np.float32)
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            out[rows] = self.centers.kernel(x[rows], self.gamma) @ self.weights
        return out + self.prior

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities float32 (n, k) of features float32 (n, d)."""
        return softmax(self(x) / np.float32(self.temperature))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` needs, large arrays in half precision or less."""
        return {
            "mean": self.mean,
            "weights": self.weights,
            "prior": self.prior,
            **self.centers.arrays(),
        }

    def settings(self) -> dict[str, float]:
        """Return what else it needs."""
        return {
            "gamma": self.gamma,
            "n_odd": self.centers.n_odd,
            "scale": float(self.scale),
            "temperature": float(self.temperature),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, float]) -> Self:
        """Return what `arrays` and `settings` were taken from."""
        weights = arrays["weights"]
        centers: Centers
        if "products" in arrays:
            centers = ByteCenters.from_arrays(arrays, len(arrays["mean"]), int(settings["n_odd"]))
        else:
            found = arrays["centers"].astype(weights.dtype)
            centers = FloatCenters(found, int(settings["n_odd"]))
        return cls(
            arrays["mean"],
            np.float32(settings["scale"]),
            centers,
            weights,
            arrays["prior"],
            settings["gamma"],
            settings["temperature"],
        )
