"""A layer of a perceptron while it is trained, and the step of AdamW."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

#: Adam's (Kingma and Ba, ICLR 2015).
_BETA1, _BETA2 = np.float32(0.9), np.float32(0.999)


@dataclass
class TrainedLayer:
    """Weights of a hidden layer and of its batch normalisation, and Adam's moments of them.

    Attributes
    ----------
    values : dict of str to float32 array
        ``weights`` (n_in, n_out), ``shift`` (n_out,) and, but for the last layer, ``scale``.
    first, second : dict of str to float32 array
        Moments of their slopes.
    mean, variance : float32 (n_out,)
        Running, of what is normalised.
    """

    values: dict[str, NDArray[np.float32]]
    first: dict[str, NDArray[np.float32]]
    second: dict[str, NDArray[np.float32]]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]

    @classmethod
    def make(cls, n_in: int, n_out: int, rng: np.random.Generator, *, last: bool) -> Self:
        """Return a layer as training begins."""
        spread = np.sqrt((1 if last else 2) / n_in)
        values = {
            "weights": rng.normal(0, spread, (n_in, n_out)).astype(np.float32),
            "shift": np.zeros(n_out, np.float32),
        }
        if not last:
            values["scale"] = np.ones(n_out, np.float32)
        zeros = {name: np.zeros_like(value) for name, value in values.items()}
        moments = {name: np.zeros_like(value) for name, value in values.items()}
        return cls(values, zeros, moments, np.zeros(n_out, np.float32), np.ones(n_out, np.float32))

    def step(
        self, slopes: dict[str, NDArray[np.float32]], rate: float, decay: float, n: int
    ) -> None:
        """Take the n-th step of AdamW; only weights decay."""
        for name, slope in slopes.items():
            first, second, value = self.first[name], self.second[name], self.values[name]
            first += (1 - _BETA1) * (slope - first)
            second += (1 - _BETA2) * (slope * slope - second)
            if name == "weights":
                value *= np.float32(1 - rate * decay)
            root = np.sqrt(second / np.float32(1 - float(_BETA2) ** n)) + np.float32(1e-7)
            value -= np.float32(rate / (1 - float(_BETA1) ** n)) * first / root
