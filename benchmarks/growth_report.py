"""The table and the figure of how pipelines grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from benchmarks.documents import Document, Picture, write_document
from benchmarks.figures import plain_frame, save_figure
from benchmarks.growth_points import (
    FITTED_SIZES,
    MEMORY_SIZES,
    SMALLEST_FITTED,
    Growth,
    Point,
    growths,
)
from benchmarks.tables import Cell, Table

#: Faces of the largest public collections of expressions.
FAR = 500_000

#: Colour and marker of pipelines that stay linear, of those that don't, and of those of which too
#: few sizes were measured to tell.
_STYLES = {"yes": ("#0072B2", "o"), "no": ("#D55E00", "s"), "unknown": ("#767676", "^")}
#: Seconds marked on the axis of times.
_TIMES = (0.1, 1, 10, 60, 600, 3600)
#: What is marked of each decade on the other axes.
_MARKED = (1, 2, 5)
_UNITS = ((3600.0, "h"), (60.0, "min"), (0.0, "s"))


def growth_table(points: Sequence[Point]) -> Table:
    """Return one row a pipeline, one column a size, and how it goes on."""
    sizes = sorted({(p.n, p.mirrored) for p in points})
    columns = [("pipeline", "Name")]
    columns += [
        (
            f"{n:,}{' (mirrored)' if mirrored else ''}",
            "Time to fit, most memory while fitting, milliseconds to label one face in batches",
        )
        for n, mirrored in sizes
    ]
    columns += [
        ("fit time", "Exponent of n"),
        ("memory", "Exponent of n"),
        ("prediction", "Exponent of n"),
        ("linear", "Whether the fit stays linear and predictions as fast"),
        (f"at {FAR:,}", "Time and memory of a fit if it goes on so"),
    ]
    rows = []
    for growth in growths(points):
        by_size = {(p.n, p.mirrored): p for p in growth.points}
        rows.append(
            [
                Cell(growth.pipeline),
                *(_point_cell(by_size.get(size)) for size in sizes),
                _exponent_cell(growth.time_exponent),
                _exponent_cell(growth.memory_exponent),
                _exponent_cell(growth.prediction_exponent),
                Cell(growth.verdict()),
                _far_cell(growth),
            ]
        )
    return Table(columns, rows)


def growth_figure(points: Sequence[Point]) -> Figure:
    """Draw time and memory of fitting and time of predicting over the number of faces."""
    shown = growths(points)
    figure = Figure(figsize=(14, 8.4), layout="constrained")
    panels = figure.subplots(1, 3)
    kinds = (
        ("time to fit", "seconds", _time_text),
        ("most memory while fitting", "gib", lambda value: f"{value:g} GiB"),
        ("time to label a face, in batches", "ms", lambda value: f"{value:g} ms"),
    )
    for axes, (title, attribute, text) in zip(panels, kinds, strict=True):
        ends = [_draw_line(axes, growth, attribute) for growth in shown]
        axes.set(xscale="log", yscale="log")
        axes.set_title(title, fontsize=11)
        sizes = sorted({p.n for p in points})
        axes.set_xticks(sizes, [_size_text(n) for n in sizes], fontsize=9)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(sizes[0] / 1.2, sizes[-1] * 1.1)
        times = attribute == "seconds"
        axes.yaxis.set_major_locator(FixedLocator(_TIMES) if times else LogLocator(subs=_MARKED))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _, text=text: text(value)))
        axes.grid(color="#e4e4e4", linewidth=0.7)
        plain_frame(axes)
        _label(axes, [end for end in ends if end is not None])
    mirrored = " (the largest size: with mirror images)" if any(p.mirrored for p in points) else ""
    figure.supxlabel(f"faces fitted on{mirrored}", fontsize=10)
    verdicts = {growth.verdict().partition(":")[0] for growth in shown}
    for verdict, (color, marker) in _STYLES.items():
        if verdict in verdicts:
            label = f"stays linear: {verdict}"
            panels[0].plot([], [], marker=marker, color=color, markersize=4, label=label)
    if any(p.status == "stopped" for p in points):
        panels[0].plot([], [], "x", color=_STYLES["no"][0], label="stopped before the next size")
    figure.legend(loc="outside upper right", ncols=4, frameon=False, fontsize=9)
    return figure


def write_report(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``growth.md``, ``growth.html`` and the figure beside ``growth.json``."""
    points = [Point(**point) for point in content["points"]]
    limits, machine = content["limits"], content["hardware"]
    document = Document(f"Growth: {content['dataset']}")
    document.add(
        f"Time to fit, most memory while fitting and milliseconds to label a face in batches of 64 "
        f"on {machine['cores']} cores ({machine['processor']}). A fit is stopped after "
        f"{limits['minutes']:g} minutes or at {limits['gib']:g} GiB. Landmarks of the faces fitted "
        "on, about 1 ms each and the same for all pipelines, are found beforehand; labelling "
        "includes them, and so does a fit on changed copies of the faces (perceptrons with "
        "dropout), in which they are found anew. Exponents e of n^e are fitted to the "
        f"{FITTED_SIZES} largest sizes, from {SMALLEST_FITTED:,} faces on, of memory to the "
        f"{MEMORY_SIZES} largest.",
        growth_table(points),
    )
    if any(p.status == "measured" for p in points):
        save_figure(growth_figure(points), folder / "growth.png")
        what = "Time and memory over the number of faces, a line a pipeline"
        document.add(Picture("growth.png", what))
    write_document(folder, "growth", document, content)


