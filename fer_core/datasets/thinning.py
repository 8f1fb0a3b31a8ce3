"""Fewer pictures of a dataset, for quick runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from fer_core.datasets.dataset import Dataset

AnyDataset = TypeVar("AnyDataset", bound=Dataset)


def thinned(dataset: AnyDataset, n: int, seed: int) -> AnyDataset:
    """Keep about `n` pictures, the same share of each class in each part, at least two of each.

    A dataset of at most `n` pictures stays as it is.
    """
    if len(dataset) <= n:
        return dataset
    rng = np.random.default_rng(seed)
    names, part = np.unique(dataset.parts, return_inverse=True)
    cell = dataset.y * len(names) + part
    kept = []
    for i in np.unique(cell):
        members = np.flatnonzero(cell == i)
        size = min(len(members), max(2, round(len(members) * n / len(dataset))))
        kept.append(rng.choice(members, size, replace=False))
    chosen = dataset.subset(np.sort(np.concatenate(kept)))
    note = f"{len(chosen)} of {len(dataset)} pictures were used"
    return replace(chosen, notes={**chosen.notes, "thinned": note})
