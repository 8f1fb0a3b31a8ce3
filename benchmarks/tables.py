"""Tables of results, once as data and then as Markdown, HTML or text."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.results import Result, accuracy_with_missed, main_figures

#: What a cell shows where a figure does not exist.
NONE = "n/a"
#: What columns of several tables mean.
WITHOUT_COPIES = "without a near copy among those fitted or chosen on"
BY_BOOTSTRAP = "by bootstrap, and never narrower than the exact one"
_TEXT = ' class="text"'
#: Rows from which a table scrolls in a box of its own.
_TALL = 20


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
        rows = [names, *([cell.text for cell in row] for row in self.rows)]
        lines = ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]
        lines.insert(1, "|" + "|".join(["---"] + ["---:"] * (len(names) - 1)) + "|")
        return "\n".join(lines)

    def legend(self) -> str:
        """Return what the columns after the first mean, in a line of small Markdown."""
        parts = (f"**{names}**: {meaning}" for names, meaning in self._meanings())
        return f"<sub>{'. '.join(parts)}.</sub>"

    def _meanings(self) -> list[tuple[str, str]]:
        """Return what the columns after the first mean, those that mean the same together."""
        meant: dict[str, list[str]] = {}
        for name, meaning in self.columns[1:]:
            meant.setdefault(meaning, []).append(name)
        return [(", ".join(names), meaning) for meaning, names in meant.items()]

    def html(self) -> str:
        """Return the table as HTML, with values for the page's sorting."""
        kinds = [
            _TEXT if _all_text([row[i] for row in self.rows]) else ""
            for i in range(len(self.columns))
        ]
        head = "".join(
            f'<th scope="col"{kind} title="{html.escape(meaning)}">'
            f"<button>{html.escape(name)}</button></th>"
            for kind, (name, meaning) in zip(kinds, self.columns, strict=True)
        )
        body = "".join(f"<tr>{self._html_row(row, kinds)}</tr>" for row in self.rows)
        classes = "wide tall" if len(self.rows) > _TALL else "wide"
        legend = ". ".join(
            f"<b>{html.escape(names)}</b>: {html.escape(meaning)}"
            for names, meaning in self._meanings()
        )
        return (
            f'<div class="{classes}"><table><thead><tr>{head}</tr></thead>'
            f'<tbody>{body}</tbody></table></div><p class="muted">{legend}.</p>'
        )

    @staticmethod
    def _html_row(row: Sequence[Cell], kinds: Sequence[str]) -> str:
        first = f'<th scope="row">{html.escape(row[0].text)}</th>'
        rest = (
            f'<td data-value="{"" if cell.value is None else cell.value}"{kind}>'
            f"{html.escape(cell.text)}</td>"
            for cell, kind in zip(row[1:], kinds[1:], strict=True)
        )
        return first + "".join(rest)


def _plain(text: str) -> str:
    """Return a cell's text such that Markdown neither ends the cell nor reads an HTML tag in it."""
    return re.sub(r"<(?=\S)", "&lt;", text.replace("|", r"\|"))


def _all_text(cells: Sequence[Cell]) -> bool:
    """Return whether a column holds words, which stand left and break into lines."""
    return all(cell.value is None for cell in cells) and any(cell.text != NONE for cell in cells)


def models_table(results: Sequence[Result]) -> Table:
    """Return one row a model with its main figures.

    Where some test pictures show no face that could be found, a column more counts them as errors.
    """
    columns = [
        ("model", "Name for --models"),
        ("accuracy", "Share of all test pictures labelled right"),
        ("95 % interval", f"Of the accuracy, {BY_BOOTSTRAP}"),
        ("without copies", f"Accuracy on test pictures {WITHOUT_COPIES}"),
        ("macro F1", "Mean over classes of the harmonic mean of precision and recall"),
        ("balanced", "Balanced accuracy: mean recall over classes"),
        ("top-2", "Share of pictures whose label is among the two most probable"),
        ("AUC", "Mean one-vs-rest area under the ROC curve"),
        ("log loss", "Mean negative log probability of the true label, in nats; less is better"),
        ("ECE", "Expected calibration error, 15 bins; less is better"),
        ("ms / face", f"Median milliseconds to label one ready face{_processors(results)}"),
        ("in batches", "Median milliseconds a face in batches of 64"),
        ("MB", "Size of the files that answer"),
        ("fit s", f"Seconds to fit, some beside other work; {NONE}: measured as stored"),
    ]
    rows = [_model_row(result) for result in results]
    if any(result.run.n.get("missed", 0) for result in results):
        columns[1] = ("accuracy", "Share of the test pictures with a found face labelled right")
        columns.insert(2, ("with missed", "Accuracy if pictures without a found face are errors"))
        for row, result in zip(rows, results, strict=True):
            row.insert(2, number_cell(accuracy_with_missed(result)))
    return Table(columns, rows)


def _processors(results: Sequence[Result]) -> str:
    """Say which models were timed on which processor, where there are several."""
    timed: dict[str, list[str]] = {}
    for result in results:
        processor = result.machine.get("hardware", {}).get("processor", "an unknown processor")
        timed.setdefault(processor, []).append(result.name)
    if len(timed) < 2:
        return ""
    most = max(timed, key=lambda processor: len(timed[processor]))
    others = [f"{', '.join(names)} on {p}" for p, names in timed.items() if p != most]
    return f" ({'; '.join(others)}; the others on {most}: compare times within each)"


