"""Which models stand for their family: those that are best on validation pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.figures import STYLES
from benchmarks.predictions import Predictions, load_predictions
from benchmarks.results import Result, RunFolder
from fer_core.calibration import log_loss


def validation_of(folder: RunFolder, results: Sequence[Result]) -> dict[str, Predictions]:
    """Return the models' validation predictions."""
    return {r.name: load_predictions(folder.probabilities(r.name))[0] for r in results}


def best_of_all(validation: Mapping[str, Predictions], results: Sequence[Result]) -> Result:
    """Return the best model on validation; of a cross-validation the first in `results`."""
    best = best_on_validation(validation, [r.name for r in results])
    return next(r for r in results if r.name == best)


def best_of_families(
    validation: Mapping[str, Predictions], results: Sequence[Result]
) -> list[Result]:
    """Return the best model of each family on validation, families in the order of `STYLES`.

    Of a cross-validation, which holds no validation pictures of all folds together, the first of
    each family in `results`.
    """
    by_name = {r.name: r for r in results}
    families = [[r.name for r in results if r.model["family"] == family] for family in STYLES]
    return [by_name[best_on_validation(validation, names)] for names in families if names]


def best_on_validation(validation: Mapping[str, Predictions], models: Sequence[str]) -> str:
    """Return the model with the least log loss on validation pictures; the first without any."""
    if not all(len(validation[name]) for name in models):
        return models[0]
    return min(models, key=lambda name: log_loss(validation[name].proba, validation[name].y))