def _draw_line(axes: Axes, growth: Growth, attribute: str) -> tuple[int, float, str, str] | None:
    """Draw one pipeline; return where its line ends, its name and its colour."""
    line = [(p.n, getattr(p, attribute)) for p in growth.measured]
    known = [(n, value) for n, value in line if value is not None]
    if not known:
        return None
    color, marker = _STYLES[growth.verdict().partition(":")[0]]
    n, values = zip(*known, strict=True)
    axes.plot(n, values, marker=marker, color=color, markersize=3.5, linewidth=1.2, alpha=0.8)
    if any(p.status == "stopped" for p in growth.points):
        axes.plot(n[-1], values[-1], "x", color=color, markersize=9)
    return n[-1], values[-1], growth.pipeline, color


def _label(axes: Axes, ends: Sequence[tuple[int, float, str, str]]) -> None:
    """Write names on the right of the panel, in the order of the lines' ends and apart."""
    if not ends:
        return
    low, high = np.log(axes.get_ylim())
    ordered = sorted(ends, key=lambda end: end[1])
    wanted = [(np.log(value) - low) / (high - low) for _, value, _, _ in ordered]
    gap = min(0.034, 1 / len(ordered))
    for place, (n, value, name, color) in zip(_spread(wanted, gap), ordered, strict=True):
        axes.annotate(
            name,
            (n, value),
            xytext=(1.06, place),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=color,
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "linewidth": 0.5,
                "alpha": 0.4,
                "relpos": (0, 0.5),
                "shrinkA": 1,
            },
        )


def _spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Move rising places between 0 and 1 apart by at least `gap`, as little as can be."""
    groups: list[list[float]] = []  # of neighbours that touch: the places wanted

    def start(group: Sequence[float]) -> float:
        length = gap * (len(group) - 1)
        return float(np.clip(np.mean(group) - length / 2, 0, max(1 - length, 0)))

    for place in wanted:
        groups.append([place])
        while len(groups) > 1 and start(groups[-2]) + gap * len(groups[-2]) > start(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [start(group) + i * gap for group in groups for i in range(len(group))]


def _point_cell(point: Point | None) -> Cell:
    if point is None:
        return Cell("")
    if point.status != "measured" or point.seconds is None:
        return Cell(f"{point.status}: {point.reason}" if point.reason else point.status)
    memory = "" if point.gib is None else f", {point.gib:.1f} GiB"
    speed = "" if point.ms is None else f", {point.ms:.2f} ms"
    return Cell(f"{_time_text(point.seconds)}{memory}{speed}", point.seconds)


def _exponent_cell(exponent: float | None) -> Cell:
    return Cell("n/a") if exponent is None else Cell(f"{exponent:.2f}", exponent)


def _far_cell(growth: Growth) -> Cell:
    seconds, gib = growth.seconds_at(FAR), growth.gib_at(FAR)
    if seconds is None or gib is None or growth.verdict() != "yes":
        return Cell("n/a")
    return Cell(f"{_time_text(seconds)}, {gib:.0f} GiB", seconds)


def _time_text(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{seconds / (size or 1):.3g} {unit}"


def _size_text(n: int) -> str:
    return f"{n / 1000:.0f}k" if n >= 1000 else str(n)
