"""Comparisons of a run's models, from saved probabilities alone, kept as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.agreement import compare_answers
from benchmarks.budget import Budget, cost_of
from benchmarks.chosen import best_on_validation
from benchmarks.combining import compare_ways
from benchmarks.contributions import what_families_add, what_members_add
from benchmarks.models import ENSEMBLE
from benchmarks.pairs import compare_all
from benchmarks.predictions import Predictions, load_predictions
from benchmarks.results import Result, RunFolder, save_study
from fer_core.errors import DataError

#: Names of the studies: each is ``studies/<name>.json`` of a run, where there is one.
PAIRS, WAYS, CONTRIBUTIONS, AGREEMENT = "pairs", "ways", "contributions", "agreement"

Content = Mapping[str, Any]


def write_studies(folder: RunFolder, notify: Callable[[str], None] = lambda text: None) -> None:
    """Compare the finished models of a run, and keep what comes out.

    Studies that need what is not there (two families, an ensemble, validation pictures) are
    left out, and what an earlier run has left of them is removed.

    Raises
    ------
    DataError
        If a member of the ensemble has no result any more.
    """
    results = folder.results()
    saved = {r.name: load_predictions(folder.probabilities(r.name)) for r in results}
    test = {name: parts[1] for name, parts in saved.items()}
    families = {
        family: [r.name for r in results if r.model["family"] == family]
        for family in ("cnn", "landmarks")
    }
    alone = [name for models in families.values() for name in models]
    validation = {name: saved[name][0] for name in alone}
    chosen = bool(validation) and len(validation[alone[0]]) > 0
    ensemble = next((r for r in results if r.name == ENSEMBLE and chosen), None)
    notify("comparing pairs of models")
    differing = _differing(test)
    _keep(folder, PAIRS, {"pairs": compare_all(differing)} if len(differing) > 1 else None)
    notify("comparing ways to combine models")
    ways = None
    if len(alone) > 1 and chosen:
        ways = {"models": alone, "ways": compare_ways(validation, _those(test, alone))}
    _keep(folder, WAYS, ways)
    notify("leaving members and families out")
    _keep(folder, CONTRIBUTIONS, _contributions(ensemble, results, families, validation, test))
    notify("comparing the families' answers")
    agreement = None
    if all(families.values()):
        best = [best_on_validation(validation, models) for models in families.values()]
        labels = folder.run().classes
        agreement = compare_answers(test[best[0]], test[best[1]], labels)
    _keep(folder, AGREEMENT, agreement)


def _contributions(
    ensemble: Result | None,
    results: Sequence[Result],
    families: Mapping[str, Sequence[str]],
    validation: Mapping[str, Predictions],
    test: Mapping[str, Predictions],
) -> Content | None:
    if ensemble is None:
        return None
    members = [m["name"] for m in ensemble.model["members"]]
    if missing := [m for m in members if m not in validation]:
        raise DataError(
            f"'{ensemble.name}' was made of '{missing[0]}', of which no result is left here; "
            "measure it again with python -m benchmarks.run --resume"
        )
    measured = _those(test, validation)
    budget = Budget(**ensemble.model.get("budget", {}))
    costs = {r.name: cost_of(r) for r in results}
    return {
        "ensemble": ensemble.name,
        "members": what_members_add(members, validation, measured) if len(members) > 1 else [],
        "families": what_families_add(families, validation, measured, costs, budget)
        if all(families.values())
        else [],
    }


def _differing(test: Mapping[str, Predictions]) -> Mapping[str, Predictions]:
    """Leave out what answers as another does: an ensemble may be of one member, or of another's.

    A pair that can't differ would make the corrected p of all others larger.
    """
    kept: dict[str, Predictions] = {}
    answers: list[NDArray[np.int64]] = []
    for name, own in test.items():
        answer = own.proba.argmax(axis=1)
        if not any(np.array_equal(answer, other) for other in answers):
            kept[name] = own
            answers.append(answer)
    return kept


def _those(test: Mapping[str, Predictions], names: Sequence[str] | Content) -> Content:
    return {name: test[name] for name in names}


def _keep(folder: RunFolder, name: str, content: Content | None) -> None:
    path = folder.study(name)
    if content is None:
        path.unlink(missing_ok=True)
    else:
        save_study(path, content)
