"""What a fit says of its own faces when it is solved without them, in closed form.

A face is left out with all others of its group: of one person, whose other pictures would give its
label away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve, solve_triangular
from sklearn.utils import check_array, check_consistent_length

#: Columns of an inverse that are held at a time.
_BLOCK = 2048


def groups_for(classifier: Any, groups: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return what to pass to a classifier's ``fit`` for faces of these groups."""
    return {"groups": groups} if "n_left_out" in classifier.get_params() else {}


def sample_rows(
    codes: NDArray[np.int64], wanted: int | None, groups: Any, rng: np.random.RandomState
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Choose rows to leave out, whole groups at random until there are enough.

    Parameters
    ----------
    codes : int64 (n,)
        The class of each row.
    wanted : int or None
        How many at least, if there are so many; None for all.
    groups : (n,) or None
        Which rows belong together; None where each stands for itself. So do those of a group that
        holds all there are of a class, which nothing would be known of without them.
    rng : RandomState

    Returns
    -------
    rows : int64 (m,)
        Rising.
    members : list of int64 arrays
        Positions in `rows` of those that are left out together.
    """
    n = len(codes)
    order = rng.permutation(n)
    numbers = np.arange(n)
    if groups is not None:
        check_consistent_length(order, groups)
        checked = check_array(groups, ensure_2d=False, dtype=None)
        numbers = np.unique(checked, return_inverse=True)[1]
        only = [own[0] for code in np.unique(codes) if np.ptp(own := numbers[codes == code]) == 0]
        apart = np.where(np.isin(numbers, only), n + np.arange(n), numbers)
        numbers = np.unique(apart, return_inverse=True)[1]
    _, first = np.unique(numbers[order], return_index=True)
    sizes = np.bincount(numbers)
    turn = np.argsort(first)
    before = np.cumsum(sizes[turn]) - sizes[turn]
    chosen = turn if wanted is None else turn[before < wanted]
    rows = np.flatnonzero(np.isin(numbers, chosen))
    return rows, members_of(numbers[rows])


def members_of(numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the positions of each number, those that come first before others."""
    order = np.argsort(numbers, kind="stable")
    ends = np.flatnonzero(np.diff(numbers[order])) + 1
    return sorted(np.split(order, ends), key=lambda positions: int(positions[0]))


def left_out_of_inverse(
    factor: NDArray[np.float64],
    weights: NDArray[np.float64],
    rows: NDArray[np.int64],
    members: Sequence[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Return by how much targets differ from what is said of them without their group.

    With A = factor @ factor.T and A weights = targets, that is the group's part of A^-1, inverted,
    times its weights (Rasmussen and Williams, "Gaussian Processes for Machine Learning", eq. 5.12,
    2006, of several rows at once).

    Parameters
    ----------
    factor : float64 (n, n)
        Lower; what is above the diagonal means nothing.
    weights : float64 (n, k)
    rows : int64 (m,)
        Rising.
    members : sequence of int64 arrays
        Positions in `rows`, as `sample_rows` gives them.

    Returns
    -------
    float64 (m, k)
    """
    residuals = np.empty((len(rows), weights.shape[1]))
    for batch in _batches(members):
        positions = np.concatenate(batch)
        places = rows[positions]
        # A column of the inverse factor is zero above its own place.
        start = places.min()
        unit = np.zeros((len(factor) - start, len(places)), order="F")
        unit[places - start, np.arange(len(places))] = 1
        below = factor[start:, start:]
        columns = solve_triangular(below, unit, lower=True, overwrite_b=True, check_finite=False)
        done = 0
        for group in batch:
            own = columns[:, done : done + len(group)]
            residuals[group] = solve(own.T @ own, weights[rows[group]], assume_a="pos")
            done += len(group)
    return residuals


def left_out_of_hat(
    reach: NDArray[np.float64],
    weight: NDArray[np.float64],
    residuals: NDArray[np.float64],
    members: Sequence[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Return what residuals of weighted least squares become without each row's group.

    Parameters
    ----------
    reach : float64 (d, m)
        Its inner products, weighted, are the hat matrix: reach.T @ reach * weight.
    weight : float64 (m,)
    residuals : float64 (m, k)
        Targets less what the fit on all says.
    members : sequence of int64 arrays
        Positions among the m, as `sample_rows` gives them.

    Returns
    -------
    float64 (m, k)
    """
    without = np.empty_like(residuals)
    for group in members:
        own = reach[:, group]
        if len(group) <= len(own):
            hat = own.T @ own * weight[group]
            without[group] = solve(np.eye(len(group)) - hat, residuals[group])
        else:  # the same by Woodbury's identity: a person of thousands of pictures costs no more
            weighted = own * weight[group]
            inner = solve(np.eye(len(own)) - weighted @ own.T, weighted @ residuals[group])
            without[group] = residuals[group] + own.T @ inner
    return without


def _batches(members: Sequence[NDArray[np.int64]]) -> Iterator[list[NDArray[np.int64]]]:
    """Yield groups, in turn, of together about `_BLOCK` rows."""
    batch: list[NDArray[np.int64]] = []
    n = 0
    for group in members:
        if batch and n + len(group) > _BLOCK:
            yield batch
            batch, n = [], 0
        batch.append(group)
        n += len(group)
    if batch:
        yield batch
