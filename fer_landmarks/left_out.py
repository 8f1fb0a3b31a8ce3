"""What a pipeline says of the faces it learns from: ``python -m fer_landmarks.left_out NAME``.

Each face is left out in turn, which kernel least squares can do in closed form. The answers are
soft labels for a network (``python -m fer_cnn.train … --soft-labels FILE``), and show which labels
are likely wrong. Where the faces have annotators' votes, these are read too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.cli import run_command
from fer_core.datasets.options import add_arguments, add_split_arguments, load_split
from fer_core.errors import DataError
from fer_core.parts import LabelledPart, require_role
from fer_core.soft_labels import soft_labels_from_votes, write_soft_labels
from fer_landmarks.pipelines import KERNEL_PIPELINE, fit_pipeline, make_pipeline


def left_out_probabilities(
    fitting: LabelledPart, name: str = KERNEL_PIPELINE, *, seed: int = 0, n_jobs: int | None = -1
) -> NDArray[np.float32]:
    """Return a pipeline's probabilities of each face, fitted on all others.

    Parameters
    ----------
    fitting : LabelledPart
        n faces to fit on.
    name : str
        A pipeline with kernel least squares.
    seed : int
    n_jobs : int or None
        Threads that describe faces.

    Returns
    -------
    float32 (n, k)
        Columns in the order of the scheme; zero for classes without faces.

    Raises
    ------
    DataError
        If the pipeline has another classifier.
    """
    require_role(fitting, "fit")
    pipeline = make_pipeline(name, random_state=seed, n_jobs=n_jobs, cache=True)
    if "classifier__n_left_out" not in pipeline.get_params():
        raise DataError(
            f"pipeline '{name}' can't leave each face out in turn; take one with kernel least "
            f"squares, for example '{KERNEL_PIPELINE}'"
        )
    fit_pipeline(pipeline.set_params(classifier__n_left_out=None), fitting)
    proba = np.zeros((len(fitting), len(fitting.scheme.labels)), dtype=np.float32)
    proba[:, pipeline.classes_] = pipeline[-1].left_out_proba_
    return proba


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_landmarks.left_out",
        description="Write what a pipeline says of each face it learns from, left out in turn.",
    )
    parser.add_argument(
        "name", nargs="?", default=KERNEL_PIPELINE, metavar="NAME", help="default: %(default)s"
    )
    add_arguments(parser)
    add_split_arguments(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/soft-labels.npz"), help="default: %(default)s"
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    from rich.console import Console

    console = Console()
    make_pipeline(args.name)  # a wrong name is refused before pictures are read
    if args.out.is_dir():
        raise DataError(f"{args.out}: this is a folder; name a file with --out")
    fitting = load_split(args)[1].fitting
    with console.status(f"{args.name}: {len(fitting)} faces, each left out in turn"):
        proba = left_out_probabilities(fitting, args.name, seed=args.seed)
        source = f"{args.name}, each face left out"
        if fitting.votes is not None:
            proba = soft_labels_from_votes(fitting, proba, seed=args.seed)
            source += ", and annotators' votes"
    write_soft_labels(args.out, fitting.faces, proba, fitting.scheme.labels, source)
    accuracy = float((proba.argmax(axis=1) == fitting.y).mean())
    console.print(f"{args.out}: {len(fitting)} faces, accuracy left out {accuracy:.4f}")


if __name__ == "__main__":
    raise SystemExit(main())
