"""Hold out a share of each class without dividing persons or copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stratified_holdout(
    y: NDArray[np.int64], groups: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Choose about `share` of each class, whole groups only.

    Groups are visited in random order; one is taken if that brings the counts per class closer
    to `share` of each. Unlike scikit-learn's StratifiedGroupKFold this is linear in the number
    of groups, which matters where nearly every picture is a group of its own.

    Parameters
    ----------
    y : int64 (n,)
    groups : int64 (n,)
    share : float
        Between 0 and 1.
    seed : int

    Returns
    -------
    bool (n,)
        True for the pictures held out.
    """
    _, group = np.unique(groups, return_inverse=True)
    n_groups, k = group.max(initial=-1) + 1, y.max(initial=0) + 1
    members: list[list[tuple[int, int]]] = [[] for _ in range(n_groups)]
    keys, counts = np.unique(group * k + y, return_counts=True)
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        members[key // k].append((key % k, count))
    wanted = (share * np.bincount(y)).tolist()
    taken = np.zeros(n_groups, dtype=bool)
    for g in np.random.default_rng(seed).permutation(n_groups):
        # Taking c of a class with w still wanted changes |w| by |w - c| - |w|.
        if sum(abs(wanted[code] - c) - abs(wanted[code]) for code, c in members[g]) < 0:
            taken[g] = True
            for code, c in members[g]:
                wanted[code] -= c
    return taken[group]
