"""What fitted perceptrons answer, in NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fer_landmarks.compact import packed, unpacked
from fer_landmarks.gaussian import softmax

#: What is kept of a layer's matrix: itself, or codes and scales.
_KEPT = ("weights", "weight_scales")


@dataclass(frozen=True, eq=False)
class LayerScores:
    """Layers of units that pass on what is above zero, then a softmax over the classes.

    Of several networks it is the mean of their probabilities.

    Attributes
    ----------
    mean, scale : float32 (d,)
        What features are centred by and multiplied with first.
    weights : sequence of float32 (units before, units)
        A matrix a layer, one network's after the other's.
    shifts : sequence of float32 (units,)
    n_odd : int
        How many of the last features change their sign when the face is mirrored. If there are
        any, probabilities are the mean of those of both.
    n_networks : int
    bits : {16, 8}
        What weights were rounded to, a scale a row where to 8.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: Sequence[NDArray[np.float32]]
    shifts: Sequence[NDArray[np.float32]]
    n_odd: int
    n_networks: int = 1
    bits: int = 16

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities float32 (n, k) of features float32 (n, d)."""
        x = (x - self.mean) * self.scale
        depth = len(self.weights) // self.n_networks
        networks = (slice(i, i + depth) for i in range(0, len(self.weights), depth))
        answers = [self._answer(x, self.weights[of], self.shifts[of]) for of in networks]
        mean: NDArray[np.float32] = np.mean(answers, axis=0)
        return mean

    def _answer(
        self,
        x: NDArray[np.float32],
        weights: Sequence[NDArray[np.float32]],
        shifts: Sequence[NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """Return what one network says of scaled features, and of their mirror images."""
        kept = x.shape[1] - self.n_odd
        even = x[:, :kept] @ weights[0][:kept] + shifts[0]
        if not self.n_odd:
            return _passed_on(even, weights, shifts)
        odd = x[:, kept:] @ weights[0][kept:]
        both = _passed_on(np.concatenate([even + odd, even - odd]), weights, shifts)
        return (both[: len(x)] + both[len(x) :]) / np.float32(2)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` needs, matrices in half precision or bytes."""
        layers = zip(self.weights, self.shifts, strict=True)
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "scale": self.scale}
        for i, (weights, shift) in enumerate(layers):
            kept = packed(weights, self.bits)
            arrays |= {f"{name}_{i}": part for name, part in zip(_KEPT, kept, strict=False)}
            arrays[f"shift_{i}"] = shift
        return arrays

    def settings(self) -> dict[str, float]:
        """Return the other fields."""
        return {"n_odd": self.n_odd, "layers": len(self.weights), "networks": self.n_networks}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, float]) -> Self:
        """Return what `arrays` and `settings` were taken from."""
        layers = range(int(settings["layers"]))
        names = _KEPT if f"{_KEPT[1]}_0" in arrays else _KEPT[:1]
        return cls(
            arrays["mean"],
            arrays["scale"],
            [unpacked([arrays[f"{name}_{i}"] for name in names]) for i in layers],
            [arrays[f"shift_{i}"] for i in layers],
            int(settings["n_odd"]),
            int(settings.get("networks", 1)),
            8 if names == _KEPT else 16,
        )


def _passed_on(
    x: NDArray[np.float32],
    weights: Sequence[NDArray[np.float32]],
    shifts: Sequence[NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Return the probabilities that the first layer's sums (n, units) lead to."""
    for matrix, shift in zip(weights[1:], shifts[1:], strict=True):
        x = np.maximum(x, 0) @ matrix + shift
    return softmax(x)
