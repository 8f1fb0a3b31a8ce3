"""What may take the place of a stored model: one that learnt from the same pictures and labels."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from fer_core.errors import DataError
from fer_core.model_store import ModelStore
from fer_core.parts import LabelledPart


def add_replace_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option to put models in the place of others."""
    parser.add_argument(
        "--replace",
        action="store_true",
        help="put models in the place of those in --out that learnt from other pictures",
    )


def refuse_others(args: argparse.Namespace, names: Sequence[str], fitting: LabelledPart) -> None:
    """Refuse to replace models of the same names that learnt from other pictures or labels.

    Parameters
    ----------
    args : Namespace
        With ``out``, the folder of models, and ``replace``.
    names : sequence of str
        Of the models that are to be stored.
    fitting : LabelledPart
        What they will learn from.

    Raises
    ------
    DataError
        If one is there, and nobody asked to replace it.
    """
    stored = {} if args.replace else ModelStore(args.out).entries()
    for name in names:
        if name in stored and not stored[name].fitted_on(fitting):
            told = stored[name].trained_on
            raise DataError(
                f"{args.out}: holds a '{name}' that learnt from {told.get('pictures')} other "
                f"pictures or labels ({told.get('dataset')}, {stored[name].scheme}); choose "
                "another --out, or replace it with --replace"
            )
