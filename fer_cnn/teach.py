"""What trained models say of the faces they learned from: ``python -m fer_cnn.teach MODEL…``.

A network that learns from the answers of its like besides the labels often becomes better than they
are (Furlanello et al., "Born-again neural networks", ICML 2018). Unlike those of
``python -m fer_landmarks.left_out``, these answers know the labels; so the file of that command can
be named, too, and both count half.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.cli import run_command
from fer_core.datasets.options import add_arguments, add_split_arguments, load_split
from fer_core.errors import DataError, ProtocolError
from fer_core.model_store import ModelStore
from fer_core.parts import LabelledPart, require_role
from fer_core.soft_labels import read_soft_labels, write_soft_labels


def taught_probabilities(
    fitting: LabelledPart, store: ModelStore, names: Sequence[str]
) -> NDArray[np.float32]:
    """Return the mean of what models say of the faces that they were fitted on.

    Parameters
    ----------
    fitting : LabelledPart
        n faces to fit on.
    store : ModelStore
    names : sequence of str

    Returns
    -------
    float32 (n, k)
        Columns in the order of the scheme; zero for classes without faces.

    Raises
    ------
    ProtocolError
        If a model was fitted on other pictures, which may choose or measure, or is an ensemble.
    DataError
        If it has other classes.
    """
    require_role(fitting, "fit")
    total = np.zeros((len(fitting), len(fitting.scheme.labels)))
    for name in names:
        entry = store.entry(name)
        if entry.labels != fitting.scheme.labels:
            raise DataError(
                f"{store.root}: the model '{name}' knows the classes {', '.join(entry.labels)}, "
                f"and the pictures have {', '.join(fitting.scheme.labels)}; name another"
            )
        if entry.family == "ensemble":
            raise ProtocolError(
                f"{store.root}: '{name}' is an ensemble, whose members and weights were learned on "
                "the validation pictures; name its members"
            )
        if not entry.fitted_on(fitting):
            raise ProtocolError(
                f"{store.root}: the model '{name}' was fitted on other pictures than those to fit "
                "on here, some of which may choose or measure; name models that were fitted on "
                "the same data with the same seed"
            )
        total[:, list(entry.codes)] += store.load(name).predict_proba(fitting.faces)
    return (total / len(names)).astype(np.float32)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_cnn.teach",
        description="Write what stored models say of the faces they learned from, as soft labels.",
    )
    parser.add_argument("names", nargs="+", metavar="MODEL", help="names in the store")
    add_arguments(parser)
    add_split_arguments(parser)
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="folder of models (default: the shipped ones)"
    )
    parser.add_argument(
        "--soft-labels",
        type=Path,
        metavar="NPZ",
        help="of python -m fer_landmarks.left_out; counts as much as all models",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/taught.npz"), help="default: %(default)s"
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    from rich.console import Console

    console = Console()
    store = ModelStore(args.store)
    names = [store.entry(name).name for name in args.names]  # before pictures are read
    fitting = load_split(args)[1].fitting
    with console.status(f"{len(fitting)} faces, each judged by {len(names)} models"):
        proba = taught_probabilities(fitting, store, names)
    source = " and ".join(names)
    if args.soft_labels is not None:
        other, words = read_soft_labels(args.soft_labels, fitting.faces, fitting.scheme.labels)
        proba = np.mean([proba, other], axis=0, dtype=np.float32)
        source += f"; {words}"
    write_soft_labels(args.out, fitting.faces, proba, fitting.scheme.labels, source)
    accuracy = float((proba.argmax(axis=1) == fitting.y).mean())
    console.print(f"{args.out}: {len(fitting)} faces, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    raise SystemExit(main())
