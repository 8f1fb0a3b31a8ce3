"""Tables of results, once as data and then as Markdown, HTML or text."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.results import Result, accuracy_with_missed, main_figures

#: What a cell shows where a figure does not exist.
_NONE = "n/a"


@dataclass(frozen=True)
class Cell:
    """Text to show, and the value to sort by (None where there is none)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes
    ----------
    columns : sequence of (str, str)
        Short name, and what it means in a sentence.
    rows : sequence of sequence of Cell
        The first cell of a row is its name.
    """

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """Return the table as GitHub's Markdown."""
        names = [name for name, _ in self.columns]
        lines = [
            "| " + " | ".join(names) + " |",
            "|" + "|".join(["---"] + ["---:"] * (len(names) - 1)) + "|",
        ]
        lines += ["| " + " | ".join(cell.text for cell in row) + " |" for row in self.rows]
        return "\n".join(lines)

    def html(self) -> str:
        """Return the table as HTML, with values for the page's sorting."""
        head = "".join(
            f'<th scope="col" title="{html.escape(meaning)}"><button>{html.escape(name)}</button>'
            "</th>"
            for name, meaning in self.columns
        )
        body = "".join(f"<tr>{self._html_row(row)}</tr>" for row in self.rows)
        return (
            f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    @staticmethod
    def _html_row(row: Sequence[Cell]) -> str:
        first = f'<th scope="row">{html.escape(row[0].text)}</th>'
        rest = (
            f'<td data-value="{"" if cell.value is None else cell.value}">'
            f"{html.escape(cell.text)}</td>"
            for cell in row[1:]
        )
        return first + "".join(rest)


def models_table(results: Sequence[Result]) -> Table:
    """Return one row a model with its main figures.

    Where some test pictures show no face that could be found, a column more counts them as errors.
    """
    columns = [
        ("model", "Name for --models"),
        ("accuracy", "Share of all test pictures labelled right"),
        ("95 % interval", "Of the accuracy, by bootstrap"),
        ("without copies", "Accuracy on test pictures without a near copy among those fitted on"),
        ("macro F1", "Mean over classes of the harmonic mean of precision and recall"),
        ("balanced", "Balanced accuracy: mean recall over classes"),
        ("top-2", "Share of pictures whose label is among the two most probable"),
        ("AUC", "Mean one-vs-rest area under the ROC curve"),
        ("log loss", "Mean negative log probability of the true label, in nats; less is better"),
        ("ECE", "Expected calibration error, 15 bins; less is better"),
        ("ms / face", "Median milliseconds to label one ready face"),
        ("in batches", "Median milliseconds a face in batches of 64"),
        ("MB", "Size of the saved files"),
        ("fit s", "Seconds to fit"),
    ]
    rows = [_model_row(result) for result in results]
    if any(result.run.n.get("missed", 0) for result in results):
        columns.insert(2, ("with missed", "Accuracy if pictures without a found face are errors"))
        for row, result in zip(rows, results, strict=True):
            row.insert(2, _number(accuracy_with_missed(result), "{:.3f}"))
    return Table(columns, rows)


def classes_table(result: Result) -> Table:
    """Return one row a class for one model."""
    columns = [
        (f"class ({result.name})", "True label"),
        ("pictures", "Test pictures of the class"),
        ("precision", "Share of pictures given this label that have it"),
        ("recall", "Share of pictures with this label that are given it"),
        ("F1", "Harmonic mean of both"),
        ("AUC", "One-vs-rest area under the ROC curve"),
    ]
    rows = [
        [
            Cell(label),
            _number(figures["n"], "{:.0f}"),
            *(_number(figures[key], "{:.3f}") for key in ("precision", "recall", "f1", "auc")),
        ]
        for label, figures in main_figures(result)["per_class"].items()
    ]
    return Table(columns, rows)


def schemes_table(results: Sequence[Result]) -> Table:
    """Return one row a model with its accuracy in every label scheme that all results have."""
    shared = [
        name
        for name in results[0].metrics
        if name != "ferplus" and all(name in result.metrics for result in results)
    ]
    columns = [("model", "Name")] + [
        (name, f"Accuracy over the classes of scheme {name}") for name in shared
    ]
    rows = [
        [
            Cell(result.name),
            *(_number(_figure(result.metrics[s]["all"], "accuracy"), "{:.3f}") for s in shared),
        ]
        for result in results
    ]
    return Table(columns, rows)


def votes_table(results: Sequence[Result]) -> Table:
    """Return one row a model with its figures against FER+ votes."""
    columns = [
        ("model", "Name"),
        ("FER+ majority accuracy", "Where most of ten annotators agree on one of seven labels"),
        ("cross-entropy to votes", "In nats; less is better"),
    ]
    rows = [
        [
            Cell(result.name),
            _number(result.metrics["ferplus"]["majority_accuracy"], "{:.3f}"),
            _number(result.metrics["ferplus"]["cross_entropy"], "{:.3f}"),
        ]
        for result in results
        if "ferplus" in result.metrics
    ]
    return Table(columns, rows)


def members_table(ensemble: Result) -> Table:
    """Return one row a member of an ensemble."""
    columns = [
        (f"member of {ensemble.name}", "Name"),
        ("weight", "Share in the average of probabilities"),
        ("temperature", "Above 1 the member is too sure of itself, below 1 not enough"),
    ]
    rows = [
        [
            Cell(member["name"]),
            _number(member["weight"], "{:.3f}"),
            _number(member["temperature"], "{:.2f}"),
        ]
        for member in ensemble.model["members"]
    ]
    return Table(columns, rows)


#: The tables that texts can show, by name: each is made from all results of a dataset.
TABLES: Mapping[str, Callable[[Sequence[Result]], Table]] = {
    "models": models_table,
    "classes": lambda results: classes_table(results[0]),
    "schemes": schemes_table,
    "votes": votes_table,
}


def _model_row(result: Result) -> list[Cell]:
    figures = main_figures(result)
    without = result.metrics[result.run.scheme]["without_copies"]
    low, high = figures["intervals"]["accuracy"]
    machine = result.machine
    return [
        Cell(result.name),
        _number(figures["accuracy"], "{:.3f}"),
        Cell(f"{low:.3f} to {high:.3f}", low),
        _number(_figure(without, "accuracy"), "{:.3f}"),
        *(
            _number(figures[key], "{:.3f}")
            for key in ("macro_f1", "balanced_accuracy", "top2", "auc", "log_loss", "ece")
        ),
        _number(machine.get("ms_per_face"), "{:.2f}"),
        _number(machine.get("ms_per_face_batch"), "{:.2f}"),
        _number(machine["size_bytes"] / 1e6, "{:.1f}"),
        _number(machine.get("fit_seconds"), "{:.1f}"),
    ]


def _figure(figures: Mapping[str, Any] | None, key: str) -> float | None:
    return None if figures is None else figures[key]


def _number(value: float | None, form: str) -> Cell:
    return Cell(_NONE) if value is None else Cell(form.format(value), value)
