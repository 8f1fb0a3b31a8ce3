"""A figure of each person's expression over time, drawn from the table of rows."""

from __future__ import annotations

import csv
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.extras import require
from fer_core.files import write_atomically
from fer_live.overlay import colour_of
from fer_live.rows import SMOOTHED

#: People in one figure: those seen longest.
MOST_PEOPLE = 8

#: Points in time of a curve; more frames are averaged.
_POINTS = 1500

#: A face that is away for longer leaves a gap in its curves, in seconds.
_GAP_SECONDS = 1.0


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


def read_people(table: Path) -> tuple[tuple[str, ...], list[Person], float]:
    """Read a table of rows.

    Returns
    -------
    labels : tuple of str
    people : list of Person
        Longest seen first.
    seconds : float
        Time of the last row.
    """
    people: dict[int, Person] = {}
    end = 0.0
    with open(table, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        head = next(rows)
        columns = [i for i, name in enumerate(head) if name.startswith(SMOOTHED)]
        second, found, track = (head.index(name) for name in ("seconds", "found", "track"))
        for row in rows:
            end = max(end, float(row[second]))
            if row[found] == "1":
                person = people.setdefault(int(row[track]), Person(int(row[track])))
                person.seconds.append(float(row[second]))
                person.probabilities.extend(float(row[i]) for i in columns)
    labels = tuple(head[i].removeprefix(SMOOTHED) for i in columns)
    return labels, sorted(people.values(), key=lambda p: (-len(p.seconds), p.track)), end


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
    labels, people, end = read_people(table)
    if not people:
        return 0
    require("matplotlib")
    from matplotlib.figure import Figure

    shown = sorted(people[:MOST_PEOPLE], key=lambda person: person.track)
    figure = Figure(figsize=(10, 1.1 + 1.5 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    colours = [_rgb(labels, label) for label in labels]
    for axis, person in zip(axes, shown, strict=True):
        seconds, probabilities = _thin(person)
        axis.stackplot(seconds, probabilities.T, colors=colours, labels=labels, linewidth=0)
        axis.set(ylim=(0, 1), yticks=(0, 0.5, 1), ylabel=f"face {person.track}")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set(xlim=(0, max(end, 1e-3)), xlabel="seconds")
    more = f" ({len(shown)} of {len(people)} faces, those seen longest)"
    title += more if len(people) > len(shown) else ""
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


def _thin(person: Person) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times and probabilities, averaged to a bearable number, with gaps as NaN."""
    seconds = np.array(person.seconds)
    probabilities = np.array(person.probabilities).reshape(len(seconds), -1)
    step = -(-len(seconds) // _POINTS)
    starts = np.arange(0, len(seconds), step)
    counts = np.diff(np.append(starts, len(seconds)))
    seconds = np.add.reduceat(seconds, starts) / counts
    probabilities = np.add.reduceat(probabilities, starts, axis=0) / counts[:, None]
    usual = np.median(np.diff(seconds)) if len(seconds) > 1 else 0.0
    gaps = np.flatnonzero(np.diff(seconds) > max(_GAP_SECONDS, 3 * usual))
    # stackplot draws across NaN times; zero heights at both ends of a gap leave it white.
    edges = np.concatenate([seconds[gaps] + 1e-6, seconds[gaps + 1] - 1e-6])
    times = np.concatenate([seconds, edges])
    heights = np.concatenate([probabilities, np.zeros((len(edges), probabilities.shape[1]))])
    order = np.argsort(times, kind="stable")
    return times[order], heights[order]


def _rgb(labels: tuple[str, ...], label: str) -> tuple[float, float, float]:
    blue, green, red = colour_of(labels, label)
    return red / 255, green / 255, blue / 255
