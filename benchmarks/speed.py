"""How long everything takes: ``python -m benchmarks.speed``, or ``… speed live`` for video."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from benchmarks.cold_start import measure_start
from benchmarks.documents import Document, Heading, Picture, write_document
from benchmarks.figures import plain_frame, save_figure
from benchmarks.interleaving import time_in_turns
from benchmarks.progress import say
from benchmarks.stages import (
    Group,
    classifier_groups,
    descriptor_group,
    detector_group,
    face_group,
    model_group,
    photograph,
    whole_groups,
)
from benchmarks.stored import StoredModels, add_model_arguments, chosen_models
from benchmarks.tables import Cell, Table
from benchmarks.timing import BATCH, hardware, installed_versions
from benchmarks.worker import Notify
from fer_core.cli import names, run_command
from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError
from fer_core.model_store import SHIPPED
from fer_landmarks.pipelines import DEFAULT_PIPELINE

#: Kinds of things that are timed.
KINDS = ("stages", "classifiers", "models", "frames", "start")
#: Processes started for each kind of cold start.
STARTS = 3


def measure_groups(
    models: StoredModels, kinds: Sequence[str], rounds: int, notify: Notify
) -> list[dict[str, Any]]:
    """Time what `kinds` name; each group's works in turns.

    Returns
    -------
    list of dict
        For each group ``name``, ``title``, ``note`` and ``rows`` as `time_in_turns` gives them.
    """
    frame, faces = photograph(), load_demo().faces[:BATCH]
    groups: list[Group] = []
    if "stages" in kinds:
        groups += [detector_group(frame), face_group(frame, faces)]
        groups += [descriptor_group(faces, n) for n in (1, BATCH)]
    if "classifiers" in kinds:
        groups += classifier_groups(notify)
    if "models" in kinds:
        groups += [model_group(models, faces, n) for n in (1, BATCH)]
    if "frames" in kinds:
        groups += whole_groups(models, frame)
    measured = []
    for group in groups:
        rows = time_in_turns(group.works, rounds, _titled(notify, group.title))
        measured.append(
            {"name": group.name, "title": group.title, "note": group.note, "rows": rows}
        )
    return measured


def _titled(notify: Notify, title: str) -> Notify:
    return lambda text: notify(f"{title}: {text}")


def measure_starts(
    models: StoredModels, notify: Notify, starts: int = STARTS
) -> list[dict[str, Any]]:
    """Start processes in turns and return the median of what each kind took.

    Returns
    -------
    list of dict
        ``name``, ``seconds`` (the whole process), ``steps`` (seconds of each) and ``peak_mb``.
    """
    root = [] if models.store.root == SHIPPED else [str(models.store.root)]
    with tempfile.TemporaryDirectory() as folder:
        photo = str(Path(folder, "photo.png"))
        assert cv2.imwrite(photo, photograph())
        kinds = {
            "Python and NumPy": ["nothing"],
            f"make_pipeline('{DEFAULT_PIPELINE}')": ["pipeline", DEFAULT_PIPELINE],
            **{f"first label, {name}": ["label", photo, name, *root] for name in models.entries},
        }
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in kinds}
        for turn in range(starts):
            for name, arguments in kinds.items():
                notify(f"cold start {turn + 1} of {starts}: {name}")
                found[name].append(measure_start(arguments))
    return [
        {
            "name": name,
            "seconds": round(median(f["seconds"] for f in runs), 3),
            "steps": {
                step: round(median(f["steps"][step] for f in runs), 3) for step in runs[0]["steps"]
            },
            "peak_mb": round(max(f["peak_mb"] or 0 for f in runs), 1) or None,
        }
        for name, runs in found.items()
    ]


def group_table(group: Mapping[str, Any]) -> Table:
    """Return one row a work."""
    first = group["rows"][0]["name"]
    columns = [
        ("", "What is timed"),
        ("ms", "Median milliseconds"),
        ("middle half", "Between the quartiles"),
        (f"times {first}", f"Median over rounds of the time over that of {first}"),
        ("", "What to know of it"),
    ]
    rows = [
        [
            Cell(row["name"]),
            Cell(_ms(row["ms"]), row["ms"]),
            Cell(f"{_ms(row['low'])} to {_ms(row['high'])}", row["low"]),
            Cell(f"{row['ratio']:.2f}", row["ratio"]),
            Cell(row["note"]),
        ]
        for row in group["rows"]
    ]
    return Table(columns, rows)


def starts_table(starts: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a kind of cold start."""
    steps = list(dict.fromkeys(step for start in starts for step in start["steps"]))
    columns = [
        ("process", "What it does"),
        ("seconds", "From before Python starts until the process has ended"),
        *((f"{step}, s", "Of these, seconds for this step") for step in steps),
        ("peak MB", "Most memory that the process held"),
    ]
    rows = [
        [
            Cell(start["name"]),
            Cell(f"{start['seconds']:.2f}", start["seconds"]),
            *(
                Cell(f"{start['steps'][step]:.3f}", start["steps"][step])
                if step in start["steps"]
                else Cell("")
                for step in steps
            ),
            Cell(
                "n/a" if start["peak_mb"] is None else f"{start['peak_mb']:.0f}", start["peak_mb"]
            ),
        ]
        for start in starts
    ]
    return Table(columns, rows)


