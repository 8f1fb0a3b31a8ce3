"""The linear step of a fitted pipeline, in NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_landmarks.symmetry import Symmetry


@dataclass(frozen=True, eq=False)
class Projection:
    """Projects each group's even and odd halves (see `Symmetry.even_odd`) on their components.

    Attributes
    ----------
    symmetry : Symmetry
        Of the features, d of them in groups.
    mean : sequence of float32 (d_even,)
        Per group; the odd halves' mean is zero.
    even, odd : sequence of float32 (k, d_half)
        Per group.
    """

    symmetry: Symmetry
    mean: Sequence[NDArray[np.float32]]
    even: Sequence[NDArray[np.float32]]
    odd: Sequence[NDArray[np.float32]]

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project features float32 (n, d).

        Returns
        -------
        float32 (n, k)
            All groups' even components, then all groups' odd ones.
        """
        evens, odds = [], []
        fitted = zip(self.mean, self.even, self.odd, strict=True)
        for (columns, symmetry), (mean, u, v) in zip(self.symmetry.parts(), fitted, strict=True):
            even, odd = symmetry.even_odd(x[:, columns])
            even -= mean
            evens.append(even @ u.T)
            odds.append(odd @ v.T)
        return np.concatenate(evens + odds, axis=1)

    @property
    def symmetry_out(self) -> Symmetry:
        """What mirroring does to the components."""
        n_even, n_odd = (sum(len(c) for c in components) for components in (self.even, self.odd))
        return even_then_odd(n_even, n_odd)


def even_then_odd(n_even: int, n_odd: int) -> Symmetry:
    """Return the symmetry of features of which the first stay and the last change their sign."""
    sign = np.repeat(np.array([1, -1], dtype=np.float32), [n_even, n_odd])
    return Symmetry(np.arange(n_even + n_odd), sign)
