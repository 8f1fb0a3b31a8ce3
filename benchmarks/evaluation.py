"""All figures of a run from its saved probabilities alone: no pictures, no models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.metrics import evaluate
from benchmarks.predictions import Predictions, load_predictions
from benchmarks.results import Result, RunFolder, load_result, save_result
from benchmarks.runs import Run
from benchmarks.unsure import measure_sure_answers
from fer_core.errors import DataError
from fer_core.model_entry import TRAINING, ModelEntry
from fer_core.model_store import ModelStore


def figures_of(run: Run, validation: Predictions, test: Predictions) -> dict[str, Any]:
    """Return every figure of one model.

    Returns
    -------
    dict
        What `benchmarks.metrics.evaluate` gives of the test predictions, and for each scheme
        under ``sure`` what `measure_sure_answers` gives.

    Raises
    ------
    DataError
        If the probabilities are not what they should be.
    """
    scheme, wanted = run.own_scheme, run.wanted_schemes
    found: dict[str, Any] = evaluate(
        test.y,
        test.proba,
        test.copied,
        scheme,
        wanted,
        f"model '{test.model}'",
        test.votes,
        test.groups,
        test.folds,
    )
    for name, sure in measure_sure_answers(
        validation, test, scheme, wanted, run.sure_accuracy
    ).items():
        found[name]["sure"] = sure
    return found


def evaluate_again(
    folder: RunFolder, notify: Callable[[str], None] = lambda text: None
) -> list[Result]:
    """Compute the figures of all finished models anew, and keep them, in their store, too.

    Raises
    ------
    DataError
        If saved probabilities are damaged, not of the same pictures, or of another run.
    """
    run = folder.run()
    first: tuple[Predictions, Predictions] | None = None
    results = []
    for name in folder.names():
        notify(f"measuring {name}")
        path = folder.result(name)
        before = load_result(path)
        folder.require_own(before, run)
        validation, test = load_predictions(folder.probabilities(name))
        first = first or (validation, test)
        for expected, saved in zip(first, (validation, test), strict=True):
            if not saved.same_pictures(expected):
                raise DataError(
                    f"{folder.root}: the saved probabilities of '{expected.model}' and '{name}' "
                    f"are of other {saved.part} pictures; delete the wrong file and run again with "
                    "--resume"
                )
        # Matrices this small are slower on several threads, and far slower on a busy machine.
        with threadpool_limits(1):
            metrics = figures_of(run, validation, test)
        result = replace(before, run=run, metrics=metrics)
        save_result(path, result)
        results.append(result)
    store = ModelStore(folder.models)
    stored = store.entries()
    for entry, result in ((stored[r.name], r) for r in results if r.name in stored):
        told = measured_entry(entry, result, entry.metrics.get(TRAINING))
        if told != entry:
            store.revise(told)
    return results


def headline(result: Result) -> dict[str, Any]:
    """Return the few figures that stand in a manifest and on a model card."""
    figures = result.metrics[result.run.scheme]
    without = figures["without_copies"]
    return {
        f"{result.run.dataset}, {result.run.protocol} protocol": {
            "n": figures["all"]["n"],
            "accuracy": figures["all"]["accuracy"],
            "accuracy without copies": without and without["accuracy"],
            "macro F1": figures["all"]["macro_f1"],
            "log loss": figures["all"]["log_loss"],
        }
    }


def measured_entry(
    entry: ModelEntry, result: Result, training: Mapping[str, float] | None = None
) -> ModelEntry:
    """Return a store's entry with what was measured and chosen for the model."""
    sure = {name: found.get("sure") for name, found in result.metrics.items()}
    thresholds = {
        name: {
            "confidence": found["confidence"],
            "accuracy": found["stated"],
            "coverage": found["validation_coverage"],
        }
        for name, found in sure.items()
        if found
    }
    told = {TRAINING: dict(training)} if training else {}
    return replace(entry, metrics={**headline(result), **told}, thresholds=thresholds)
