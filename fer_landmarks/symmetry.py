"""What mirroring a face does to its features, and the basis in which that is a change of sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Symmetry:
    """How features change when the face is mirrored: they swap places and may change sign.

    The features of the mirrored face are ``sign * x[:, order]``.

    Attributes
    ----------
    order : int64 (d,)
        For each feature, the one whose value it takes; its own inverse.
    sign : float32 (d,)
        1 or -1; the same for two features that swap.
    blocks : tuple of int
        Widths of neighbouring groups of features that belong together and sum to d; features
        swap inside their group only.
    """

    order: NDArray[np.int64]
    sign: NDArray[np.float32]
    blocks: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.blocks:
            object.__setattr__(self, "blocks", (len(self.order),))

    def mirror(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features (n, d) of the mirrored faces."""
        return x[:, self.order] * self.sign

    def parts(self) -> list[tuple[slice, Symmetry]]:
        """Return each group's columns and its own symmetry."""
        ends = np.cumsum(self.blocks).tolist()
        spans = [slice(end - width, end) for end, width in zip(ends, self.blocks, strict=True)]
        return [(s, Symmetry(self.order[s] - s.start, self.sign[s])) for s in spans]

    def even_odd(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rotate features into a part that mirroring keeps and a part whose sign it changes.

        Parameters
        ----------
        x : float32 (n, d)

        Returns
        -------
        even : float32 (n, d_even)
        odd : float32 (n, d - d_even)
            Together an orthonormal change of basis of `x`.
        """
        first, second, sign, kept, turned = self._pairs
        # `take` is twice as fast as an index here.
        odd, others = x.take(first, axis=1), x.take(second, axis=1)
        others *= sign
        # In place: all features of all fitted faces can take several gigabytes.
        half = np.float32(np.sqrt(0.5))
        even = odd + others
        even *= half
        odd -= others
        odd *= half
        if len(kept) + len(turned):
            even = np.concatenate([even, x.take(kept, axis=1)], axis=1)
            odd = np.concatenate([odd, x.take(turned, axis=1)], axis=1)
        return even, odd

    @property
    def widths(self) -> tuple[int, int]:
        """How many features both parts of `even_odd` have."""
        pairs = self._pairs
        return len(pairs.first) + len(pairs.kept), len(pairs.first) + len(pairs.turned)

    @cached_property
    def _pairs(self) -> _Pairs:
        index = np.arange(len(self.order))
        first = np.flatnonzero(index < self.order)
        alone = index == self.order
        kept, turned = (np.flatnonzero(alone & mask) for mask in (self.sign > 0, self.sign < 0))
        return _Pairs(first, self.order[first], self.sign[first], kept, turned)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is found again: with and without it this is the same symmetry."""
        return {kept.name: getattr(self, kept.name) for kept in fields(self)}


class _Pairs(NamedTuple):
    """Features that swap, with which and by what sign; those that stay and that change theirs."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    sign: NDArray[np.float32]
    kept: NDArray[np.int64]
    turned: NDArray[np.int64]


def join(symmetries: Sequence[Symmetry]) -> Symmetry:
    """Return the symmetry of features put side by side."""
    starts = np.cumsum([0, *(len(s.order) for s in symmetries)])
    return Symmetry(
        np.concatenate([s.order + start for s, start in zip(symmetries, starts, strict=False)]),
        np.concatenate([s.sign for s in symmetries]),
        tuple(width for s in symmetries for width in s.blocks),
    )


def grid_symmetry(shape: Sequence[int], mirrored: Sequence[Sequence[int] | None]) -> Symmetry:
    """Return the symmetry of features that form a grid, C order.

    Parameters
    ----------
    shape : tuple of int
        Lengths of the grid's axes.
    mirrored : one entry an axis
        The order of that axis in the mirrored face, or None where mirroring leaves it.
    """
    orders = [
        np.arange(n) if m is None else np.asarray(m) for n, m in zip(shape, mirrored, strict=True)
    ]
    index = np.arange(int(np.prod(shape))).reshape(tuple(shape))
    order = index[np.ix_(*orders)].ravel()
    return Symmetry(order, np.ones(len(order), dtype=np.float32))