def details_table(results: Sequence[Result]) -> Table:
    """Return one row a model with what the main table has no room for."""
    columns = [
        ("model", "Name"),
        ("weighted F1", "Mean of the classes' F1, weighted by their pictures"),
        ("macro F1, 95 % interval", "By bootstrap, persons and copies drawn together"),
        ("balanced, 95 % interval", "Of the balanced accuracy"),
        ("top-2, 95 % interval", "Of the share with the label among the two most probable"),
        ("log loss, 95 % interval", "In nats; less is better; none of fewer than 30 persons"),
        ("ECE by chance", "What one in twenty perfectly calibrated models exceeds"),
        ("binary accuracy", "Of one yes-or-no answer a class at 0.5, which some call accuracy"),
    ]
    keys = ("macro_f1", "balanced_accuracy", "top2", "log_loss")
    rows = []
    for result in results:
        figures = main_figures(result)
        rows.append(
            [
                Cell(result.name),
                number_cell(figures["weighted_f1"]),
                *(range_cell(figures["intervals"].get(key)) for key in keys),
                number_cell(figures.get("ece_by_chance")),
                number_cell(figures.get("binary_accuracy")),
            ]
        )
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
            number_cell(figures["n"], "{:.0f}"),
            *(number_cell(figures[key]) for key in ("precision", "recall", "f1", "auc")),
        ]
        for label, figures in main_figures(result)["per_class"].items()
    ]
    return Table(columns, rows)


def schemes_table(results: Sequence[Result]) -> Table:
    """Return one row a model with its accuracies in every label scheme that all results have."""
    shared = [
        name
        for name in results[0].metrics
        if name != "ferplus" and all(name in result.metrics for result in results)
    ]
    parts = [("all", "", ""), ("without_copies", ", no copies", ", pictures without a copy alone")]
    columns = [("model", "Name")] + [
        (f"{scheme}{short}", f"Accuracy over the classes of scheme {scheme}{which}")
        for scheme in shared
        for _, short, which in parts
    ]
    rows = [
        [
            Cell(result.name),
            *(
                number_cell(_figure(result.metrics[scheme][part], "accuracy"))
                for scheme in shared
                for part, _, _ in parts
            ),
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
            number_cell(result.metrics["ferplus"]["majority_accuracy"]),
            number_cell(result.metrics["ferplus"]["cross_entropy"]),
        ]
        for result in results
        if "ferplus" in result.metrics
    ]
    return Table(columns, rows)


def members_table(ensemble: Result) -> Table:
    """Return one row a member of an ensemble."""
    columns = [
        (f"member of {ensemble.name}", "Name"),
        ("weight", "Share in the average"),
        ("temperature", "Above 1 the member is too sure of itself, below 1 not enough"),
    ]
    rows = [
        [
            Cell(member["name"]),
            number_cell(member["weight"]),
            number_cell(member["temperature"], "{:.2f}"),
        ]
        for member in ensemble.model["members"]
    ]
    return Table(columns, rows)


def _model_row(result: Result) -> list[Cell]:
    figures = main_figures(result)
    without = result.metrics[result.run.scheme]["without_copies"]
    machine = result.machine
    return [
        Cell(result.name),
        number_cell(figures["accuracy"]),
        range_cell(figures["intervals"]["accuracy"]),
        number_cell(_figure(without, "accuracy")),
        *(
            number_cell(figures[key])
            for key in ("macro_f1", "balanced_accuracy", "top2", "auc", "log_loss", "ece")
        ),
        number_cell(machine.get("ms_per_face"), "{:.2f}"),
        number_cell(machine.get("ms_per_face_batch"), "{:.2f}"),
        number_cell(machine["size_bytes"] / 1e6, "{:.1f}"),
        number_cell(machine.get("fit_seconds"), "{:.1f}"),
    ]


def _figure(figures: Mapping[str, Any] | None, key: str) -> float | None:
    return None if figures is None else figures[key]


def range_cell(low_high: Sequence[float] | None) -> Cell:
    """Return an interval, sorted by its lower end, or what stands for none."""
    if low_high is None:
        return Cell(NONE)
    low, high = low_high
    return Cell(f"{low:.3f} to {high:.3f}", low)


def number_cell(value: float | None, form: str = "{:.3f}") -> Cell:
    """Return a cell with a number, or with what stands for none."""
    return Cell(NONE) if value is None else Cell(form.format(value), value)


def points_cell(difference: float | None) -> Cell:
    """Return a difference of shares in points, with its sign."""
    return number_cell(None if difference is None else 100 * difference, "{:+.1f}")


def interval_cell(low_high: Sequence[float] | None) -> Cell:
    """Return an interval of a difference of shares in points."""
    if low_high is None:
        return Cell(NONE)
    low, high = (100 * v for v in low_high)
    return Cell(f"{low:+.1f} to {high:+.1f}", low)


def p_cell(p: float | None) -> Cell:
    """Return a probability."""
    return Cell("< 0.001", p) if p is not None and p < 0.001 else number_cell(p)
