"""Models trained on another label scheme's classes, beside those whose answers are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.candidates import Candidate
from benchmarks.measuring import Job
from benchmarks.metrics import in_scheme, measure
from benchmarks.models import ENSEMBLE
from benchmarks.pairs import compare
from benchmarks.predictions import Predictions, load_predictions
from benchmarks.results import RunFolder, save_study
from benchmarks.runs import count_parts
from benchmarks.tables import (
    Cell,
    Table,
    interval_cell,
    number_cell,
    p_cell,
    points_cell,
    range_cell,
)
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, Scheme

#: Name of the study.
NATIVE = "native"


def by_scheme(
    candidates: Sequence[Candidate], scheme: Scheme, also: Sequence[Scheme]
) -> tuple[list[Candidate], dict[Scheme, list[Candidate]]]:
    """Divide candidates into those for a dataset's own classes and those for other schemes'.

    Parameters
    ----------
    candidates : sequence of Candidate
    scheme : Scheme
        The dataset's. What is made for classes that can't be made of its classes takes its own.
    also : sequence of Scheme
        Other schemes that candidates for the dataset's classes are to be trained on, too.

    Raises
    ------
    DataError
        If none is for the dataset's own classes, `scheme` is among the others, or they can't be
        made of its classes.
    """
    # All other schemes join FER2013's classes, and can be made of no others.
    joins = scheme == SCHEMES["fer7"]
    made_for: dict[Scheme, list[Candidate]] = {scheme: []}
    for c in candidates:
        home = SCHEMES[c.scheme] if joins and c.scheme else scheme
        made_for.setdefault(home, []).append(c)
    if also and not joins:
        raise DataError(
            f"--native {also[0].name}: it joins FER2013's labels, and the classes here are others "
            f"({', '.join(scheme.labels)})"
        )
    own = made_for.pop(scheme)
    if not own:
        raise DataError(
            f"{', '.join(c.name for c in candidates)}: trained on fewer classes than the pictures "
            f"have, so there is nothing to compare with; name a model of all {len(scheme.labels)} "
            "classes, too"
        )
    if scheme in also:
        raise DataError(
            f"scheme '{scheme.name}' is the dataset's own: its models are trained on it in any case"
        )
    return own, {
        s: [*(own if s in also else ()), *made_for.get(s, ())]
        for s in dict.fromkeys([*also, *made_for])
    }


def native_job(job: Job, scheme: Scheme) -> Job:
    """Return the job of fitting models on a scheme's own classes.

    It divides the same pictures in the same way, less those whose label the scheme drops, and
    has a folder of its own inside that of `job`.

    Raises
    ------
    DataError
        If the scheme can't be made from the dataset's.
    """
    split = job.split.in_scheme(scheme)
    run = replace(
        job.run,
        scheme=scheme.name,
        classes=scheme.labels,
        schemes=(),
        description=f"{job.run.description}; only pictures of the classes of {scheme.name}",
        n=count_parts(split),
    )
    folder = job.folder.native(scheme.name)
    folder.open(run)
    return Job(run, split, folder)


def write_native_study(folder: RunFolder) -> None:
    """Compare every natively trained model with one of all classes whose answers are joined.

    That is its namesake, or the ensemble where there is none.
    """
    schemes: dict[str, Any] = {}
    for native in folder.natives():
        scheme = native.run().own_scheme
        schemes[scheme.name] = [_compared(name, folder, native, scheme) for name in native.names()]
    if any(schemes.values()):
        save_study(folder.study(NATIVE), {"schemes": schemes})
    else:
        folder.study(NATIVE).unlink(missing_ok=True)


def native_table(study: Mapping[str, Any]) -> Table:
    """Return one row a natively trained model."""
    columns = [
        ("model", "Trained on the scheme's own classes"),
        ("classes", "Label scheme"),
        ("accuracy", "Trained on these classes"),
        ("95 % interval", "Of that accuracy"),
        ("without copies", "Of pictures without a near copy among those fitted or chosen on"),
        ("macro F1", "Trained on these classes"),
        ("joined", "Accuracy of a model of all classes, whose answers are joined"),
        ("of", "Which: its namesake, or the ensemble where there is none"),
        ("native gains", "Difference in points"),
        ("95 % interval of the gain", "By paired bootstrap, in points"),
        ("p", "McNemar's mid-p"),
    ]
    rows = []
    for scheme, models in study["schemes"].items():
        for found in models:
            joined = found["against_joined"] or {}
            rows.append(
                [
                    Cell(found["name"]),
                    Cell(scheme),
                    number_cell(found["accuracy"]),
                    range_cell(found["interval"]),
                    number_cell(found.get("without_copies")),
                    number_cell(found["macro_f1"]),
                    number_cell(found["joined_accuracy"]),
                    Cell(found["joined"] or "n/a"),
                    points_cell(joined.get("difference")),
                    interval_cell(joined.get("interval")),
                    p_cell(joined.get("p")),
                ]
            )
    return Table(columns, rows)


def _compared(name: str, folder: RunFolder, native: RunFolder, scheme: Scheme) -> dict[str, Any]:
    _, own = load_predictions(native.probabilities(name))
    figures = measure(own.y, own.proba, scheme.labels, f"model '{name}'", own.groups)
    alone = own.correct[~own.copied]
    joined = None
    other = next((n for n in (name, ENSEMBLE) if folder.finished(n)), None)
    if other is not None:
        _, test = load_predictions(folder.probabilities(other))
        joined = _joined(test, folder.run().own_scheme, scheme)
        if not np.array_equal(joined.names, own.names):
            raise DataError(
                f"{native.root}: its test pictures are not those of {folder.root}; delete the "
                "folder and train the models again"
            )
    return {
        "name": name,
        "accuracy": figures["accuracy"],
        "interval": figures["intervals"]["accuracy"],
        "without_copies": round(float(alone.mean()), 6) if len(alone) else None,
        "macro_f1": figures["macro_f1"],
        "joined": other,
        "joined_accuracy": None if joined is None else round(float(joined.correct.mean()), 6),
        "against_joined": None
        if joined is None
        else compare(own.correct, joined.correct, own.groups),
    }


def _joined(test: Predictions, scheme: Scheme, target: Scheme) -> Predictions:
    y, proba = in_scheme(test.y, test.proba, scheme, target)
    return replace(test, y=y, proba=proba).subset(y >= 0)
