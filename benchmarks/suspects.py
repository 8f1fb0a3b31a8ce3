"""Which labels are likely wrong: probabilities of pictures that were not fitted on, and cleanlab.

Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", Journal
of Artificial Intelligence Research 70, 2021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.worker import Notify
from fer_core.calibration import apply_temperature, fit_temperature
from fer_core.copies import joint_groups
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError
from fer_core.extras import require
from fer_core.splits import k_fold_splits

#: A likely wrong label is replaced, in place of the picture being dropped, where another label has
#: at least this probability: else nobody knows what the picture shows.
RELABEL_FROM = 0.5


@dataclass(frozen=True)
class Suggestion:
    """A row of the table that a person reviews.

    Attributes
    ----------
    name : str
        The picture.
    action : str
        ``"drop"`` or ``"relabel"``.
    label : str
        The new label, ``""`` for drop.
    reason : str
    score : float
        From 0 to 1, how sure the suggestion is.
    """

    name: str
    action: str
    label: str
    reason: str
    score: float


def out_of_fold(
    dataset: Dataset, pipelines: Sequence[str], folds: int, seed: int, notify: Notify
) -> dict[str, NDArray[np.float32]]:
    """Return each pipeline's calibrated probabilities of pictures that it was not fitted on.

    Persons and copies stay on one side of each fold.

    Parameters
    ----------
    dataset : Dataset
        Pictures to learn from, without any that measure.
    pipelines : sequence of str
        Names from `fer_landmarks.list_pipelines`.
    folds : int
        Fewer are made where a class is small.
    seed : int
    notify : callable
        Told what is done now.

    Returns
    -------
    dict of str to float32 (n, k)

    Raises
    ------
    DataError
        If a class has but one person or picture, so that no two folds can have it.
    """
    from sklearn.base import clone

    from fer_landmarks import make_pipeline
    from fer_landmarks.jitter import JitteredPipeline

    # Of whatever parts the pictures are, all of them are divided into folds.
    dataset = replace(dataset, parts=np.full(len(dataset), "training"))
    splits = list(k_fold_splits(dataset, _possible_folds(dataset, folds), seed))
    where = {name: i for i, name in enumerate(dataset.names.tolist())}
    described: dict[str, NDArray[np.float32]] = {}
    result = {}
    learner: Any
    inputs: NDArray[Any]
    for pipeline_name in pipelines:
        pipeline: Any = make_pipeline(pipeline_name, random_state=seed, cache=True)
        if isinstance(pipeline, JitteredPipeline):
            learner, inputs = pipeline, dataset.faces
        else:
            # Descriptors learn nothing, so all folds and pipelines share what they say of a face.
            descriptor = pipeline.named_steps["descriptor"]
            key = repr(descriptor.get_params())
            if key not in described:
                notify(f"{pipeline_name}: describing {len(dataset):,} faces")
                described[key] = descriptor.transform(dataset.faces)
            learner, inputs = pipeline[1:], described[key]
        proba = np.full((len(dataset), len(dataset.scheme.labels)), np.nan, dtype=np.float32)
        for i, split in enumerate(splits, start=1):
            notify(f"{pipeline_name}: fold {i} of {len(splits)}")
            held = np.array([where[name] for name in split.test.names.tolist()])
            rest = np.ones(len(dataset), dtype=bool)
            rest[held] = False
            fitted = clone(learner).fit(inputs[rest], dataset.y[rest])
            proba[np.ix_(held, fitted.classes_)] = fitted.predict_proba(inputs[held])
        proba = np.nan_to_num(proba)
        # Fitted pictures look easier than others, so that every pipeline is too sure of these.
        result[pipeline_name] = apply_temperature(proba, fit_temperature(proba, dataset.y))
    return result


def _possible_folds(dataset: Dataset, wanted: int) -> int:
    groups = joint_groups(dataset.faces, dataset.groups)
    counts = [
        len(np.unique(groups[dataset.y == code])) for code in range(len(dataset.scheme.labels))
    ]
    if min(counts) < 2:
        label = dataset.scheme.labels[int(np.argmin(counts))]
        raise DataError(
            f"dataset '{dataset.name}': class '{label}' has {min(counts)} persons or pictures to "
            "learn from, and likely wrong labels need at least two; add pictures, or pass "
            "--no-labels to look at the rest"
        )
    return min(wanted, *counts)


def suspect_labels(
    dataset: Dataset, proba: NDArray[np.float32]
) -> tuple[list[Suggestion], NDArray[np.float64]]:
    """Suggest what to do with likely wrong labels.

    Parameters
    ----------
    dataset : Dataset
    proba : float32 (n, k)
        Of pictures that were not fitted on.

    Returns
    -------
    list of Suggestion
        Most likely wrong first.
    float64 (n,)
        How well each label fits the probabilities (cleanlab's normalised margin, 0 to 1).
    """
    rank = require("cleanlab.rank", "explore")
    find = require("cleanlab.filter", "explore").find_label_issues
    p = proba.astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    quality = rank.get_label_quality_scores(dataset.y, p, method="normalized_margin")
    issues = find(
        dataset.y, p, return_indices_ranked_by="normalized_margin", filter_by="both", n_jobs=1
    )
    labels = dataset.scheme.labels
    suggestions = []
    for i in issues:
        best, given = int(p[i].argmax()), int(dataset.y[i])
        shares = f"{labels[given]} {p[i, given]:.0%}, {labels[best]} {p[i, best]:.0%}"
        sure = p[i, best] >= RELABEL_FROM
        suggestions.append(
            Suggestion(
                name=str(dataset.names[i]),
                action="relabel" if sure else "drop",
                label=labels[best] if sure else "",
                reason=f"likely wrong label: {shares}",
                score=round(float(1 - quality[i]), 4),
            )
        )
    return suggestions, quality


def hard_for_all(dataset: Dataset, probas: Mapping[str, NDArray[np.float32]]) -> NDArray[np.int64]:
    """Return the pictures that every model labels wrong, those they agree on most first."""
    stacked = np.stack(list(probas.values()))
    wrong = (stacked.argmax(axis=2) != dataset.y).all(axis=0)
    given = stacked.mean(axis=0)[np.arange(len(dataset)), dataset.y]
    order = np.argsort(given, kind="stable")
    return order[wrong[order]]
