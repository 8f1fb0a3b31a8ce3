"""How models bear spoilt pictures: ``python -m benchmarks.robustness``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.corruptions import CORRUPTIONS, STRENGTHS, Corruption, corrupted, face_landmarks
from benchmarks.documents import Document, Picture, write_document
from benchmarks.figures import FAMILY_NAMES, STYLES, plain_frame, save_figure
from benchmarks.progress import say
from benchmarks.resampling import difference_interval
from benchmarks.stored import (
    StoredModels,
    add_measuring_arguments,
    add_model_arguments,
    chosen_models,
)
from benchmarks.tables import Cell, Table
from benchmarks.worker import Notify
from fer_core.cli import names, run_command
from fer_core.copies import joint_groups
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.demo import load_demo
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.datasets.thinning import thinned
from fer_core.errors import DataError
from fer_core.lookup import look_up

#: Pictures measured by default: enough for drops to within about two points, in minutes.
PICTURES = 500

_LINES = {"landmarks": "--", "cnn": ":", "ensemble": "-"}
_COLUMNS = 5


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures that are spoilt.

    Attributes
    ----------
    faces : uint8 (n, 48, 48)
    y : int64 (n,)
    landmarks : float32 (n, 68, 2)
    groups : int64 (n,)
        Pictures that are of one person or copies of each other share a number.
    """

    faces: NDArray[np.uint8]
    y: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    groups: NDArray[np.int64]


