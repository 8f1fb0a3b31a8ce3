"""Ways to combine models, and what each is worth: learned weights, plain averages, stacking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.budget import Budget, members_within
from benchmarks.metrics import Figures, measure, rounded
from benchmarks.pairs import compare
from benchmarks.predictions import Predictions, require_validation
from fer_core.calibration import log_loss
from fer_core.pooling import Mean, fit_ensemble

Probas = Mapping[str, NDArray[np.floating]]
#: Gives the combined probabilities of pictures from those of all candidates.
Combiner = Callable[[Probas], NDArray[np.float32]]
#: Learns a combiner from validation predictions.
Way = Callable[["Candidates"], Combiner]

#: Parts of the validation pictures; each is predicted by what was learned on the others.
CROSS_FIT_FOLDS = 5
#: Strengths of the stacker's regularisation to choose from (inverse, as scikit-learn has it).
_STRENGTHS = (0.001, 0.01, 0.1, 1.0)

_NO_COST = (0.0, 0.0)


class Candidates(dict[str, Predictions]):
    """Validation predictions by model, and the members that learned weights choose among them."""

    @cached_property
    def chosen(self) -> list[str]:
        """Members of the best ensemble, whatever they cost; searched once for all ways."""
        return members_within(self, dict.fromkeys(self, _NO_COST), Budget())


def learned_weights(validation: Candidates) -> Combiner:
    """Choose members and weigh their calibrated logits: what our ensembles do."""
    return _weighed(validation, "geometric")


def weighted_probabilities(validation: Candidates) -> Combiner:
    """Choose the same members, and weigh their calibrated probabilities instead."""
    return _weighed(validation, "arithmetic")


def _weighed(validation: Candidates, mean: Mean) -> Combiner:
    members = validation.chosen
    y = validation[members[0]].y
    return fit_ensemble({m: validation[m].proba for m in members}, y, mean=mean).combine


def plain_average(validation: Candidates) -> Combiner:
    """Average the probabilities of all models as they are; nothing is learned."""
    names = list(validation)
    return lambda probas: _mean(probas, names)


def average_of_chosen(validation: Candidates) -> Combiner:
    """Average the probabilities, as they are, of the members that learned weights would choose."""
    return lambda probas: _mean(probas, validation.chosen)


def best_alone(validation: Candidates) -> Combiner:
    """Take the one model with the least log loss, calibrated."""
    specs = {m: fit_ensemble({m: p.proba}, p.y) for m, p in validation.items()}
    losses = {m: log_loss(specs[m].combine({m: p.proba}), p.y) for m, p in validation.items()}
    return specs[min(losses, key=lambda m: losses[m])].combine


def stacking(validation: Candidates) -> Combiner:
    """Learn a multinomial logistic regression on the log probabilities of all models.

    Wolpert, "Stacked generalization", 1992. The strength of its regularisation is chosen by the
    log loss in a cross-validation within the pictures given.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = list(validation)
    first = validation[names[0]]
    k = first.proba.shape[1]
    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTHS[1], max_iter=1000))
    folds = _folds(first, 3)
    if len(np.unique(first.y)) == 1:
        model = DummyClassifier()  # of one class there is nothing to learn
    elif folds:
        grid = {"logisticregression__C": _STRENGTHS}
        model = GridSearchCV(model, grid, scoring="neg_log_loss", cv=folds)
    model.fit(_logs(validation, names), first.y)

    def combine(probas: Probas) -> NDArray[np.float32]:
        # A class without validation pictures has no column.
        proba = np.zeros((len(probas[names[0]]), k), dtype=np.float32)
        proba[:, model.classes_] = model.predict_proba(np.hstack([_log(probas[m]) for m in names]))
        return proba

    return combine


#: By name, in the order of the report.
WAYS: Mapping[str, Way] = {
    "learned weights": learned_weights,
    "learned weights of probabilities": weighted_probabilities,
    "stacking": stacking,
    "plain average of the chosen": average_of_chosen,
    "plain average of all": plain_average,
    "best alone": best_alone,
}


