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

from benchmarks.predictions import Predictions
from benchmarks.reliability import confidence_bins
from benchmarks.resampling import wilson_interval
from benchmarks.results import Result, main_figures
from fer_core.files import write_atomically

#: Colour and marker of each family.
STYLES = {
    "landmarks": ("#0072B2", "o"),
    "cnn": ("#D55E00", "s"),
    "ensemble": ("#000000", "D"),
}
FAMILY_NAMES = {"landmarks": "landmarks", "cnn": "CNN", "ensemble": "ensemble"}
GRAY = "#767676"
_DPI = 150
#: Pictures below which a bin of confidences is not drawn.
_LEAST_IN_BIN = 5
#: Letters of a label that have room beside a matrix, and with one face of many.
_BESIDE_MATRIX, UNDER_FACES = 24, 11


def drawn(label: str, most: int = _BESIDE_MATRIX) -> str:
    """Return a label of anybody's as figures show it: cut, and with ``$`` standing for itself."""
    shown = label if len(label) <= most else f"{label[: most - 1]}…"
    return shown.replace("$", r"\$")


def accuracy_figure(results: Sequence[Result]) -> Figure:
    """Draw each model's accuracy with its interval, and that without copies."""
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(results)), layout="constrained")
    axes = figure.subplots()
    for row, result in enumerate(results):
        color, marker = STYLES[result.model["family"]]
        figures = main_figures(result)
        without = result.metrics[result.run.scheme]["without_copies"]
        low, high = figures["intervals"]["accuracy"]
        axes.plot([low, high], [row, row], color=color, linewidth=1.6, zorder=2)
        axes.plot(figures["accuracy"], row, marker, color=color, markersize=8, zorder=3)
        if without is not None and without["n"] < figures["n"]:
            (hollow,) = axes.plot(without["accuracy"], row, marker, color=color, zorder=2.5)
            hollow.set(markerfacecolor="white", markersize=6)
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
    plain_frame(axes)
    families = [f for f in STYLES if any(r.model["family"] == f for r in results)]
    for family in families:
        color, marker = STYLES[family]
        axes.plot([], [], marker, color=color, label=FAMILY_NAMES[family])
    if any(r.run.n["test_without_copies"] < r.run.n["test"] for r in results):
        axes.plot([], [], "o", color=GRAY, markerfacecolor="white", label="without copies")
    figure.legend(loc="outside upper right", ncols=4, frameon=False, fontsize=9)
    return figure


def confusion_figure(result: Result) -> Figure:
    """Draw a confusion matrix: rows are true labels, numbers are per cent of a row."""
    labels = [drawn(label) for label in result.run.classes]
    counts = np.array(main_figures(result)["confusion"], dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ticks = [f"{label} ({n:.0f})" for label, n in zip(labels, counts.sum(axis=1), strict=True)]
    figure = matrix_figure(share, [[f"{100 * s:.0f}" for s in row] for row in share], labels, ticks)
    figure.axes[0].set(xlabel="predicted", ylabel="true (pictures)")
    figure.axes[0].set_title(f"{result.name}: per cent of each true class", fontsize=10)
    return figure


def matrix_figure(
    share: NDArray[np.float64],
    texts: Sequence[Sequence[str]],
    columns: Sequence[str],
    rows: Sequence[str],
) -> Figure:
    """Draw a square matrix of shares from white to black, with a text in each cell."""
    side = 1.9 + 0.48 * len(columns)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Greys", vmin=0, vmax=1)
    for i, j in np.ndindex(*share.shape):
        axes.text(
            j,
            i,
            texts[i][j],
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if i == j else "normal",
            color="white" if share[i, j] > 0.55 else "black",
        )
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    return figure


def classes_figure(results: Sequence[Result]) -> Figure:
    """Draw the F1 of each class, for a model of each family."""
    labels = results[0].run.classes
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(labels)), layout="constrained")
    axes = figure.subplots()
    for result in results:
        color, marker = STYLES[result.model["family"]]
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
    axes.set_yticks(range(len(labels)), [drawn(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1 on test pictures")
    axes.grid(color="#dddddd", linewidth=0.8)
    plain_frame(axes)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    return figure


def reliability_figure(results: Sequence[Result], predictions: Sequence[Predictions]) -> Figure:
    """Draw accuracy over confidence for some models, a panel each.

    A bin's line is its 95 % interval (Wilson's); bins of a few pictures say nothing and are left
    out.
    """
    by_name = {p.model: p for p in predictions}
    figure = Figure(figsize=(2.9 * len(results) + 0.4, 3.3), layout="constrained")
    for axes, result in zip(np.ravel(figure.subplots(1, len(results))), results, strict=True):
        p = by_name[result.name]
        confidence = p.proba.max(axis=1).astype(np.float64)
        correct = p.proba.argmax(axis=1) == p.y
        color, marker = STYLES[result.model["family"]]
        axes.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--")
        for members in confidence_bins(confidence):
            if members.sum() < _LEAST_IN_BIN:
                continue
            right, x = correct[members], confidence[members].mean()
            axes.plot([x, x], wilson_interval(right), color=color, linewidth=1, clip_on=False)
            axes.plot(x, right.mean(), marker, color=color, markersize=4, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="confidence")
        axes.set_title(f"{result.name}\nECE {main_figures(result)['ece']:.3f}", fontsize=9)
        plain_frame(axes)
    figure.axes[0].set_ylabel("accuracy (line: 95 % interval)")
    return figure


def mistakes_figure(
    faces: NDArray[np.uint8], p: Predictions, labels: Sequence[str], most: int = 24
) -> Figure | None:
    """Show the test pictures that a model gets wrong with most confidence.

    Returns
    -------
    Figure or None
        None where nothing is wrong.
    """
    predicted = p.proba.argmax(axis=1)
    wrong = np.flatnonzero(~p.correct)
    surest = wrong[np.argsort(-p.proba[wrong].max(axis=1), kind="stable")][:most]
    short = [drawn(label, UNDER_FACES) for label in labels]
    titles = [f"{short[p.y[i]]}\n→ {short[predicted[i]]} {p.proba[i].max():.0%}" for i in surest]
    return faces_figure(faces[surest], titles)


def faces_figure(
    faces: NDArray[np.uint8], titles: Sequence[str], columns: int = 8, line: float = 0.2
) -> Figure | None:
    """Show faces with a title each; None where there are none."""
    if len(faces) == 0:
        return None
    rows = -(-len(faces) // columns)
    height = 1.15 + line * (1 + max(title.count("\n") for title in titles))
    figure = Figure(figsize=(1.15 * columns, height * rows), layout="constrained")
    grid = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes in grid:
        axes.axis("off")
    for axes, face, title in zip(grid, faces, titles, strict=False):
        axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=7.5)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG; the same figure gives the same bytes."""
    with write_atomically(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})


def plain_frame(axes: Axes) -> None:
    """Leave out the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)
