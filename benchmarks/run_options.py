"""The options of ``python -m benchmarks.run``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.models import CNN
from benchmarks.other_pictures import add_test_on_arguments
from fer_core.certainty import STATED_ACCURACY
from fer_core.cleaning import add_cleaning_arguments
from fer_core.cli import names, positive, seed
from fer_core.datasets.options import add_arguments
from fer_core.labels import SCHEMES

#: Fitted when no models are named: the simplest pipelines of the classical family and the network.
DEFAULT_MODELS = ("geometry-svm", "hog-svm", "fusion-svm", "fusion-xgb", CNN)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Fit models of both families and their ensemble on one split, measure them "
        "and write a report. Without options: on the demo faces, in minutes.",
    )
    add_arguments(parser)
    add_cleaning_arguments(parser)
    group = parser.add_argument_group("run")
    group.add_argument(
        "--models",
        type=names,
        metavar="A,B,…",
        help="pipelines, as they are or as NAME-mirrored (asked about mirrored faces, too, and "
        "fitted on them, unless they know of mirroring), and networks (default: "
        f"{','.join(DEFAULT_MODELS)}; cnn: the recipe compact, or tiny for few pictures)",
    )
    group.add_argument(
        "--schemes", type=names, metavar="A,B,…", help="label schemes to measure in (default: all)"
    )
    group.add_argument(
        "--sure-accuracy",
        type=_share,
        default=STATED_ACCURACY,
        metavar="SHARE",
        help="accuracy that sure answers shall have; below, a model says 'unsure' "
        f"(default: {STATED_ACCURACY})",
    )
    group.add_argument(
        "--native",
        type=names,
        default=[],
        metavar="A,B,…",
        help="label schemes to train models of their own on, too, or 'all'",
    )
    group.add_argument(
        "--soft-labels",
        type=_soft_labels,
        action="append",
        default=[],
        metavar="MODEL=NPZ|MODEL=votes",
        help="what a network, kernel pipeline or perceptron with dropout learns from beside the "
        "labels: a file that python -m fer_landmarks.left_out wrote, or what --votes say of the "
        "labels; can be repeated",
    )
    group.add_argument(
        "--tta",
        type=names,
        default=[],
        metavar="A,B,…",
        help="those of --models that are measured a second time as NAME-tta, averaged over ten "
        "looks at each face (test-time augmentation)",
    )
    group.add_argument(
        "--folds",
        type=int,
        metavar="K",
        help="cross-validate: stratified, persons and copies kept together",
    )
    group.add_argument(
        "--stored",
        type=names,
        default=[],
        metavar="A,B,…",
        help="models that are there already, to be measured as they are; they must have been "
        "fitted on these pictures. Without --models nothing else is measured",
    )
    group.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="where the models of --stored are, or without --dataset those that --test-on measures "
        "(default: the shipped ones)",
    )
    group.add_argument("--out", type=Path, metavar="DIR", help="default: runs/DATASET")
    group.add_argument(
        "--quick", action="store_true", help="a part of the pictures and the small network"
    )
    group.add_argument("--resume", action="store_true", help="keep models that are finished")
    group.add_argument(
        "--max-ms", type=positive, metavar="MS", help="of the ensemble's members for one face"
    )
    group.add_argument(
        "--max-mb", type=positive, metavar="MB", help="of the files of the ensemble's members"
    )
    group.add_argument(
        "--time-again", action="store_true", help="measure the speed of finished models anew"
    )
    group.add_argument("--seed", type=seed, default=0, help="of splits and fits (default: 0)")
    add_test_on_arguments(parser)
    return parser


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no share between 0 and 1, such as 0.9")
    return share


def _soft_labels(text: str) -> tuple[str, str]:
    name, _, source = text.partition("=")
    if not source:
        raise argparse.ArgumentTypeError(
            f"'{text}' says only one of both; write MODEL=FILE, or MODEL=votes"
        )
    return name, source


def all_but_own(asked: Sequence[str]) -> Sequence[str]:
    """Return the schemes that are named, ``all`` for every one but FER2013's own."""
    return [name for name in SCHEMES if name != "fer7"] if asked == ["all"] else asked
