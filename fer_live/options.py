"""Options that every command which labels faces takes, and what they mean to a recogniser."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

from fer_core.cli import number_of
from fer_core.detectors import DEFAULT_DETECTOR, DETECTORS
from fer_core.errors import DataError
from fer_core.labels import SCHEMES
from fer_live.face import DEFAULT_THRESHOLD

#: Detectors that can be given a model file.
FILE_DETECTORS = [
    name for name, make in DETECTORS.items() if "path" in inspect.signature(make).parameters
]


def add_arguments(
    parser: argparse.ArgumentParser, model: str | None, model_help: str = "default: %(default)s"
) -> None:
    """Add the options of `EmotionRecognizer.load`.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    model : str or None
        Default of ``--model``.
    model_help : str
    """
    parser.add_argument("--model", default=model, metavar="NAME", help=model_help)
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="folder of models of your own (default: the shipped ones)",
    )
    parser.add_argument(
        "--members", nargs="+", metavar="NAME", help="members of the ensemble to ask (default: all)"
    )
    parser.add_argument(
        "--detector", default=DEFAULT_DETECTOR, choices=list(DETECTORS), help="default: %(default)s"
    )
    parser.add_argument(
        "--detector-file",
        type=Path,
        metavar="FILE",
        help=f"model file of the detector ({', '.join(FILE_DETECTORS)})",
    )
    parser.add_argument(
        "--scheme", choices=list(SCHEMES), help="label scheme (default: the model's own)"
    )
    parser.add_argument(
        "--threshold",
        type=share,
        metavar="P",
        help="least probability of a label that is called sure (default: what was chosen for the "
        f"model on validation pictures, else {DEFAULT_THRESHOLD})",
    )


def recognizer_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `EmotionRecognizer.load` is to be given besides model and scheme.

    Raises
    ------
    DataError
        If a file is named for a detector that takes none.
    """
    options = {
        "store": args.models,
        "members": args.members,
        "detector": args.detector,
        "threshold": args.threshold,
    }
    if args.detector_file is None:
        return options
    if args.detector not in FILE_DETECTORS:
        raise DataError(
            f"{args.detector_file}: the {args.detector} detector takes no file; choose "
            f"--detector {' or '.join(FILE_DETECTORS)}, or leave --detector-file out"
        )
    return {**options, "path": args.detector_file}


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    value = number_of(float, text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1. Got {text} instead")
    return value


def count(text: str) -> int:
    """Read a whole number that is 1 or more."""
    value = number_of(int, text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more. Got {text} instead")
    return value