def speed_figure(groups: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw each group's times on one logarithmic axis: dots are medians, lines the quartiles."""
    heights = [len(group["rows"]) + 1.3 for group in groups]
    figure = Figure(figsize=(7.5, 0.22 * sum(heights) + 0.7), layout="constrained")
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, group in zip(np.ravel(panels), groups, strict=True):
        for y, row in enumerate(group["rows"]):
            axes.plot([row["low"], row["high"]], [y, y], color="#0072B2", linewidth=2)
            axes.plot(row["ms"], y, "o", color="#0072B2", markersize=5)
            axes.annotate(
                _ms(row["ms"]),
                (row["high"], y),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.set_yticks(
            range(len(group["rows"])), [row["name"] for row in group["rows"]], fontsize=8
        )
        axes.set_ylim(len(group["rows"]) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.set_title(group["title"], fontsize=9, loc="left")
        axes.grid(axis="x", color="#dddddd", linewidth=0.8)
        plain_frame(axes)
    axes.margins(x=0.12)
    axes.set_xlabel("milliseconds (median; line: middle half of the rounds)")
    return figure


def document_of(content: Mapping[str, Any]) -> Document:
    """Return the report on speed."""
    machine = content["hardware"]
    document = Document("How long everything takes")
    document.add(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB. Everything "
        f"in a table was timed in turns, {content['rounds']} rounds in an order drawn anew each "
        "round, so that ratios hold although times depend on the machine and on what else it does."
    )
    if content["groups"]:
        document.add(Picture("speed.png", "Times of all stages, models and frames"))
    for group in content["groups"]:
        document.add(Heading(group["title"]), *([group["note"]] if group["note"] else []))
        document.add(group_table(group))
    if content["starts"]:
        document.add(
            Heading("From nothing to a label"),
            "Each in a process of its own; files are in the system's cache, as after a first use.",
            starts_table(content["starts"]),
        )
    return document


def _ms(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["live"]:
        from benchmarks import live_speed  # brings trackers and cameras, which nothing here needs

        return live_speed.main(words[1:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Time every stage, classifier, stored model and the whole way from a frame to "
        "a label; cold starts and their memory. 'python -m benchmarks.speed live' times the live "
        "app's frames.",
    )
    add_model_arguments(parser)
    group = parser.add_argument_group("timing")
    group.add_argument(
        "--only", type=names, metavar="A,B,…", help=f"some of {','.join(KINDS)} (default: all)"
    )
    group.add_argument(
        "--rounds", type=int, default=15, help="of everything (default: %(default)s)"
    )
    group.add_argument("--out", type=Path, default=Path("runs/speed"), help="default: %(default)s")
    return run_command(parser, _command, words)


def _command(args: argparse.Namespace) -> None:
    console = Console()
    kinds = args.only or list(KINDS)
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise DataError(f"--only knows {', '.join(KINDS)}. Got '{unknown[0]}' instead.")
    if args.rounds < 1:
        raise DataError(f"--rounds must be at least 1. Got {args.rounds} instead.")
    models = chosen_models(args)
    with console.status("timing") as status:
        groups = measure_groups(models, kinds, args.rounds, status.update)
        starts = measure_starts(models, status.update) if "start" in kinds else []
    content = {
        "schema_version": 1,
        "rounds": args.rounds,
        "hardware": hardware(),
        "versions": installed_versions(),
        "groups": groups,
        "starts": starts,
    }
    if groups:
        save_figure(speed_figure(groups), args.out / "speed.png")
    document = document_of(content)
    args.out.mkdir(parents=True, exist_ok=True)
    written = write_document(args.out, "speed", document, content)
    for block in document.blocks:
        if isinstance(block, Heading):
            say(console, f"\n{block.text}")
        elif isinstance(block, Table):
            say(console, block.markdown())
    say(console, f"Report: {written[-1]}")


if __name__ == "__main__":
    raise SystemExit(main())
