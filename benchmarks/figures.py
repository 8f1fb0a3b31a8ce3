"""Figures of a report, drawn from results and saved probabilities.

Every mark differs in shape or place as well as in colour, and colours are Okabe and Ito's ("Color
universal design", 2008), so that figures can be read by colour-blind people and in black and white.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.metrics import confidence_bins
from benchmarks.predictions import Predictions
from benchmarks.results import Result, main_figures
from fer_core.files import write_atomically

#: Colour and marker of each family.
_STYLES = {
    "landmarks": ("#0072B2", "o"),
    "cnn": ("#D55E00", "s"),
    "ensemble": ("#000000", "D"),
}
_FAMILY_NAMES = {"landmarks": "landmarks", "cnn": "CNN", "ensemble": "ensemble"}
_GRAY = "#767676"
_DPI = 150


def accuracy_figure(results: Sequence[Result]) -> Figure:
    """Draw each model's accuracy with its interval, and that without copies."""
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(results)), layout="constrained")
    axes = figure.subplots()
    for row, result in enumerate(results):
        color, marker = _STYLES[result.model["family"]]
        figures = main_figures(result)
        without = result.metrics[result.run.scheme]["without_copies"]
        low, high = figures["intervals"]["accuracy"]
        axes.plot([low, high], [row, row], color=color, linewidth=1.6, zorder=2)
        axes.plot(figures["accuracy"], row, marker, color=color, markersize=8, zorder=3)
        if without is not None and without["n"] < figures["n"]:
            axes.plot(without["accuracy"], row, "|", color=color, markersize=14, zorder=3)
        axes.annotate(
            f"{figures['accuracy']:.3f}",
            (high, row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(results)), [r.name for r in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.set_xlabel("accuracy on test pictures (line: 95 % interval)")
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    _plain_frame(axes)
    families = [f for f in _STYLES if any(r.model["family"] == f for r in results)]
    for family in families:
        color, marker = _STYLES[family]
        axes.plot([], [], marker, color=color, label=_FAMILY_NAMES[family])
    if any(r.run.n["test_without_copies"] < r.run.n["test"] for r in results):
        axes.plot([], [], "|", color=_GRAY, markersize=12, label="without copies")
    figure.legend(loc="outside upper right", ncols=4, frameon=False, fontsize=9)
    return figure


def confusion_figure(result: Result) -> Figure:
    """Draw a confusion matrix: rows are true labels, numbers are per cent of a row."""
    labels = result.run.classes
    counts = np.array(main_figures(result)["confusion"], dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.9 + 0.48 * len(labels)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Greys", vmin=0, vmax=1)
    for i, j in np.ndindex(*share.shape):
        axes.text(
            j,
            i,
            f"{100 * share[i, j]:.0f}",
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if i == j else "normal",
            color="white" if share[i, j] > 0.55 else "black",
        )
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    ticks = [f"{label} ({n:.0f})" for label, n in zip(labels, counts.sum(axis=1), strict=True)]
    axes.set_yticks(range(len(labels)), ticks)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (pictures)")
    axes.set_title(f"{result.name}: per cent of each true class", fontsize=10)
    return figure


def classes_figure(results: Sequence[Result]) -> Figure:
    """Draw the F1 of each class: the best model of each family."""
    best = _best_of_families(results)
    labels = results[0].run.classes
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(labels)), layout="constrained")
    axes = figure.subplots()
    for result in best:
        color, marker = _STYLES[result.model["family"]]
        per_class = main_figures(result)["per_class"]
        values = [
            np.nan if per_class[label]["f1"] is None else per_class[label]["f1"] for label in labels
        ]
        face = color if result.model["family"] == "ensemble" else "white"
        axes.plot(
            values,
            range(len(labels)),
            marker,
            color=color,
            markerfacecolor=face,
            label=result.name,
            zorder=3,
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1 on test pictures")
    axes.grid(color="#dddddd", linewidth=0.8)
    _plain_frame(axes)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    return figure


def reliability_figure(results: Sequence[Result], predictions: Sequence[Predictions]) -> Figure:
    """Draw accuracy over confidence for the best model of each family."""
    best = _best_of_families(results)
    by_name = {p.model: p for p in predictions}
    figure = Figure(figsize=(2.9 * len(best) + 0.4, 3.3), layout="constrained")
    for axes, result in zip(np.ravel(figure.subplots(1, len(best))), best, strict=True):
        p = by_name[result.name]
        confidence = p.proba.max(axis=1).astype(np.float64)
        correct = p.proba.argmax(axis=1) == p.y
        members = [m for m in confidence_bins(confidence) if m.any()]
        color, marker = _STYLES[result.model["family"]]
        axes.plot([0, 1], [0, 1], color=_GRAY, linewidth=1, linestyle="--")
        axes.plot(
            [confidence[m].mean() for m in members],
            [correct[m].mean() for m in members],
            marker=marker,
            color=color,
            linewidth=1,
            markersize=4,
            clip_on=False,
        )
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="confidence")
        axes.set_title(f"{result.name}, ECE {main_figures(result)['ece']:.3f}", fontsize=10)
        _plain_frame(axes)
    figure.axes[0].set_ylabel("accuracy")
    return figure


def mistakes_figure(
    faces: NDArray[np.uint8], p: Predictions, labels: Sequence[str], rows: int = 3, columns: int = 8
) -> Figure | None:
    """Show the test pictures that a model gets wrong with most confidence.

    Returns
    -------
    Figure or None
        None where nothing is wrong.
    """
    predicted = p.proba.argmax(axis=1)
    wrong = np.flatnonzero(predicted != p.y)
    if len(wrong) == 0:
        return None
    surest = wrong[np.argsort(-p.proba[wrong].max(axis=1), kind="stable")][: rows * columns]
    rows = -(-len(surest) // columns)
    figure = Figure(figsize=(1.15 * columns, 1.55 * rows), layout="constrained")
    for axes in np.ravel(figure.subplots(rows, columns, squeeze=False)):
        axes.axis("off")
    for axes, i in zip(figure.axes, surest, strict=False):
        axes.imshow(faces[i], cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            f"{labels[p.y[i]]}\n→ {labels[predicted[i]]} {p.proba[i].max():.0%}", fontsize=7.5
        )
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG; the same figure gives the same bytes."""
    with write_atomically(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})


def _best_of_families(results: Sequence[Result]) -> list[Result]:
    """Return the best model of each family, in the order of `_STYLES`."""
    best = {r.model["family"]: r for r in reversed(results)}
    return [best[family] for family in _STYLES if family in best]


def _plain_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
