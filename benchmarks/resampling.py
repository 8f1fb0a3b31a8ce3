"""Bootstrap: how far a figure would move were the test pictures others of the same kind."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

#: Resamples behind an interval.
RESAMPLES = 2000
#: Share of resamples that an interval leaves out on either side, in per cent.
_TAIL = 2.5

_CHUNK = 250


def resampled_sums(
    values: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return sums of `values` over resamples of the pictures.

    Whole groups are drawn with replacement, as many as there are: pictures of one person, or
    copies of each other, are not independent, and treating them as if they were makes intervals
    too narrow (Davison and Hinkley, "Bootstrap methods and their application", 1997, section 3.8).

    Parameters
    ----------
    values : float (n, m)
    groups : int64 (n,) or None
        None where every picture stands for itself.

    Returns
    -------
    float64 (RESAMPLES, m)
    """
    if groups is not None:
        _, index = np.unique(groups, return_inverse=True)
        sums = np.zeros((index.max(initial=-1) + 1, values.shape[1]))
        np.add.at(sums, index, values)
        values = sums
    times = _times_drawn(len(values))
    return np.concatenate(
        [times[i : i + _CHUNK].astype(np.float64) @ values for i in range(0, RESAMPLES, _CHUNK)]
    )


def interval(samples: NDArray[np.float64]) -> list[float]:
    """Return the 95 % percentile interval (Efron and Tibshirani, 1993, chapter 13)."""
    return [float(v) for v in np.nanpercentile(samples, [_TAIL, 100 - _TAIL])]


def interval_if_any(samples: NDArray[np.float64]) -> list[float] | None:
    """Return `interval`, None where all resamples agree: they can't say how sure that is."""
    low, high = interval(samples)
    return [low, high] if high > low else None


def exact_interval(share: float, n: int) -> list[float]:
    """Return the exact 95 % interval of a share among `n` (Clopper and Pearson, 1934)."""
    found = binomtest(round(share * n), n).proportion_ci(0.95, method="exact")
    return [float(found.low), float(found.high)]


def share_interval(
    hits: NDArray[np.bool_],
    among: NDArray[np.bool_] | None = None,
    groups: NDArray[np.int64] | None = None,
) -> list[float]:
    """Return the 95 % interval of the share of `hits` among pictures.

    It is never narrower than `exact_interval`, of as many pictures or, where all of them are hits
    or none, of as many as there are groups: the bootstrap says too little of a handful, and nothing
    where all agree. One person's pictures say nothing of other people, so their interval is the
    whole range.

    Parameters
    ----------
    hits : bool (n,)
    among : bool (n,) or None
        Which pictures count; at least one. None for all.
    groups : int64 (n,) or None
    """
    counted = np.ones(len(hits), dtype=bool) if among is None else among
    if one_group(groups, counted):
        return [0.0, 1.0]
    hit = hits & counted
    sums = resampled_sums(np.stack([hit, counted], axis=1).astype(np.float64), groups)
    with np.errstate(invalid="ignore"):  # none of the pictures that count was drawn
        low, high = interval(sums[:, 0] / sums[:, 1])
    n, share = int(counted.sum()), float(hit.sum() / counted.sum())
    if groups is not None and share in (0, 1):
        n = _n_groups(groups[counted], n)
    least, most = exact_interval(share, n)
    return [min(low, least), max(high, most)]


def wilson_interval(flags: NDArray[np.bool_]) -> list[float]:
    """Return the 95 % interval of the share of true flags (n,), n > 0 (Wilson, 1927)."""
    ci = binomtest(int(flags.sum()), len(flags)).proportion_ci(method="wilson")
    return [round(float(ci.low), 6), round(float(ci.high), 6)]


def one_group(groups: NDArray[np.int64] | None, counted: NDArray[np.bool_]) -> bool:
    """Return whether several pictures are all of one person."""
    return groups is not None and counted.sum() > 1 and len(np.unique(groups[counted])) == 1


def difference_interval(
    better: ArrayLike, other: ArrayLike, groups: NDArray[np.int64] | None = None
) -> list[float]:
    """Return the paired 95 % interval of the difference between two means over the same pictures.

    Parameters
    ----------
    better, other : float or bool (n,)
    groups : int64 (n,) or None
    """
    difference = np.asarray(better, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    samples = resampled_means(difference[:, None], groups)[:, 0]
    return sampled_difference_interval(samples, difference, groups)


def sampled_difference_interval(
    samples: NDArray[np.float64],
    difference: NDArray[np.floating] | NDArray[np.integer],
    groups: NDArray[np.int64] | None,
) -> list[float]:
    """Return the 95 % interval of a difference between shares from its resamples.

    Where no picture speaks for one side, it reaches as much further to that side as such pictures
    may be frequent without one among these: the bootstrap knows only what was seen. One person's
    pictures say nothing: the whole range.

    Parameters
    ----------
    samples : float64 (RESAMPLES,)
    difference : float or int (n,)
        Of each picture.
    groups : int64 (n,) or None
    """
    if one_group(groups, np.ones(len(difference), dtype=bool)):
        return [-1.0, 1.0]
    low, high = interval(samples)
    unseen = exact_interval(0, _n_groups(groups, len(difference)))[1]
    if not (difference < 0).any():
        low = max(low - unseen, -1.0)
    if not (difference > 0).any():
        high = min(high + unseen, 1.0)
    return [low, high]


def _n_groups(groups: NDArray[np.int64] | None, n: int) -> int:
    return n if groups is None else len(np.unique(groups))


def resampled_means(
    values: NDArray[np.floating], groups: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return means of `values` (n, m) over resamples of the pictures: float64 (RESAMPLES, m)."""
    sums = resampled_sums(np.column_stack([values, np.ones(len(values))]), groups)
    return sums[:, :-1] / sums[:, -1:]


@lru_cache(maxsize=10)
def _times_drawn(n: int) -> NDArray[np.uint16]:
    """Return how often each of n things is in each resample; the same for all models."""
    rng = np.random.default_rng(0)
    times = np.empty((RESAMPLES, n), dtype=np.uint16)
    for row in times:
        row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
    return times
