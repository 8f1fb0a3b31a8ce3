"""Figures of comparisons: what is left where a model may be unsure, and what members add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.figures import (
    GRAY,
    STYLES,
    UNDER_FACES,
    drawn,
    faces_figure,
    matrix_figure,
    plain_frame,
)
from benchmarks.metrics import COVERAGES
from benchmarks.predictions import Predictions
from benchmarks.results import Result, main_figures

#: Dash pattern of each family, so that lines differ without colour.
_DASHES = {"landmarks": "--", "cnn": ":", "ensemble": "-"}
#: Letters of a name with which four names no longer stand side by side.
_LONG_NAME = 24


def coverage_figure(results: Sequence[Result]) -> Figure:
    """Draw the accuracy on the surest answers over their share, for a model of each family."""
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    for result in results:
        family = result.model["family"]
        color, marker = STYLES[family]
        values = main_figures(result)["accuracy_by_coverage"]
        axes.plot(COVERAGES, values, _DASHES[family], color=color, label=result.name, linewidth=1.6)
        sure = result.metrics[result.run.scheme].get("sure")
        if sure and sure["accuracy"] is not None:
            axes.plot(
                sure["coverage"], sure["accuracy"], marker, color=color, markersize=8, zorder=3
            )
    stated = results[0].run.sure_accuracy
    axes.axhline(stated, color=GRAY, linewidth=0.9)
    axes.annotate(
        f"asked of sure answers: {stated:.0%}",
        (0.02, stated),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=8.5,
        color=GRAY,
    )
    axes.plot([], [], "o", color=GRAY, label="at its threshold")
    axes.set(xlim=(0, 1), xlabel="share of test pictures that are answered, the surest first")
    axes.set_ylabel("accuracy of these answers")
    axes.set_ylim(top=1.005)
    axes.grid(color="#dddddd", linewidth=0.8)
    plain_frame(axes)
    columns = 4 if max(len(r.name) for r in results) < _LONG_NAME else 2
    figure.legend(loc="outside upper right", ncols=columns, frameon=False, fontsize=9)
    return figure


def contributions_figure(study: Mapping[str, Any], names: Mapping[str, str]) -> Figure:
    """Draw what each member and each family adds, with its interval.

    Parameters
    ----------
    study : dict
        The study of contributions.
    names : dict of str to str
        Words for the families.
    """
    rows = [(m["name"], m) for m in study["members"]]
    rows += [(f"all {names[f['family']]}", f) for f in study["families"]]
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for i, (_, found) in enumerate(rows):
        for key, shift, marker, face in (
            ("all", -0.12, "o", "black"),
            ("without_copies", 0.12, "s", "white"),
        ):
            if found[key] is None:
                continue
            low, high = (100 * v for v in found[key]["interval"])
            axes.plot([low, high], [i + shift] * 2, color="black", linewidth=1.4, zorder=2)
            axes.plot(
                100 * found[key]["difference"],
                i + shift,
                marker,
                color="black",
                markerfacecolor=face,
                zorder=3,
            )
    axes.axvline(0, color=GRAY, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [f"without {name}" for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("points of accuracy that are lost (line: 95 % interval)")
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    plain_frame(axes)
    axes.plot([], [], "o", color="black", label="all test pictures")
    axes.plot([], [], "s", color="black", markerfacecolor="white", label="without copies")
    figure.legend(loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    return figure


def agreement_figure(study: Mapping[str, Any], labels: Sequence[str]) -> Figure:
    """Draw how often each pair of answers occurs: rows are the first model's."""
    counts = np.array(study["answers"], dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = [[f"{n:.0f}" for n in row] for row in counts]
    ticks = [drawn(label) for label in labels]
    figure = matrix_figure(share, texts, ticks, ticks)
    axes = figure.axes[0]
    axes.set(xlabel=f"{study['second']} says", ylabel=f"{study['first']} says")
    axes.set_title("pictures by both answers (shade: share of the row)", fontsize=10)
    return figure


def disagreements_figure(
    faces: NDArray[np.uint8],
    first: Predictions,
    second: Predictions,
    labels: Sequence[str],
    each: int = 8,
) -> Figure | None:
    """Show test pictures on which two models differ most: first right, second right, neither."""
    a, b = first.proba.argmax(axis=1), second.proba.argmax(axis=1)
    apart = first.proba.max(axis=1) + second.proba.max(axis=1)
    chosen: list[int] = []
    for case in (first.correct, second.correct, ~first.correct & ~second.correct):
        those = np.flatnonzero(case & (a != b))
        chosen += those[np.argsort(-apart[those], kind="stable")][:each].tolist()
    short = [drawn(label, UNDER_FACES) for label in labels]
    titles = [f"{short[first.y[i]]}\n{short[a[i]]} / {short[b[i]]}" for i in chosen]
    return faces_figure(faces[chosen], titles)