def measure_robustness(
    models: StoredModels,
    pictures: Pictures,
    corruptions: Sequence[Corruption],
    notify: Notify,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure the accuracy of models on clean and on spoilt pictures.

    Parameters
    ----------
    models : StoredModels
    pictures : Pictures
    corruptions : sequence of Corruption
    notify : callable
        Told what is done now.
    seed : int

    Returns
    -------
    dict
        For each model its ``family``, ``clean`` accuracy, ``accuracy`` at the five strengths of
        each corruption, ``drop`` (``mean`` over strengths, and ``interval``: 95 % of it, from the
        differences picture by picture), and the same ``drop`` over all corruptions as ``overall``.
    """

    def hits(faces: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
        probas = models.predict(faces)
        return {name: proba.argmax(axis=1) == pictures.y for name, proba in probas.items()}

    groups = pictures.groups
    notify("clean pictures")
    clean = hits(pictures.faces)
    measured: dict[str, dict[str, NDArray[np.bool_]]] = {name: {} for name in clean}
    for i, corruption in enumerate(corruptions, start=1):
        rows: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in clean}
        for strength in STRENGTHS:
            notify(f"{i} of {len(corruptions)}: {corruption.title}, strength {strength}")
            faces = corrupted(pictures.faces, corruption, strength, pictures.landmarks, seed)
            for name, right in hits(faces).items():
                rows[name].append(right)
        for name, right_at in rows.items():
            measured[name][corruption.name] = np.stack(right_at)
    return {
        name: {
            "family": models.family(name),
            "clean": _rounded(clean[name].mean()),
            "accuracy": {c: [_rounded(v) for v in r.mean(axis=1)] for c, r in spoilt.items()},
            "drop": {c: _drop(clean[name], right, groups) for c, right in spoilt.items()},
            "overall": _drop(clean[name], np.concatenate(list(spoilt.values())), groups),
        }
        for name, spoilt in measured.items()
    }


def _drop(
    clean: NDArray[np.bool_], spoilt: NDArray[np.bool_], groups: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the mean drop and its 95 % interval; `spoilt` is bool (conditions, n)."""
    mean_spoilt = spoilt.mean(axis=0)
    low, high = difference_interval(clean, mean_spoilt, groups)
    return {
        "mean": _rounded(clean.mean() - mean_spoilt.mean()),
        "interval": [_rounded(low), _rounded(high)],
    }


def drops_table(models: Mapping[str, Any]) -> Table:
    """Return one row a corruption: points of accuracy lost, mean over the five strengths."""
    columns = [("points lost", "Mean over five strengths of the accuracy lost, in points")]
    columns += [
        (name, f"{FAMILY_NAMES[m['family']]}; {m['clean']:.3f} on the clean pictures")
        for name, m in models.items()
    ]
    first = next(iter(models.values()))
    rows = [[Cell("accuracy, clean"), *(_cell(100 * m["clean"]) for m in models.values())]]
    rows += [
        [Cell(CORRUPTIONS[c].title), *(_drop_cell(m["drop"][c]) for m in models.values())]
        for c in first["drop"]
    ]
    rows.append([Cell("mean of all"), *(_drop_cell(m["overall"]) for m in models.values())])
    return Table(columns, rows)


def robustness_figure(models: Mapping[str, Any]) -> Figure:
    """Draw accuracy over strength: a panel a corruption, the best model of each family."""
    shown = _best_of_families(models)
    names = list(next(iter(models.values()))["accuracy"])
    rows = -(-len(names) // _COLUMNS)
    columns = min(len(names), _COLUMNS)
    figure = Figure(figsize=(2.1 * columns + 0.6, 2.1 * rows + 0.7), layout="constrained")
    panels = np.ravel(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False))
    top = np.ceil(10 * max(models[name]["clean"] for name in shown) + 0.5) / 10
    for axes in panels[len(names) :]:
        axes.axis("off")
    for axes, corruption in zip(panels, names, strict=False):
        for name in shown:
            m = models[name]
            color, marker = STYLES[m["family"]]
            axes.plot(
                [0, *STRENGTHS],
                [m["clean"], *m["accuracy"][corruption]],
                marker=marker,
                linestyle=_LINES[m["family"]],
                color=color,
                markersize=4,
                linewidth=1.3,
                label=name,
            )
        axes.set_title(CORRUPTIONS[corruption].title, fontsize=10)
        axes.set_xticks([0, *STRENGTHS])
        axes.set_ylim(0, top)
        axes.grid(color="#dddddd", linewidth=0.8)
        plain_frame(axes)
    figure.supxlabel("strength (0: clean)", fontsize=10)
    figure.supylabel("accuracy", fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    return figure


def examples_figure(corruptions: Sequence[Corruption], seed: int = 0) -> Figure:
    """Show what each strength does to a face of the demo portraits, which may be published."""
    faces = load_demo().faces[:1]
    landmarks = face_landmarks(faces)
    size = (len(STRENGTHS) + 1, len(corruptions))
    figure = Figure(figsize=(1.05 * size[1] + 0.5, 0.98 * size[0] + 0.3), layout="constrained")
    grid = figure.subplots(*size, squeeze=False)
    for (row, column), axes in np.ndenumerate(grid):
        face = corrupted(faces, corruptions[column], row, landmarks, seed)[0]
        axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if row == 0:
            axes.set_title(corruptions[column].title, fontsize=8.5)
        if column == 0:
            axes.set_ylabel("clean" if row == 0 else str(row), rotation=0, ha="right", va="center")
    return figure


def _best_of_families(models: Mapping[str, Any]) -> list[str]:
    ranked = sorted(models, key=lambda name: -models[name]["clean"])
    best = {models[name]["family"]: name for name in reversed(ranked)}
    return [best[family] for family in STYLES if family in best]


def _cell(value: float) -> Cell:
    return Cell(_tenths(value), value)


def _tenths(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}"  # adding zero makes of -0.0 a plain one


def _drop_cell(drop: Mapping[str, Any]) -> Cell:
    points = 100 * drop["mean"]
    low, high = (100 * end for end in drop["interval"])
    return Cell(f"{_tenths(points)} ± {max(points - low, high - points):.1f}", points)


def _rounded(value: float) -> float:
    return round(float(value), 6)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.robustness",
        description="Measure what blur, noise, JPEG, low light, lost contrast, covered mouths and "
        "eyes, rotation, small faces and shifted crops cost stored models.",
    )
    add_arguments(parser)
    add_model_arguments(parser)
    group = add_measuring_arguments(parser, part="validation", out="runs/robustness/DATASET")
    group.add_argument(
        "--pictures",
        type=int,
        default=PICTURES,
        metavar="N",
        help="about so many, the same share of each class; 0: all (default: %(default)s)",
    )
    group.add_argument(
        "--corruptions",
        type=names,
        metavar="A,B,…",
        help=f"default: all of {','.join(CORRUPTIONS)}",
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    console = Console()
    asked = dict.fromkeys(args.corruptions or CORRUPTIONS)
    corruptions = [look_up(CORRUPTIONS, name, "corruption") for name in asked]
    if args.pictures < 0:
        raise DataError(f"--pictures must be 0 or more. Got {args.pictures} instead.")
    models = chosen_models(args)
    with console.status("reading pictures"):
        dataset = load_dataset(args)
        models.require_scheme(dataset.scheme)
        pictures = prepare(models, dataset, args.part, args.pictures, args.seed)
    say(console, f"{dataset.name}: {len(pictures.y):,} {args.part} pictures")
    with console.status("measuring") as status:
        measured = measure_robustness(models, pictures, corruptions, status.update, args.seed)
    out = args.out or Path("runs/robustness") / dataset.name
    content = {
        "schema_version": 1,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint(),
        "part": args.part,
        "n": len(pictures.y),
        "seed": args.seed,
        "corruptions": {c.name: {"levels": c.levels, "unit": c.unit} for c in corruptions},
        "models": measured,
    }
    write(out, content, corruptions)
    console.print(drops_table(measured).markdown(), markup=False, highlight=False, soft_wrap=True)
    say(console, f"Written to {out}")


def prepare(models: StoredModels, dataset: Dataset, part: str, n: int, seed: int) -> Pictures:
    """Return a part's pictures; of more than `n`, unless 0, a stratified share."""
    held, _ = models.held_part(dataset, part, seed)
    if n:
        held = thinned(held, n, seed)
    groups = joint_groups(held.faces, held.groups)
    return Pictures(held.faces, held.y, face_landmarks(held.faces), groups)


def write(out: Path, content: Mapping[str, Any], corruptions: Sequence[Corruption]) -> None:
    """Write ``robustness.json``, ``.md`` and ``.html``, and both figures."""
    models = content["models"]
    save_figure(robustness_figure(models), out / "robustness.png")
    save_figure(examples_figure(corruptions, content["seed"]), out / "examples.png")
    document = Document(f"Spoilt pictures: {content['dataset']}")
    document.add(
        f"{content['n']:,} {content['part']} pictures. Points of accuracy lost, mean over five "
        "strengths, with 95 % intervals from the differences picture by picture.",
        drops_table(models),
        Picture("robustness.png", "Accuracy over strength, a panel a corruption"),
        "The strengths, on a face of the demo portraits:",
        Picture("examples.png", "One face with every corruption at every strength"),
        _levels_table(corruptions),
    )
    write_document(out, "robustness", document, content)


def _levels_table(corruptions: Sequence[Corruption]) -> Table:
    columns = [("corruption", "What spoils the pictures")]
    columns += [(str(s), f"At strength {s}") for s in STRENGTHS]
    columns.append(("what it is", "What the numbers mean"))
    rows = [
        [Cell(c.title), *(Cell(f"{v:g}", v) for v in c.levels), Cell(c.unit)] for c in corruptions
    ]
    return Table(columns, rows)


if __name__ == "__main__":
    raise SystemExit(main())
