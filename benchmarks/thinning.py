"""Fewer pictures of a dataset, for quick runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fer_core.datasets.dataset import Dataset

#: About how many pictures a quick run keeps.
QUICK_PICTURES = 3000


def thinned(dataset: Dataset, n: int, seed: int) -> Dataset:
    """Keep about `n` pictures, the same share of each class in each part, at least two of each."""
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
    note = f"quick run: {len(chosen)} of {len(dataset)} pictures"
    return replace(chosen, notes={**chosen.notes, "quick": note})
