"""What a fitted perceptron answers, in NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fer_landmarks.gaussian import softmax


@dataclass(frozen=True, eq=False)
class LayerScores:
    """Layers of units that pass on what is above zero, then a softmax over the classes.

    Attributes
    ----------
    mean, scale : float32 (d,)
        What features are centred by and multiplied with first.
    weights : sequence of float32 (units before, units)
        A matrix a layer.
    shifts : sequence of float32 (units,)
    n_odd : int
        How many of the last features change their sign when the face is mirrored. If there are
        any, probabilities are the mean of those of both.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: Sequence[NDArray[np.float32]]
    shifts: Sequence[NDArray[np.float32]]
    n_odd: int

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities float32 (n, k) of features float32 (n, d)."""
        x = (x - self.mean) * self.scale
        first = self.weights[0]
        kept = x.shape[1] - self.n_odd
        even = x[:, :kept] @ first[:kept] + self.shifts[0]
        if not self.n_odd:
            return self._answer(even)
        odd = x[:, kept:] @ first[kept:]
        both = self._answer(np.concatenate([even + odd, even - odd]))
        return (both[: len(x)] + both[len(x) :]) / np.float32(2)

    def _answer(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities that the first layer's sums (n, units) lead to."""
        for weights, shift in zip(self.weights[1:], self.shifts[1:], strict=True):
            x = np.maximum(x, 0) @ weights + shift
        return softmax(x)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` needs, matrices in half precision."""
        layers = zip(self.weights, self.shifts, strict=True)
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "scale": self.scale}
        for i, (weights, shift) in enumerate(layers):
            arrays |= {f"weights_{i}": weights.astype(np.float16), f"shift_{i}": shift}
        return arrays

    def settings(self) -> dict[str, float]:
        """Return the other fields."""
        return {"n_odd": self.n_odd, "layers": len(self.weights)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, float]) -> Self:
        """Return what `arrays` and `settings` were taken from."""
        layers = range(int(settings["layers"]))
        return cls(
            arrays["mean"],
            arrays["scale"],
            [arrays[f"weights_{i}"].astype(np.float32) for i in layers],
            [arrays[f"shift_{i}"] for i in layers],
            int(settings["n_odd"]),
        )