def compare_ways(
    validation: Mapping[str, Predictions], test: Mapping[str, Predictions]
) -> dict[str, Figures]:
    """Learn every way on validation pictures and measure it.

    The validation figures are cross-fitted: each picture is predicted by what was learned on the
    others (whole persons and copies left out together), or learned ways would be measured on what
    they have seen. The test figures are of ways learned on all validation pictures.

    Parameters
    ----------
    validation, test : dict of str to Predictions
        Of the same models.

    Returns
    -------
    dict
        For each way ``validation_log_loss`` and ``validation_accuracy`` (None where the pictures
        are too few to cross-fit), ``accuracy``, ``log_loss``, ``ece``, ``ece_by_chance``, and
        ``against_learned`` (what `compare` gives of it and learned weights).

    Raises
    ------
    ProtocolError
        If something would be learned on test pictures.
    """
    for p in validation.values():
        require_validation(p)
    one = next(iter(validation.values()))
    measured = next(iter(test.values()))
    whole = Candidates(validation)
    parts = [
        (Candidates({m: p.subset(learn) for m, p in validation.items()}), predict)
        for learn, predict in _folds(one, CROSS_FIT_FOLDS) or ()
    ]
    labels = [str(i) for i in range(one.proba.shape[1])]
    right: dict[str, NDArray[np.bool_]] = {}
    found: dict[str, Figures] = {}
    for name, way in WAYS.items():
        # Matrices this small are slower on several threads, and far slower on a busy machine.
        with threadpool_limits(1):
            crossed = _cross_fitted(way, validation, parts)
            proba = way(whole)({m: p.proba for m, p in test.items()})
        figures = measure(measured.y, proba, labels, name, measured.groups)
        right[name] = proba.argmax(axis=1) == measured.y
        accuracy = None if crossed is None else (crossed.argmax(axis=1) == one.y).mean()
        found[name] = {
            "validation_log_loss": None if crossed is None else rounded(log_loss(crossed, one.y)),
            "validation_accuracy": rounded(accuracy),
            **{key: figures[key] for key in ("accuracy", "log_loss", "ece", "ece_by_chance")},
            "against_learned": None
            if way is learned_weights
            else compare(right[name], right["learned weights"], measured.groups),
        }
    return found


def _cross_fitted(
    way: Way,
    validation: Mapping[str, Predictions],
    parts: Sequence[tuple[Candidates, NDArray[np.int64]]],
) -> NDArray[np.float32] | None:
    """Predict the pictures of each part by what the way learns on the others."""
    if not parts:
        return None
    one = next(iter(validation.values()))
    crossed = np.empty(one.proba.shape, dtype=np.float32)
    for others, predict in parts:
        combine = way(others)
        crossed[predict] = combine({m: p.proba[predict] for m, p in validation.items()})
    return crossed


def _folds(p: Predictions, n: int) -> list[tuple[NDArray, NDArray]] | None:
    """Divide pictures, stratified and grouped; None where a class has too few of them."""
    from sklearn.model_selection import StratifiedGroupKFold

    groups = np.arange(len(p)) if p.groups is None else p.groups
    per_class = [len(np.unique(groups[p.y == code])) for code in np.unique(p.y)]
    n = min(n, *per_class) if per_class else 0
    if n < 2:
        return None
    folds = StratifiedGroupKFold(n, shuffle=True, random_state=0)
    return list(folds.split(p.proba, p.y, groups))


def _mean(probas: Probas, names: list[str]) -> NDArray[np.float32]:
    mean: NDArray[np.float64] = np.stack([probas[m] for m in names]).mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32)


def _logs(validation: Mapping[str, Predictions], names: list[str]) -> NDArray[np.float64]:
    return np.hstack([_log(validation[m].proba) for m in names])


def _log(proba: NDArray[np.floating]) -> NDArray[np.float64]:
    logs = np.log(np.maximum(np.asarray(proba, dtype=np.float64), 1e-6))
    return logs - logs.mean(axis=1, keepdims=True)
