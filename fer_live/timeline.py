"""A figure of each person's expression over time, drawn from the table of rows."""

from __future__ import annotations

import csv
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.extras import require
from fer_core.files import printable, write_atomically
from fer_live.overlay import colour_of
from fer_live.rows import SMOOTHED

#: People in one figure: those seen longest.
MOST_PEOPLE = 8

#: Points in time of a curve; more frames are averaged.
_POINTS = 1500

#: A face that is away for more frames than this leaves a gap in its curves.
_GAP_FRAMES = 3


@dataclass
class Person:
    """One track's rows.

    Attributes
    ----------
    track : int
    seconds : array of float
    probabilities : array of float
        Of all classes, one moment's after the other's.
    """

    track: int
    # A camera's day has millions of rows.
    seconds: array[float] = field(default_factory=lambda: array("d"))
    probabilities: array[float] = field(default_factory=lambda: array("f"))


def read_people(table: Path) -> tuple[tuple[str, ...], list[Person], NDArray[np.float64]]:
    """Read a table of rows.

    Returns
    -------
    labels : tuple of str
    people : list of Person
        Longest seen first.
    seconds : float64 (n,)
        Times of all frames that have rows.
    """
    people: dict[int, Person] = {}
    times = array("d")
    with open(table, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        head = next(rows)
        columns = [i for i, name in enumerate(head) if name.startswith(SMOOTHED)]
        second, found, track = (head.index(name) for name in ("seconds", "found", "track"))
        for row in rows:
            if not times or float(row[second]) > times[-1]:
                times.append(float(row[second]))
            if row[found] == "1":
                person = people.setdefault(int(row[track]), Person(int(row[track])))
                person.seconds.append(float(row[second]))
                person.probabilities.extend(float(row[i]) for i in columns)
    labels = tuple(head[i].removeprefix(SMOOTHED) for i in columns)
    ranked = sorted(people.values(), key=lambda p: (-len(p.seconds), p.track))
    return labels, ranked, np.array(times)


def draw_timeline(table: Path, path: Path, title: str) -> int:
    """Draw the people of a table, one below the other, and return how many there are.

    Parameters
    ----------
    table : Path
        A CSV file of `fer_live.rows`.
    path : Path
        Picture to write; nothing is written where nobody was seen.
    title : str
    """
    labels, people, times = read_people(table)
    if not people:
        return 0
    require("matplotlib")
    from matplotlib.figure import Figure

    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
    shown = sorted(people[:MOST_PEOPLE], key=lambda person: person.track)
    figure = Figure(figsize=(10, 1.1 + 1.5 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    colours = [_rgb(labels, label) for label in labels]
    for axis, person in zip(axes, shown, strict=True):
        seconds, probabilities = _thin(person, step)
        axis.stackplot(seconds, probabilities.T, colors=colours, labels=labels, linewidth=0)
        axis.set(ylim=(0, 1), yticks=(0, 0.5, 1), ylabel=f"face {person.track}")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set(xlim=(0, times[-1] + step / 2), xlabel="seconds")
    more = f" ({len(shown)} of {len(people)} faces, those seen longest)"
    title = printable(title) + (more if len(people) > len(shown) else "")
    axes[0].set_title(title, loc="left", fontsize=11, parse_math=False)  # $ stands for itself
    handles, names = axes[0].get_legend_handles_labels()
    legend = figure.legend(
        handles, names, loc="outside lower center", ncols=len(labels), frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    with write_atomically(path) as temporary:
        figure.savefig(temporary, dpi=120)
    return len(people)


def _thin(person: Person, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times and heights of the curves, averaged to a bearable number, zero in gaps.

    A frame lasts for `step` seconds, so that one alone is seen, too.
    """
    seconds = np.array(person.seconds)
    probabilities = np.array(person.probabilities).reshape(len(seconds), -1)
    size = -(-len(seconds) // _POINTS)
    runs = np.split(np.arange(len(seconds)), _gaps(seconds, step))
    times, heights = [], []
    for run in runs:
        starts = np.arange(0, len(run), size)
        counts = np.diff(np.append(starts, len(run)))
        middles = np.add.reduceat(seconds[run], starts) / counts
        means = np.add.reduceat(probabilities[run], starts, axis=0) / counts[:, None]
        first, last = seconds[run[0]] - step / 2, seconds[run[-1]] + step / 2
        zero = np.zeros((1, means.shape[1]))
        # stackplot draws on between runs; zero heights at both ends leave that white.
        times.append(np.concatenate([[first, first], middles, [last, last]]))
        heights.append(np.concatenate([zero, means[:1], means, means[-1:], zero]))
    return np.concatenate(times), np.concatenate(heights)


def _gaps(seconds: NDArray[np.float64], step: float) -> NDArray[np.intp]:
    """Return before which of a person's rows it was away."""
    return np.flatnonzero(np.diff(seconds) > (_GAP_FRAMES + 0.5) * step) + 1


def _rgb(labels: tuple[str, ...], label: str) -> tuple[float, float, float]:
    blue, green, red = colour_of(labels, label)
    return red / 255, green / 255, blue / 255
