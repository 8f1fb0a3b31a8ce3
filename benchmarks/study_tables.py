"""Tables of comparisons between models, and of other people's published figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.pairs import SIGNIFICANCE, holm
from benchmarks.results import Result, main_figures
from benchmarks.tables import (
    WITHOUT_COPIES,
    Cell,
    Table,
    interval_cell,
    number_cell,
    p_cell,
    points_cell,
    range_cell,
)
from fer_core.labels import SCHEMES

#: Figures that others have published, with their source and what they were measured on.
PUBLISHED = Path(__file__).with_name("published.json")

Study = Mapping[str, Any]

#: Words for the families.
FAMILIES = {"cnn": "networks", "landmarks": "landmark models", "ensemble": "ensembles"}


def pairs_table(study: Study) -> Table:
    """Return one row a pair of models."""
    columns = [
        ("pair", "First and second model"),
        ("difference", "Accuracy of the first less that of the second, in points"),
        ("95 % interval", "Of the difference, by paired bootstrap, in points"),
        ("p", "McNemar's mid-p: chance of such a difference between equally good models"),
        ("p, corrected", "After Holm, for the number of pairs"),
        ("differ", f"Whether the corrected p is below {SIGNIFICANCE}"),
        ("without copies", f"Difference on pictures {WITHOUT_COPIES}"),
        ("p, corrected, without copies", "The same test on those pictures"),
    ]
    rows = []
    for pair in study["pairs"]:
        whole, alone = pair["all"], pair["without_copies"]
        differ = whole["p_holm"] < SIGNIFICANCE
        rows.append(
            [
                Cell(f"{pair['first']} / {pair['second']}"),
                points_cell(whole["difference"]),
                interval_cell(whole["interval"]),
                p_cell(whole["p"]),
                p_cell(whole["p_holm"]),
                Cell("yes" if differ else "not shown", float(differ)),
                points_cell(alone and alone["difference"]),
                p_cell(alone and alone["p_holm"]),
            ]
        )
    return Table(columns, rows)


def ways_table(study: Study) -> Table:
    """Return one row a way to combine models."""
    columns = [
        ("way to combine", f"Of {len(study['models'])} models"),
        ("log loss, validation", "Cross-fitted: no picture is predicted by what learned from it"),
        ("accuracy, validation", "Cross-fitted, too"),
        ("log loss, test", "Learned on all validation pictures"),
        ("accuracy, test", "Learned on all validation pictures"),
        ("ECE", "Expected calibration error on test pictures"),
        ("against learned weights", "Difference of the test accuracies, in points"),
        ("95 % interval", "Of that difference, by paired bootstrap, in points"),
    ]
    rows = [
        [
            Cell(name),
            *(
                number_cell(way[key])
                for key in (
                    "validation_log_loss",
                    "validation_accuracy",
                    "log_loss",
                    "accuracy",
                    "ece",
                )
            ),
            points_cell(against and against["difference"]),
            interval_cell(against and against["interval"]),
        ]
        for name, way in study["ways"].items()
        for against in (way["against_learned"],)
    ]
    return Table(columns, rows)


def members_added_table(study: Study) -> Table:
    """Return one row a member of the ensemble: what is lost without it."""
    members = study["members"]
    rows = [_gain_row(m["name"], m, p) for m, p in zip(members, _corrected(members), strict=True)]
    return Table(_gain_columns("member"), rows)


def families_added_table(study: Study) -> Table:
    """Return one row a family: what the best ensemble loses without it."""
    columns = _gain_columns("family")
    columns.insert(1, ("best without it", "Members of the best ensemble of the other models"))
    rows = []
    families = study["families"]
    for found, p in zip(families, _corrected(families), strict=True):
        row = _gain_row(FAMILIES[found["family"]], found, p)
        row.insert(1, Cell(" + ".join(found["members_without"])))
        rows.append(row)
    return Table(columns, rows)


def agreement_table(study: Study) -> Table:
    """Return one row a class: how often the best of each family is right there."""
    cases = {
        "both_right": "both right",
        "only_first": f"only {study['first']}",
        "only_second": f"only {study['second']}",
        "both_wrong_alike": "both wrong, alike",
        "both_wrong_otherwise": "both wrong, otherwise",
    }
    columns = [("per cent of class", "True label")] + [
        (words, "Per cent") for words in cases.values()
    ]
    rows = [
        [Cell(name), *(_percent(shares and shares[case]) for case in cases)]
        for name, shares in [("all", study), *study["classes"].items()]
    ]
    return Table(columns, rows)


def differences_table(study: Study) -> Table:
    """Return one row a pair of different answers, the most frequent first."""
    columns = [
        ("answers", f"Of {study['first']} and of {study['second']}"),
        ("pictures", "Test pictures with these answers"),
        (f"{study['first']} right", "Pictures"),
        (f"{study['second']} right", "Pictures"),
    ]
    rows = [
        [
            Cell(f"{pair['first']} / {pair['second']}"),
            *(number_cell(pair[key], "{:.0f}") for key in ("n", "first_right", "second_right")),
        ]
        for pair in study["differences"]
    ]
    return Table(columns, rows)


def sure_table(results: Sequence[Result]) -> Table:
    """Return one row a model: what is left where it may say "unsure"."""
    columns = [
        ("model", "Name"),
        ("sure from", "Least confidence of a sure answer, chosen on validation"),
        ("sure on validation", "Share of the validation pictures, per cent"),
        ("sure on test", "Share of the test pictures, per cent"),
        ("accuracy of sure answers", "On test pictures"),
        ("95 % interval", "Of that accuracy"),
        ("accuracy of the surest half", "On test pictures, whatever the threshold"),
    ]
    rows = []
    for result in results:
        sure = result.metrics[result.run.scheme].get("sure") or {}
        rows.append(
            [
                Cell(result.name),
                number_cell(sure.get("confidence")),
                _percent(sure.get("validation_coverage")),
                _percent(sure.get("coverage")),
                number_cell(sure.get("accuracy")),
                range_cell(sure.get("interval")),
                number_cell(main_figures(result)["surest_half_accuracy"]),
            ]
        )
    return Table(columns, rows)


def folds_table(results: Sequence[Result]) -> Table:
    """Return one row a model with its accuracy in each fold of a cross-validation."""
    k = len(results[0].folds)
    columns = [
        ("model", "Name"),
        ("mean", "Of the accuracies in all folds"),
        ("spread", "Standard deviation of the accuracies over folds"),
        *((f"fold {i}", "Accuracy in this fold") for i in range(1, k + 1)),
    ]
    rows = []
    for result in results:
        values = [fold["accuracy"] for fold in result.folds]
        rows.append(
            [
                Cell(result.name),
                number_cell(mean(values)),
                number_cell(stdev(values)),
                *(number_cell(value) for value in values),
            ]
        )
    return Table(columns, rows)


def published_table(dataset: str) -> Table | None:
    """Return one row a published figure; None where there are none for a dataset."""
    content = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    if content["dataset"] != dataset:
        return None
    columns = [
        ("published", "What was measured by others; we have not measured it"),
        ("accuracy", "As published"),
        ("classes", "Number of classes, with the scheme's name"),
        ("measured on", "Which part of FER2013"),
        ("to know", "What makes the figure differ from ours"),
        ("source", "Paper or project"),
    ]
    rows = [
        [
            Cell(row["method"]),
            number_cell(row["accuracy"]),
            Cell(
                f"{len(SCHEMES[row['scheme']].labels)} ({row['scheme']})",
                len(SCHEMES[row["scheme"]].labels),
            ),
            Cell(row["split"]),
            Cell(row["caveat"]),
            Cell(row["source"]),
        ]
        for row in sorted(content["figures"], key=lambda row: -(row["accuracy"] or 0))
    ]
    return Table(columns, rows)


def live_table(content: Study) -> Table:
    """Return how fast faces are followed and labelled, as `benchmarks.live_speed` measured it."""
    columns = [
        ("recogniser", "Name in the store, or another project's package"),
        ("faces", "In each frame, on average"),
        ("searched every", "Frames; in between faces are followed, the search runs beside"),
        ("frames a second", "Of made-up video of 640 x 480 pixels, all stages"),
        ("median ms", "Of a frame"),
        ("95th percentile ms", "Of a frame"),
        ("landmarks ms", "Of that, to find landmarks and follow faces, on average"),
        ("labels ms", "Of that, to label the faces, on average"),
    ]
    rows = [(row["model"], row["detect every"], row) for row in content["following"]]
    if peer := content.get("fer"):
        rows.append((f"PyPI's fer {peer['version']}", 1, peer))
    return Table(
        columns,
        [
            [
                Cell(name),
                number_cell(row["faces"], "{:g}"),
                number_cell(every, "{:g}"),
                number_cell(row["fps"], "{:.0f}"),
                number_cell(row["median ms"], "{:.1f}"),
                number_cell(row["95th percentile ms"], "{:.1f}"),
                number_cell(row.get("landmarks ms"), "{:.1f}"),
                number_cell(row.get("classify ms"), "{:.1f}"),
            ]
            for name, every, row in rows
        ],
    )


def _gain_columns(what: str) -> list[tuple[str, str]]:
    return [
        (what, "Left out, and the weights of the others learned anew on validation"),
        ("accuracy without it", "On test pictures"),
        ("adds", "Points of accuracy"),
        ("95 % interval", "Of what it adds, by paired bootstrap, in points"),
        ("p", "McNemar's mid-p, corrected for the number of rows (Holm)"),
        ("adds without copies", "Points of accuracy on pictures without a copy"),
        ("95 % interval without copies", "Of that, in points"),
        ("log loss saved", "In nats"),
    ]


def _corrected(rows: Sequence[Study]) -> list[float]:
    """Return the rows' p on all test pictures, corrected for their number."""
    return holm([row["all"]["p"] for row in rows])


def _gain_row(name: str, found: Study, p: float) -> list[Cell]:
    whole, alone = found["all"], found["without_copies"]
    return [
        Cell(name),
        number_cell(found["accuracy_without"]),
        points_cell(whole["difference"]),
        interval_cell(whole["interval"]),
        p_cell(p),
        points_cell(alone and alone["difference"]),
        interval_cell(alone and alone["interval"]),
        number_cell(found["log_loss_gain"]),
    ]


def _percent(share: float | None) -> Cell:
    return number_cell(None if share is None else 100 * share, "{:.0f}")
