"""What is left where a model may answer "unsure"."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.metrics import Figures, checked, in_scheme, rounded
from benchmarks.predictions import Predictions, require_validation
from benchmarks.resampling import share_interval
from fer_core.certainty import choose_threshold
from fer_core.labels import Scheme


def measure_sure_answers(
    validation: Predictions,
    test: Predictions,
    scheme: Scheme,
    wanted: Sequence[Scheme],
    accuracy: float,
) -> dict[str, Figures | None]:
    """Choose the least confidence of a sure answer on validation, and measure it on test.

    Parameters
    ----------
    validation, test : Predictions
    scheme : Scheme
        Of both.
    wanted : sequence of Scheme
        Each has a threshold of its own: of few classes a model is surer than of many.
    accuracy : float
        That sure answers shall have.

    Returns
    -------
    dict
        For each scheme's name ``stated`` (the accuracy), ``confidence`` (the threshold),
        ``validation_coverage``, ``n`` (sure test answers), ``coverage`` (their share),
        ``accuracy`` and ``interval`` (95 %), the last two None where no answer is sure; None where
        the validation pictures can't show that any answers are so accurate.

    Raises
    ------
    ProtocolError
        If the threshold would be chosen on test pictures.
    """
    require_validation(validation)
    source = f"model '{validation.model}', validation"
    checked(validation.proba, len(validation), len(scheme.labels), source)
    found: dict[str, Figures | None] = {}
    for target in wanted:
        y, p = in_scheme(validation.y, validation.proba, scheme, target)
        threshold = choose_threshold(p[y >= 0], y[y >= 0], accuracy)
        if threshold is None:
            found[target.name] = None
            continue
        y, p = in_scheme(test.y, test.proba, scheme, target)
        kept = y >= 0
        sure = kept & (p.max(axis=1) >= threshold.confidence)
        correct = p.argmax(axis=1) == y
        some = bool(sure.any())
        figures = {
            "stated": threshold.accuracy,
            "confidence": threshold.confidence,
            "validation_coverage": threshold.coverage,
            "n": int(sure.sum()),
            "coverage": sure.sum() / max(kept.sum(), 1),
            "accuracy": correct[sure].mean() if some else None,
            "interval": share_interval(correct, sure, test.groups) if some else None,
        }
        found[target.name] = {name: rounded(value) for name, value in figures.items()}
    return found
