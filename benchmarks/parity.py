"""Whether serving sees what training saw: ``python -m benchmarks.parity``.

Ready crops are pasted into frames of 640 x 480 pixels, found by each detector, cropped again and
labelled; the same models label the originals.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.documents import Document, write_document
from benchmarks.progress import say
from benchmarks.stored import (
    StoredModels,
    add_measuring_arguments,
    add_model_arguments,
    chosen_models,
)
from benchmarks.tables import Cell, Table
from benchmarks.worker import Notify
from fer_core.cli import names, run_command
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.detectors import DEFAULT_DETECTOR, DETECTORS, make_detector
from fer_core.errors import DataError
from fer_core.landmarks import LandmarkPredictor
from fer_core.lookup import look_up
from fer_core.parity import FACE_HEIGHTS, measure_parity, recrop

#: Detectors that need neither a file nor much patience.
_USUAL = (DEFAULT_DETECTOR, "haar")


def measure_detectors(
    models: StoredModels,
    faces: NDArray[np.uint8],
    y: NDArray[np.int64],
    detectors: Sequence[str],
    notify: Notify,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return a row for each detector, range of face heights and model.

    Parameters
    ----------
    models : StoredModels
    faces : uint8 (n, 48, 48)
    y : int64 (n,)
    detectors : sequence of str
    notify : callable
    seed : int
        Of places and heights in the frames.

    Returns
    -------
    list of dict
        What `fer_core.parity.measure_parity` gives, with ``detector``, ``heights``, ``model`` and
        ``false_faces``.
    """
    predictor = LandmarkPredictor()
    rows = []
    for name in detectors:
        detector = make_detector(name)
        for heights in FACE_HEIGHTS:
            notify(f"{name}: faces of {heights[0]} to {heights[1]} pixels")
            found = recrop(faces, detector, predictor, heights, seed)
            if not found.found.any():
                raise DataError(
                    f"the {name} detector finds none of these {len(faces)} faces in frames; "
                    "measure on more pictures, or leave it out of --detectors"
                )
            for model in models.entries:
                figures = measure_parity(faces, y, models.load(model), found)
                rows.append(
                    {
                        "detector": name,
                        "heights": list(heights),
                        "model": model,
                        "false_faces": found.false_faces,
                        **{key: round(value, 6) for key, value in figures.items()},
                    }
                )
    return rows


def parity_table(content: Mapping[str, Any]) -> Table:
    """Return the rows of `measure_detectors`."""
    columns = [
        ("detector", "Name for --detector"),
        ("height", "Of the faces, in pixels of a frame of 640 x 480"),
        ("found", "Share of the faces that were found"),
        ("false faces", "Found where none is"),
        ("model", "Name in the store"),
        ("crops", "Accuracy on the originals of the faces found"),
        ("frames", "Accuracy on the same faces, found and cropped again"),
        ("lost", "Points of accuracy between the two"),
        ("same label", "Share of the faces that get one label in both"),
    ]
    rows = []
    for row in content["rows"]:
        lost = 100 * (row["accuracy_crops"] - row["accuracy_frames"])
        low, high = row["heights"]
        rows.append(
            [
                Cell(row["detector"]),
                Cell(f"{low} to {high}", low),
                Cell(f"{row['found']:.3f}", row["found"]),
                Cell(f"{row['false_faces']}", row["false_faces"]),
                Cell(row["model"]),
                Cell(f"{row['accuracy_crops']:.3f}", row["accuracy_crops"]),
                Cell(f"{row['accuracy_frames']:.3f}", row["accuracy_frames"]),
                Cell(f"{lost:.1f}", lost),
                Cell(f"{row['agreement']:.3f}", row["agreement"]),
            ]
        )
    return Table(columns, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.parity",
        description="Paste ready crops into frames, find and crop them again, and compare what "
        "stored models say of both.",
    )
    add_arguments(parser)
    add_model_arguments(parser)
    group = add_measuring_arguments(parser, part="test", out="runs/parity/DATASET")
    group.add_argument(
        "--pictures",
        type=int,
        default=700,
        metavar="N",
        help="the first so many in random order; 0: all (default: %(default)s)",
    )
    group.add_argument(
        "--detectors",
        type=names,
        default=",".join(_USUAL),
        metavar="A,B,…",
        help=f"of {', '.join(DETECTORS)} (default: %(default)s)",
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    console = Console()
    detectors = list(dict.fromkeys(args.detectors or _USUAL))
    for name in detectors:
        look_up(DETECTORS, name, "detector")
    if args.pictures < 0:
        raise DataError(f"--pictures must be 0 or more. Got {args.pictures} instead.")
    models = chosen_models(args)
    with console.status("reading pictures"):
        dataset = load_dataset(args)
        models.require_scheme(dataset.scheme)
        held, _ = models.held_part(dataset, args.part, args.seed)
    order = np.random.default_rng(args.seed).permutation(len(held))[: args.pictures or None]
    with console.status("pasting") as status:
        rows = measure_detectors(
            models, held.faces[order], held.y[order], detectors, status.update, args.seed
        )
    content = {
        "schema_version": 1,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint(),
        "part": args.part,
        "n": len(order),
        "seed": args.seed,
        "rows": rows,
    }
    document = Document(f"{dataset.name}: ready crops, and the same faces in frames")
    table = parity_table(content)
    document.add(
        f"{len(order):,} {args.part} pictures, each in a frame of its own. Accuracies are over the "
        "faces that were found.",
        table,
    )
    out = args.out or Path("runs/parity") / dataset.name
    report = write_document(out, "parity", document, content)[-1]
    say(console, table.markdown())
    say(console, f"Report: {report}")


if __name__ == "__main__":
    raise SystemExit(main())
