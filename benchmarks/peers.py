"""Other people's recognisers on the same pictures: ``python -m benchmarks.peers``."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.documents import Document, Heading, write_document
from benchmarks.peer_environments import PeerEnvironment
from benchmarks.peer_rows import HEIGHTS, Found, Pictures, crops_row, frames_row, make_pictures
from benchmarks.progress import say
from benchmarks.stored import (
    StoredModels,
    add_measuring_arguments,
    add_model_arguments,
    chosen_models,
)
from benchmarks.tables import Cell, Table, number_cell, range_cell
from benchmarks.timing import hardware
from benchmarks.worker import Notify
from fer_core.cli import run_command
from fer_core.copies import joint_groups
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.errors import DataError
from fer_core.labels import LABELS, SCHEMES
from fer_core.lookup import look_up


@dataclass(frozen=True)
class Peer:
    """Somebody else's recogniser.

    Attributes
    ----------
    name : str
    environment : PeerEnvironment
    script : str
        File beside this one that runs in the environment.
    variants : dict of str to str
        For each network of the package, what it is called in tables.
    trained_on : str
        For every row.
    caveat : str
        For rows measured on FER2013.
    """

    name: str
    environment: PeerEnvironment
    script: str
    variants: Mapping[str, str]
    trained_on: str
    caveat: str


#: Peers by name.
PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "fer": Peer(
            name="fer",
            # Of what the package asks for, torch, moviepy and pandas serve other detectors and
            # video files; it imports pkg_resources, which setuptools has dropped.
            environment=PeerEnvironment(
                name="fer",
                requirements=(
                    "setuptools<80",
                    "tensorflow>=2.16,<3",
                    "opencv-contrib-python-headless<5",
                    "requests",
                    "pillow",
                ),
                alone=("fer==25.10.3",),
            ),
            script="peer_fer.py",
            variants={"default": "fer (quantised, its default)", "float": "fer (float)"},
            trained_on="FER2013: mini-XCEPTION of github.com/oarriaga/face_classification",
            caveat="That project's training script fits on the first 80 % of fer2013.csv, which "
            "are the Training pictures, and keeps the epoch with the least loss on the others: "
            "PublicTest and PrivateTest themselves chose it, so its figures on them are too high.",
        )
    }
)


def ask_peer(peer: Peer, pictures: Pictures, notify: Notify) -> list[dict[str, Any]]:
    """Return a row for each network on crops, and one for the package on frames."""
    script = Path(__file__).parent / peer.script
    given = {"crops": pictures.crops, "frames": pictures.frames}
    answers = peer.environment.answer(script, given, notify)
    order = [answers["labels"].tolist().index(label) for label in LABELS]
    common = {"family": "peer", "trained_on": peer.trained_on, "version": str(answers["version"])}
    rows = []
    for variant, shown in peer.variants.items():
        proba = answers[f"{variant}_proba"][:, order]
        proba = proba / proba.sum(axis=1, keepdims=True)
        ms = answers[f"{variant}_ms"]
        rows.append({"name": shown, **common, **crops_row(proba, pictures, shown, ms)})
    if len(pictures.frames):
        found = Found(
            answers["frame_index"],
            answers["frame_boxes"],
            answers["frame_proba"][:, order],
            answers["frame_ms"],
        )
        rows.append({"name": peer.name, **common, **frames_row(found, pictures)})
    return rows


def ask_ours(models: StoredModels, pictures: Pictures, notify: Notify) -> list[dict[str, Any]]:
    """Return the same rows for our models: each on crops, and each recogniser on frames."""
    from fer_live.recognizer import EmotionRecognizer

    crops, frames = [], []
    for name, entry in models.entries.items():
        notify(f"{name}: {len(pictures.crops)} crops")
        about = {
            "name": name,
            "family": entry.family,
            "trained_on": str(entry.trained_on.get("dataset", "unknown")),
            "version": "",
        }
        model = models.load(name)
        proba = models.predict_one(name, pictures.crops)
        ms = np.array([_ms(model.predict_proba, crop[None]) for crop in pictures.crops[:51]])[1:]
        crops.append({**about, **crops_row(proba, pictures, name, ms)})
        if not len(pictures.frames):
            continue
        notify(f"{name}: {len(pictures.frames)} frames")
        recognizer = EmotionRecognizer.load(name, store=models.store)
        frames.append({**about, **frames_row(_analyzed(recognizer, pictures.frames), pictures)})
    return crops + frames


def _ms(call: Any, argument: NDArray) -> float:
    start = perf_counter()
    call(argument)
    return 1000 * (perf_counter() - start)


def _analyzed(recognizer: Any, frames: NDArray[np.uint8]) -> Found:
    index, boxes, proba, times = [], [], [], []
    for i, gray in enumerate(frames):
        frame = np.ascontiguousarray(np.repeat(gray[:, :, None], 3, axis=2))
        if i == 0:
            recognizer.analyze(frame)
        start = perf_counter()
        faces = recognizer.analyze(frame)
        times.append(1000 * (perf_counter() - start))
        for face in faces:
            index.append(i)
            boxes.append(face.box)
            proba.append(face.probabilities)
    return Found(
        np.array(index, np.int64),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(proba, np.float32).reshape(-1, len(LABELS)),
        np.array(times),
    )


def rows_table(rows: Sequence[Mapping[str, Any]], kind: str) -> Table:
    """Return the rows measured on ``"crops"`` or on ``"frames"``, best first."""
    chosen = sorted((r for r in rows if r["input"] == kind), key=lambda r: -(r["accuracy"] or 0))
    columns = [
        (f"on {kind}", "Name"),
        ("accuracy", "Share labelled right; a face that is not found is an error"),
        ("95 % interval", "Of the accuracy"),
        ("without copies", "Accuracy on pictures without a near copy among our fitting pictures"),
    ]
    if kind == "frames":
        columns += [
            ("found", "Share of the pasted faces that were found"),
            ("right of found", "Accuracy over these"),
            ("false faces", "Faces found where none is"),
        ]
    else:
        columns += [("macro F1", "Mean over classes"), ("log loss", "Less is better")]
    columns += [
        ("ms", f"Median milliseconds for one {kind[:-1]}"),
        (
            "trained on",
            "The data; ours as their cards say, often with FER+ votes beside the labels",
        ),
    ]
    keys = (
        ("found", "accuracy_on_found", "false_faces")
        if kind == "frames"
        else ("macro_f1", "log_loss")
    )
    table = []
    for row in chosen:
        table.append(
            [
                Cell(" ".join(part for part in (row["name"], row["version"]) if part)),
                number_cell(row["accuracy"]),
                range_cell(row["interval"]),
                number_cell(row["without_copies"]),
                *(
                    number_cell(row[key], "{:.0f}" if key == "false_faces" else "{:.3f}")
                    for key in keys
                ),
                number_cell(row["machine"]["ms"], "{:.1f}"),
                Cell(row["trained_on"].partition(":")[0]),
            ]
        )
    return Table(columns, table)


def document_of(content: Mapping[str, Any]) -> Document:
    """Return the report on peers."""
    rows, dataset = content["rows"], content["dataset"]
    document = Document(f"{dataset}: other people's recognisers on the same pictures")
    document.add(
        f"{content['n']:,} {content['part']} pictures as ready crops, and {content['n_frames']:,} "
        f"of them pasted into frames of 640 x 480 pixels, {HEIGHTS[0]} to {HEIGHTS[1]} pixels "
        "high. Everyone runs as the package does by default. Times are of one machine, taken one "
        "after the other.",
    )
    for name in content["peers"]:
        peer = PEERS.get(name)
        if peer is not None:
            document.add(f"{name}: {peer.trained_on}.")
            if dataset == "fer2013":
                document.add(peer.caveat)
    document.add(Heading("The network alone, on our crops"), rows_table(rows, "crops"))
    if content["n_frames"]:
        document.add(Heading("End to end, on frames"), rows_table(rows, "frames"))
    return document


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Measure other people's recognisers beside stored models, on the same "
        "pictures. Each is installed in an environment of its own when it is first asked.",
        epilog="Peers: " + textwrap.shorten("; ".join(PEERS), 400),
    )
    parser.add_argument("peers", nargs="*", metavar="PEER", help="default: all")
    add_arguments(parser)
    add_model_arguments(parser)
    group = add_measuring_arguments(parser, part="test", out="runs/peers/DATASET")
    group.add_argument(
        "--frames",
        type=int,
        default=300,
        metavar="N",
        help="so many are pasted into frames, too; 0: none (default: %(default)s)",
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    console = Console()
    peers = [look_up(PEERS, name, "peer") for name in dict.fromkeys(args.peers or PEERS)]
    if args.frames < 0:
        raise DataError(f"--frames must be 0 or more. Got {args.frames} instead.")
    models = chosen_models(args)
    with console.status("reading pictures"):
        dataset = load_dataset(args)
        if dataset.scheme != SCHEMES["fer7"]:
            raise DataError(
                f"dataset '{dataset.name}': peers answer with FER2013's seven labels, and its "
                f"classes are {', '.join(dataset.scheme.labels)}"
            )
        models.require_scheme(dataset.scheme)
        held, copied = models.held_part(dataset, args.part, args.seed)
        groups = joint_groups(held.faces, held.groups)
        pictures = make_pictures(held.faces, held.y, copied, groups, args.frames, args.seed)
    say(console, f"{dataset.name}: {len(held):,} crops, {len(pictures.frames):,} frames")
    rows: list[dict[str, Any]] = []
    with console.status("asking") as status:
        for peer in peers:
            rows += ask_peer(peer, pictures, status.update)
        rows += ask_ours(models, pictures, status.update)
    content = {
        "schema_version": 1,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint(),
        "part": args.part,
        "n": len(held),
        "n_frames": len(pictures.frames),
        "seed": args.seed,
        "peers": [peer.name for peer in peers],
        "rows": rows,
        "machine": {"hardware": hardware()},
    }
    out = args.out or Path("runs/peers") / dataset.name
    out.mkdir(parents=True, exist_ok=True)
    document = document_of(content)
    written = write_document(out, "peers", document, content)
    for block in document.blocks:
        if isinstance(block, Table):
            say(console, block.markdown())
    say(console, f"Report: {written[-1]}")


if __name__ == "__main__":
    raise SystemExit(main())
