"""The pictures of a run, read, divided and described."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.folding import describe_folds
from benchmarks.measuring import Job
from benchmarks.results import RunFolder
from benchmarks.runs import Run, describe_run
from fer_core.cleaning import Cleaning, clean_split
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.options import load_dataset
from fer_core.datasets.thinning import thinned
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, Scheme
from fer_core.splits import Split, k_fold_splits, make_split

#: About how many pictures a quick run keeps.
QUICK_PICTURES = 3000


def prepare(args: argparse.Namespace, schemes: Sequence[Scheme] = ()) -> tuple[Job, Dataset]:
    """Load and divide the pictures, and describe the run; nothing is written or cleaned yet.

    Returns
    -------
    job : Job
    loaded : Dataset
        All pictures, those that a quick run leaves out, too.

    Raises
    ------
    DataError
        If pictures or options are not what they should be.
    """
    dataset, loaded = _read(args, schemes)
    split = make_split(dataset, seed=args.seed)
    described = _described(args, dataset, split, schemes)
    return Job(described, split, _folder(args, dataset)), loaded


def cleaned_job(job: Job, cleaning: Cleaning | None, loaded: Dataset) -> Job:
    """Return a job whose fitting pictures are cleaned.

    The run stays described as it is without: models fitted on all pictures and on cleaned ones
    stand in one folder.
    """
    return replace(job, split=clean_split(job.split, cleaning, loaded))


def prepare_folds(
    args: argparse.Namespace, schemes: Sequence[Scheme] = (), cleaning: Cleaning | None = None
) -> tuple[RunFolder, list[Job]]:
    """Load the pictures, divide them into folds, and open the output folders.

    Returns
    -------
    folder : RunFolder
        Of the whole cross-validation.
    jobs : list of Job
        One a fold.

    Raises
    ------
    DataError
        If pictures, options or the output folder are not what they should be.
    """
    dataset, loaded = _read(args, schemes)
    folder = _folder(args, dataset)
    splits = list(k_fold_splits(dataset, args.folds, args.seed))
    runs = [_described(args, dataset, split, schemes) for split in splits]
    folder.open(describe_folds(runs))
    jobs = []
    for i, (described, split) in enumerate(zip(runs, splits, strict=True), start=1):
        folder.fold(i).open(described)
        jobs.append(cleaned_job(Job(described, split, folder.fold(i)), cleaning, loaded))
    return folder, jobs


def _read(args: argparse.Namespace, schemes: Sequence[Scheme]) -> tuple[Dataset, Dataset]:
    """Return the pictures to use, and all that were loaded."""
    dataset = loaded = load_dataset(args)
    if args.quick:
        dataset = thinned(dataset, QUICK_PICTURES, args.seed)
    derivable = SCHEMES.values() if dataset.scheme in SCHEMES.values() else [dataset.scheme]
    for scheme in schemes:
        if scheme not in derivable:
            raise DataError(
                f"scheme '{scheme.name}' joins FER2013's labels; the classes of "
                f"'{dataset.name}' are others ({', '.join(dataset.scheme.labels)})"
            )
    return dataset, loaded


def _folder(args: argparse.Namespace, dataset: Dataset) -> RunFolder:
    kind = f"-{args.folds}-fold" if args.folds else ""
    quick = "-quick" if args.quick else ""
    return RunFolder(args.out or Path("runs") / f"{dataset.name}{kind}{quick}")


def _described(
    args: argparse.Namespace, dataset: Dataset, split: Split, schemes: Sequence[Scheme]
) -> Run:
    return describe_run(
        dataset,
        split,
        seed=args.seed,
        quick=args.quick,
        schemes=schemes,
        sure_accuracy=args.sure_accuracy,
    )
