"""The linear step of a fitted pipeline, without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fer_landmarks.byte_products import FloatProducts, OnnxProducts, stored_products, to_bytes
from fer_landmarks.symmetry import Symmetry


class Directions(Protocol):
    """What `Projection` asks of the directions to project on.

    Attributes
    ----------
    counts : list of int
        How many directions each half has.
    """

    counts: list[int]

    def __call__(self, halves: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the components float32 (n, k) of each half float32 (n, d)."""

    def arrays(self, index: int) -> dict[str, NDArray[Any]]:
        """Return what they can be made from again, by names that hold `index`."""


class FloatDirections:
    """Directions as they are; kept on disk in half precision.

    Parameters
    ----------
    matrices : sequence of float32 (k, d)
        Even and odd halves of each group in turn.
    """

    def __init__(self, matrices: Sequence[NDArray[np.float32]]) -> None:
        self._matrices = list(matrices)
        self.counts = [len(matrix) for matrix in matrices]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], index: int, n_groups: int) -> Self:
        """Return what `arrays` gave."""
        names = _names(index, n_groups)
        return cls([arrays[name].astype(np.float32) for name in names])

    def __call__(self, halves: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the components float32 (n, k) of each half float32 (n, d)."""
        return [half @ m.T for half, m in zip(halves, self._matrices, strict=True)]

    def arrays(self, index: int) -> dict[str, NDArray[Any]]:
        """Return what they can be made from again, by names that hold `index`."""
        names = _names(index, len(self._matrices) // 2)
        return {
            name: matrix.astype(np.float16)
            for name, matrix in zip(names, self._matrices, strict=True)
        }


class ByteDirections:
    """Directions and halves of features of one byte a number, see `to_bytes`.

    Parameters
    ----------
    scales : sequence of float32 (k,)
        By which the codes of each direction are multiplied, for each half.
    products : FloatProducts or OnnxProducts
        With the codes of each half's directions.
    """

    def __init__(
        self, scales: Sequence[NDArray[np.float32]], products: FloatProducts | OnnxProducts
    ) -> None:
        self._scales, self._products = list(scales), products
        self.counts = [len(scale) for scale in scales]

    @classmethod
    def of(cls, matrices: Sequence[NDArray[np.float32]]) -> Self:
        """Return rounded directions (k, d), even and odd halves of each group in turn."""
        rounded = [to_bytes(matrix) for matrix in matrices]
        return cls(
            [scales for _, scales in rounded], FloatProducts([codes for codes, _ in rounded])
        )

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], index: int, widths: Sequence[int]
    ) -> Self:
        """Return what `arrays` gave, for halves of these widths.

        Raises
        ------
        ValueError
            If the products in them are none, or of other numbers.
        """
        scales = [arrays[f"direction_scales_{index}_{i}"] for i in range(len(widths))]
        shapes = [(d, len(scale)) for d, scale in zip(widths, scales, strict=True)]
        return cls(scales, stored_products(arrays[f"directions_{index}"], shapes))

    def __call__(self, halves: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the components float32 (n, k) of each half float32 (n, d)."""
        rounded = [to_bytes(half) for half in halves]
        products = self._products([codes for codes, _ in rounded])
        return [
            product.astype(np.float32) * (own[:, None] * scales)
            for product, (_, own), scales in zip(products, rounded, self._scales, strict=True)
        ]

    def arrays(self, index: int) -> dict[str, NDArray[Any]]:
        """Return what they can be made from again, by names that hold `index`."""
        scales = {f"direction_scales_{index}_{i}": s for i, s in enumerate(self._scales)}
        model = np.frombuffer(self._products.model(), np.uint8)
        return {f"directions_{index}": model, **scales}


class Projection:
    """Projects each group's even and odd halves (see `Symmetry.even_odd`) on their components.

    Parameters
    ----------
    symmetry : Symmetry
        Of the features, d of them in groups.
    mean : sequence of float32 (d_even,)
        Per group; the odd halves' mean is zero.
    directions : Directions
        Even and odd halves of each group in turn.
    """

    def __init__(
        self, symmetry: Symmetry, mean: Sequence[NDArray[np.float32]], directions: Directions
    ) -> None:
        self._parts = symmetry.parts()
        self.mean, self.directions = list(mean), directions

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project features float32 (n, d).

        Returns
        -------
        float32 (n, k)
            All groups' even components, then all groups' odd ones.
        """
        halves = []
        for (columns, symmetry), mean in zip(self._parts, self.mean, strict=True):
            even, odd = symmetry.even_odd(x[:, columns])
            even -= mean
            halves += [even, odd]
        components = self.directions(halves)
        return np.concatenate(components[0::2] + components[1::2], axis=1)

    @property
    def symmetry_out(self) -> Symmetry:
        """What mirroring does to the components."""
        counts = self.directions.counts
        return even_then_odd(sum(counts[0::2]), sum(counts[1::2]))

    def arrays(self, index: int) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` needs, by names that hold `index`."""
        means = {f"mean_{index}_{g}": mean for g, mean in enumerate(self.mean)}
        return {**means, **self.directions.arrays(index)}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], index: int, symmetry: Symmetry
    ) -> Self:
        """Return what `arrays` and `symmetry` were taken from."""
        n_groups = len(symmetry.blocks)
        mean = [arrays[f"mean_{index}_{g}"] for g in range(n_groups)]
        directions: Directions
        if f"directions_{index}" in arrays:
            widths = [width for _, part in symmetry.parts() for width in part.widths]
            directions = ByteDirections.from_arrays(arrays, index, widths)
        else:
            directions = FloatDirections.from_arrays(arrays, index, n_groups)
        return cls(symmetry, mean, directions)


def _names(index: int, n_groups: int) -> list[str]:
    return [f"{half}_{index}_{g}" for g in range(n_groups) for half in ("even", "odd")]


def even_then_odd(n_even: int, n_odd: int) -> Symmetry:
    """Return the symmetry of features of which the first stay and the last change their sign."""
    sign = np.repeat(np.array([1, -1], dtype=np.float32), [n_even, n_odd])
    return Symmetry(np.arange(n_even + n_odd), sign)
