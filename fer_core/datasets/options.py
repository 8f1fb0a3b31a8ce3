"""The command line options that say which pictures to use, and loading what they say."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_core.cli import seed
from fer_core.crop import CROP_CHOICES
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, get_scheme
from fer_core.splits import Split, make_split

#: Pictures named in a sentence.
_NAMED = 3
#: What notes are called in words, where their keys don't say it.
_NOTES = {
    "ignored": "classes left out",
    "skipped": "could not be read, left out",
    "joined": "taken for one class",
    "no_group": "named by no row of the groups, each a group of its own",
}

DATASETS = ("demo", "fer2013", "folder")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which pictures to use."""
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--dataset", choices=DATASETS, help="what --data holds (default: the demo faces)"
    )
    group.add_argument("--data", type=Path, metavar="PATH", help="folder, archive or csv")
    group.add_argument(
        "--download", action="store_true", help="get FER2013 from Kaggle (needs kagglehub)"
    )
    group.add_argument("--votes", type=Path, metavar="CSV", help="FER+ votes for FER2013")
    group.add_argument(
        "--crop",
        choices=CROP_CHOICES,
        default="auto",
        help="find and crop faces in your own pictures (auto: those of 100 pixels and more)",
    )
    group.add_argument(
        "--detector",
        metavar="NAME",
        help="what finds them there: hog (the default), haar or cnn, the slow one",
    )
    group.add_argument(
        "--groups",
        metavar="prefix|CSV",
        help="who is on your own pictures, so that nobody is on both sides of a split: 'prefix' "
        "for the file name up to its first _, or a table with columns picture and group",
    )
    group.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NAME=LABEL",
        help="what a class of your own pictures (of --test-on PATH, if there is one) means if its "
        "name doesn't say so: one of FER2013's seven labels, or drop; may be repeated",
    )
    group.add_argument(
        "--skip-broken", action="store_true", help="leave out pictures that can't be read"
    )


def load_dataset(args: argparse.Namespace) -> Dataset:
    """Load what the options name.

    Raises
    ------
    DataError
        If options contradict each other or the data are not what they should be.
    """
    name = args.dataset or ("fer2013" if args.download else "demo")
    if args.data is not None and args.dataset in (None, "demo"):
        raise DataError("--data needs --dataset fer2013 or --dataset folder to say what it holds")
    if args.download and (name != "fer2013" or args.data is not None):
        raise DataError("--download gets FER2013: use it with --dataset fer2013 and without --data")
    if args.votes is not None and name != "fer2013":
        raise DataError("--votes are FER+ votes, which belong to --dataset fer2013")
    own = {"detector": args.detector, "groups": args.groups}
    named = {option: value for option, value in own.items() if value is not None}
    mapped = args.map if not getattr(args, "test_on", None) else []
    if (named or mapped) and name != "folder":
        raise DataError(
            f"--{next(iter(named), 'map')} is for pictures of your own: --dataset folder"
        )
    if name == "demo":
        from fer_core.datasets.demo import load_demo

        return load_demo()
    if args.data is None and not args.download:
        hint = " or --download" if name == "fer2013" else ""
        raise DataError(f"--dataset {name} needs --data PATH{hint}")
    if name == "folder":
        from fer_core.datasets.folder import load_folder
        from fer_core.datasets.mapping import parse_mapping, with_labels

        folder = load_folder(args.data, crop=args.crop, skip_broken=args.skip_broken, **named)
        return with_labels(folder, parse_mapping(mapped)) if mapped else folder
    from fer_core.datasets.fer2013 import download_fer2013, load_fer2013

    path = download_fer2013() if args.download else args.data
    dataset = load_fer2013(path, skip_broken=args.skip_broken)
    if args.votes is not None:
        from fer_core.datasets.ferplus import join_votes

        dataset = join_votes(dataset, args.votes)
    return dataset


def add_split_arguments(parser: argparse.ArgumentParser, default: str = "all") -> None:
    """Add the options that say how pictures are divided, and which labels count."""
    group = parser.add_argument_group("division")
    group.add_argument(
        "--scheme", metavar="NAME", help=f"labels: {', '.join(SCHEMES)} (default: {default})"
    )
    group.add_argument("--seed", type=seed, default=0, help="of the division and all that follows")


def load_split(args: argparse.Namespace, default: str | None = None) -> tuple[Dataset, Split]:
    """Load what the options name, and divide it.

    Divided before classes are dropped: in every scheme the same pictures fit and choose.

    Parameters
    ----------
    args : Namespace
    default : str or None
        Name of the scheme to take where the options name none and the pictures have FER2013's
        labels.

    Returns
    -------
    Dataset
        In its own scheme.
    Split
        In the scheme to learn.

    Raises
    ------
    DataError
        See `load_dataset`; also if there is no such scheme, or its classes can't be made of the
        dataset's.
    """
    named = None if args.scheme is None else get_scheme(args.scheme)  # before pictures are read
    dataset = load_dataset(args)
    if named is None and default is not None and dataset.scheme == SCHEMES["fer7"]:
        named = get_scheme(default)
    split = make_split(dataset, seed=args.seed)
    return dataset, split if named is None else split.in_scheme(named)


def refuse_votes(args: argparse.Namespace) -> None:
    """Raise `DataError` if votes are given to a command that can't learn from them: a search."""
    if args.votes is not None:
        raise DataError(
            "--votes: a search measures what labels alone teach; leave them to training"
        )


def describe(dataset: Dataset, split: Split) -> list[str]:
    """Return sentences on what was loaded, how it is divided, and what was left out."""
    sentences = [
        f"{dataset.name}: {len(dataset):,} pictures, {len(split.fitting):,} for fitting, "
        f"{len(split.validation):,} for choosing, {len(split.test):,} for measuring "
        f"({split.description})"
    ]
    return [*sentences, *notes_in_words(dataset.notes)]


def notes_in_words(notes: Mapping[str, Any]) -> list[str]:
    """Return a sentence a note of a dataset's loader: what was left out, how faces were found."""
    sentences = []
    for key, value in notes.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{name} ({number:,})" for name, number in value.items())
        elif isinstance(value, list | tuple):
            named = [*map(str, value[:_NAMED]), *(["…"] if len(value) > _NAMED else [])]
            text = f"{len(value):,}: {', '.join(named)}"
        else:
            text = str(value)
        sentences.append(f"{_NOTES.get(key, key.replace('_', ' '))}: {text}")
    return sentences
