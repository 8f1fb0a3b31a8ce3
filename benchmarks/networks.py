"""How networks were trained, a row each, beside what others published for the same recipe."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from benchmarks.candidates import Fitted
from benchmarks.metrics import rounded
from benchmarks.models import CNN, ENSEMBLE
from benchmarks.results import Result, main_figures
from benchmarks.tables import BY_BOOTSTRAP, WITHOUT_COPIES, Cell, Table, number_cell, range_cell
from fer_cnn import RECIPES
from fer_cnn.recipe import Recipe
from fer_core.model_entry import TRAINING

#: What of it is a time, and so no figure of the result.
SECONDS = "seconds an epoch"


def training_note(fitted: Fitted) -> dict[str, Any]:
    """Return what a result's ``model`` says of a training that was measured: of a network's."""
    figures = {k: v for k, v in fitted.training.items() if k != SECONDS and not math.isnan(v)}
    if not figures:
        return {}
    measured = {k: rounded(v) for k, v in figures.items()}
    return {TRAINING: {**fitted.facts, **measured}}


#: Figures of a training that some projects report, those of a yes-or-no question a class: name of
#: the column, what it is, and what the training calls it.
_YES_OR_NO = (
    ("F1 yes/no", "F1", "validation F1"),
    ("precision yes/no", "Precision", "validation precision"),
    ("recall yes/no", "Recall", "validation recall"),
    ("AUC yes/no", "Area under the ROC curve", "validation AUC"),
    ("accuracy yes/no", "Accuracy", "validation accuracy per label"),
)


def networks_table(
    results: Sequence[Result],
    natives: Mapping[str, Sequence[Result]],
    recipes: Collection[Recipe] = (),
) -> Table | None:
    """Return one row a network, those with classes of their own among them; None for none.

    Parameters
    ----------
    results : sequence of Result
        Of models with the dataset's classes.
    natives : dict of str to sequence of Result
        Label scheme to the results of models trained on its classes.
    recipes : collection of Recipe
        Those that have a row also where they were not trained.
    """
    columns = [
        ("network", "Name for --models"),
        ("classes", "Label scheme that it was trained on"),
        ("starts from", "Weights at the beginning; none: trained from scratch"),
        ("epochs", "How many were trained"),
        ("fitting", "Accuracy on the fitting pictures, augmented, in the epoch kept"),
        ("validation", "Accuracy in that epoch, one view a face"),
        ("delta", "Fitting less validation, in points"),
        ("test", "Accuracy of the network as it is served"),
        ("95 % interval", f"Of the test accuracy, {BY_BOOTSTRAP}"),
        ("without copies", f"Test accuracy on pictures {WITHOUT_COPIES}"),
        ("macro F1", "On test pictures"),
        ("s / epoch", "Mean seconds an epoch"),
        *(
            (name, f"{what}, validation pictures, each class a yes-or-no question, yes from 0.5 on")
            for name, what, _ in _YES_OR_NO
        ),
        ("published", "What others report for this recipe, see its note for the conditions"),
        ("ensemble", "Test accuracy of the ensemble in the same classes"),
    ]
    ensemble = next((r for r in results if r.name == ENSEMBLE), None)
    every = {**({results[0].run.scheme: results} if results else {}), **natives}
    trained = [
        (result, scheme)
        for scheme, group in every.items()
        for result in group
        if TRAINING in result.model
    ]
    rows = [_row(result, scheme, ensemble) for result, scheme in trained]
    names = {result.model[TRAINING]["recipe"] for result, _ in trained}
    rows += [_untrained(r, len(columns), ensemble) for r in recipes if r.name not in names]
    return Table(columns, rows) if rows else None


def _row(result: Result, scheme: str, ensemble: Result | None) -> list[Cell]:
    figures, told = main_figures(result), result.model[TRAINING]
    without = result.metrics[result.run.scheme]["without_copies"]
    delta = told.get("delta")
    joined = ensemble.metrics.get(scheme) if ensemble else None
    return [
        Cell(result.name),
        Cell(scheme),
        Cell(told.get("weights", "n/a")),
        number_cell(told.get("epochs"), "{:.0f}"),
        number_cell(told.get("fitting accuracy (augmented)"), "{:.3f}"),
        number_cell(told.get("validation accuracy")),
        number_cell(None if delta is None else 100 * delta, "{:+.1f}"),
        number_cell(figures["accuracy"]),
        range_cell(figures["intervals"]["accuracy"]),
        number_cell(without and without["accuracy"]),
        number_cell(figures["macro_f1"]),
        number_cell(result.machine.get("epoch_seconds"), "{:.0f}"),
        *(number_cell(told.get(figure)) for _, _, figure in _YES_OR_NO),
        Cell(_published(told["recipe"])),
        number_cell(joined and joined["all"]["accuracy"]),
    ]


def _untrained(recipe: Recipe, width: int, ensemble: Result | None) -> list[Cell]:
    """Return the row of a recipe that was not trained: what it needs, and what others report."""
    joined = ensemble.metrics.get(recipe.scheme) if ensemble else None
    known = [Cell(f"{CNN}-{recipe.name}"), Cell(recipe.scheme), Cell(recipe.weights)]
    told = [Cell(_published(recipe.name)), number_cell(joined and joined["all"]["accuracy"])]
    return [*known, *[number_cell(None)] * (width - len(known) - len(told)), *told]


def _published(recipe: str) -> str:
    """Say what a recipe's authors report; recipes that were trained once may be gone."""
    known = RECIPES.get(recipe)
    figures = known.published if known else {}
    return ", ".join(f"{what} {value:g}" for what, value in figures.items()) or "n/a"
