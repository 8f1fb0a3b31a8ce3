"""What each member and each family adds to an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.budget import Budget, members_within
from benchmarks.metrics import Figures, rounded
from benchmarks.pairs import compare
from benchmarks.predictions import Predictions, require_validation
from fer_core.calibration import log_loss
from fer_core.pooling import fit_ensemble

Costs = Mapping[str, tuple[float, float]]


def what_members_add(
    members: Sequence[str],
    validation: Mapping[str, Predictions],
    test: Mapping[str, Predictions],
) -> list[Figures]:
    """Leave out each member in turn, learn the weights of the others anew, and compare.

    Parameters
    ----------
    members : sequence of str
        Of the ensemble, at least two.
    validation, test : dict of str to Predictions
        Of at least these models.

    Returns
    -------
    list of dict
        For each member ``name`` and what `_gain` gives of the whole ensemble over the rest.
    """
    whole = _combined(members, validation, test)
    return [
        {
            "name": name,
            **_gain(whole, _combined([m for m in members if m != name], validation, test), test),
        }
        for name in members
    ]


def what_families_add(
    families: Mapping[str, Sequence[str]],
    validation: Mapping[str, Predictions],
    test: Mapping[str, Predictions],
    costs: Costs,
    budget: Budget,
) -> list[Figures]:
    """Compare the best ensemble of all models with the best without one family.

    The members of each are chosen anew, on validation, under the same budget.

    Parameters
    ----------
    families : dict of str to sequence of str
        Models of each family; at least two families.
    validation, test : dict of str to Predictions
    costs : dict of str to (float, float)
    budget : Budget

    Returns
    -------
    list of dict
        For each family ``family``, ``members_without`` (of the best ensemble of the other
        families), ``members``, and what `_gain` gives.
    """
    every = [m for models in families.values() for m in models]
    best = _chosen(every, validation, costs, budget)
    whole = _combined(best, validation, test)
    found: list[Figures] = []
    for family in families:
        others = [m for m in every if m not in families[family]]
        rest = _chosen(others, validation, costs, budget)
        gain = _gain(whole, _combined(rest, validation, test), test)
        found.append({"family": family, "members_without": rest, "members": best, **gain})
    return found


def _chosen(
    names: Sequence[str], validation: Mapping[str, Predictions], costs: Costs, budget: Budget
) -> list[str]:
    relaxed = Budget(budget.max_ms, budget.max_mb, strict=False)
    those = {m: validation[m] for m in names}
    return members_within(those, {m: costs[m] for m in names}, relaxed)


def _combined(
    members: Sequence[str], validation: Mapping[str, Predictions], test: Mapping[str, Predictions]
) -> NDArray[np.float32]:
    """Return test probabilities of an ensemble whose weights are learned on validation."""
    checked = {m: require_validation(validation[m]) for m in members}
    spec = fit_ensemble({m: p.proba for m, p in checked.items()}, checked[members[0]].y)
    return spec.combine({m: test[m].proba for m in spec.members})


def _gain(
    more: NDArray[np.float32], less: NDArray[np.float32], test: Mapping[str, Predictions]
) -> Figures:
    """Compare two ensembles on all test pictures and on those without copies.

    Returns
    -------
    dict
        ``accuracy`` and ``accuracy_without`` (the second ensemble's), ``log_loss_gain``, and under
        ``all`` and ``without_copies`` what `benchmarks.pairs.compare` gives (None where no picture
        is left).
    """
    p = next(iter(test.values()))
    right, other = more.argmax(axis=1) == p.y, less.argmax(axis=1) == p.y
    alone = ~p.copied
    groups = p.groups
    return {
        "accuracy": rounded(right.mean()),
        "accuracy_without": rounded(other.mean()),
        "log_loss_gain": rounded(log_loss(less, p.y) - log_loss(more, p.y)),
        "all": compare(right, other, groups),
        "without_copies": compare(
            right[alone], other[alone], None if groups is None else groups[alone]
        )
        if alone.any()
        else None,
    }
