"""Other people's pictures to measure on: the options that name them, and loading them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_core.datasets.dataset import Dataset
from fer_core.datasets.fer2013 import load_fer2013
from fer_core.datasets.folder import load_folder
from fer_core.datasets.mapping import in_classes_of, parse_mapping
from fer_core.errors import DataError
from fer_core.labels import Scheme
from fer_core.splits import TEST_PARTS

#: What is measured where the pictures give no test part.
WHOLE = "all pictures"


def add_test_on_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name other data."""
    group = parser.add_argument_group("other data")
    group.add_argument(
        "--test-on",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="measure trained models on a folder a class, too; may be repeated. Without --dataset "
        "nothing is fitted: the models that --out holds are measured, or the shipped ones",
    )


def check_test_on(args: argparse.Namespace) -> dict[str, str]:
    """Return what ``--map`` maps class names to, if all that is named is there.

    Raises
    ------
    DataError
        If a PATH does not exist or a mapping is not understood.
    """
    mapping = parse_mapping(args.map)
    for path in args.test_on:
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder to measure on")
    return mapping


@dataclass(frozen=True, eq=False)
class OtherPictures:
    """Pictures to measure on.

    Attributes
    ----------
    dataset : Dataset
        In the models' classes; only pictures in which a face was found.
    n_missed : int
        How many more there are, in which none was found; they count as errors.
    part : str
        What was taken, in words.
    """

    dataset: Dataset
    n_missed: int
    part: str


def load_other(
    path: Path,
    mapping: Mapping[str, str],
    scheme: Scheme,
    *,
    crop: str = "auto",
    detector: str | None = None,
    groups: str | None = None,
    skip_broken: bool = False,
) -> OtherPictures:
    """Load labelled pictures to measure on.

    Parameters
    ----------
    path : Path
        A folder or archive with a folder a class, or FER2013's csv.
    mapping : dict of str to str
        See `fer_core.datasets.mapping.in_fer7`.
    scheme : Scheme
        What the models answer in.
    crop, detector, groups, skip_broken
        See `fer_core.datasets.folder.load_folder`.

    Raises
    ------
    DataError
        If pictures can't be read or a class name is not understood.
    """
    if path.suffix.lower() == ".csv":
        dataset = load_fer2013(path, skip_broken=skip_broken)
    else:
        named = {} if detector is None else {"detector": detector}
        dataset = load_folder(path, crop=crop, groups=groups, skip_broken=skip_broken, **named)
    part = WHOLE
    held, called = np.isin(dataset.parts, TEST_PARTS), "the test part"
    if {"public_test", "private_test"} <= set(dataset.parts):  # PublicTest is there to choose on
        held, called = dataset.parts == "private_test", "PrivateTest"
    if held.any() and not held.all():
        dataset, part = dataset.subset(held), called
    dataset = in_classes_of(dataset, scheme, mapping)
    found = np.ones(len(dataset), bool) if dataset.found is None else dataset.found
    if not found.any():
        raise DataError(f"{path}: no face was found in any of {part} ({len(found):,})")
    return OtherPictures(dataset.subset(found), int((~found).sum()), part)


def load_others(args: argparse.Namespace, scheme: Scheme) -> list[OtherPictures]:
    """Load what every ``--test-on`` of the command line names, for models of `scheme`.

    Raises
    ------
    DataError
        See `check_test_on` and `load_other`.
    """
    mapping = check_test_on(args)
    return [
        load_other(
            path,
            mapping,
            scheme,
            crop=args.crop,
            detector=args.detector,
            groups=args.groups if args.dataset is None else None,  # else of what is fitted on
            skip_broken=args.skip_broken,
        )
        for path in args.test_on
    ]
