"""Protocols: which pictures fit, which choose, which measure, and that the last never fit.

A `Split` hands out its fitting and validation pictures as labelled datasets. Its test pictures
come as `TestPart`: faces without labels, to predict on. Only `TestPart.reveal`, which measuring
calls, gives the labels, and everything that fits asks `require_role` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fer_core.copies import copy_groups, has_copy_in, join_pairs
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError, ProtocolError

Role = Literal["fit", "validation"]

#: Share of the fitting pictures that is held out for choices where the data gives no such part.
VALIDATION_SHARE = 0.1
#: Share that is held out for measuring where the data gives no test part.
TEST_SHARE = 0.2


@dataclass(frozen=True, repr=False, eq=False)
class LabelledPart(Dataset):
    """Pictures that may be fitted on (`role` ``"fit"``) or chosen on (``"validation"``)."""

    role: Role = "fit"


@dataclass(frozen=True, repr=False, eq=False)
class TestPart:
    """Test pictures: faces to predict on, their labels only for measuring.

    Attributes
    ----------
    faces : uint8 (n, 48, 48)
    names : str (n,)
    copied : bool (n,)
        Whether a copy of the picture is among those that fit or choose.
    n_missed : int
        How many more test pictures there are in which no face was found. They count as errors:
        accuracy over all pictures is (number right) / (len + n_missed).
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    faces: NDArray[np.uint8]
    names: NDArray[np.str_]
    copied: NDArray[np.bool_]
    n_missed: int
    _dataset: Dataset

    def __len__(self) -> int:
        return len(self.faces)

    def reveal(self) -> Dataset:
        """Return the labelled test pictures, for measuring and for nothing else."""
        return self._dataset


@dataclass(frozen=True, eq=False)
class Split:
    """One division of a dataset.

    Attributes
    ----------
    protocol : str
        ``"official"``, ``"development"``, ``"given"``, ``"holdout"`` or ``"fold i of k"``.
    description : str
        The protocol in words, for reports.
    fitting, validation : LabelledPart
        What models fit on; what choices, calibration and weights read.
    test : TestPart
        What the figures are measured on.
    """

    protocol: str
    description: str
    fitting: LabelledPart
    validation: LabelledPart
    test: TestPart


def require_role(part: object, *roles: Role) -> LabelledPart:
    """Return `part` if it may be used as one of `roles`.

    Raises
    ------
    ProtocolError
        If it is the test part, a dataset that no split handed out, or of another role.
    """
    if isinstance(part, LabelledPart) and part.role in roles:
        return part
    got = f"the {part.role} part" if isinstance(part, LabelledPart) else type(part).__name__
    raise ProtocolError(
        f"this step may read only the {' or '.join(roles)} part of a split, so that nothing is "
        f"fitted, chosen, calibrated or weighted on test pictures. Got {got} instead."
    )


def make_split(dataset: Dataset, seed: int = 0) -> Split:
    """Divide a dataset by the protocol that its parts allow.

    FER2013 with PrivateTest: *official* (fit on Training, choose on PublicTest, measure on
    PrivateTest). Without: *development* (PublicTest measures; a stratified tenth of Training
    chooses). Folders with a test split: *given*. Anything else: *holdout* (a stratified fifth
    measures, a tenth of the rest chooses). A validation part that folders give chooses in the
    last two. Copies and pictures of one person stay on one side of every division made here.
    Pictures to which the data gives no part count as training pictures.

    Parameters
    ----------
    dataset : Dataset
    seed : int
        Chooses the divisions made here.

    Raises
    ------
    DataError
        If a class is missing from a part, or there is too little to divide.
    """
    groups = _joint_groups(dataset)
    parts = dataset.parts
    given = {str(p) for p in np.unique(parts)}
    fit = np.isin(parts, ["training", ""])
    given_choice = parts == "validation"
    if "private_test" in given and "public_test" in given:
        protocol, chosen, test = "official", parts == "public_test", parts == "private_test"
        words = "fitted on Training, chosen on PublicTest, measured on PrivateTest"
    elif "public_test" in given:
        protocol, test = "development", parts == "public_test"
        chosen = _tenth(dataset, groups, fit, seed)
        words = "fitted on nine tenths of Training, chosen on one tenth, measured on PublicTest"
    elif given & {"test", "private_test"}:
        protocol, test = "given", np.isin(parts, ["test", "private_test"])
        chosen = given_choice if given_choice.any() else _tenth(dataset, groups, fit, seed)
        words = "the split that the folders give" + (
            "" if given_choice.any() else ", a tenth of the training pictures held out for choices"
        )
    else:
        protocol, test = "holdout", _share(dataset, groups, fit, TEST_SHARE, seed)
        if given_choice.any():
            chosen = given_choice
            words = "a stratified fifth of training held out for measuring, chosen on validation"
        else:
            chosen = _tenth(dataset, groups, fit & ~test, seed)
            words = "a stratified fifth held out for measuring, a tenth of the rest for choices"
    if len(given) > 1 and "" in given:
        words += f"; {(parts == '').sum():,} pictures outside its parts count as training"
    return _assemble(dataset, protocol, words, fit & ~chosen & ~test, chosen & ~test, test)


def k_fold_splits(dataset: Dataset, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """Yield k splits whose test parts together are the whole dataset.

    Stratified by class, grouped by person and by copies; a tenth of each fold's other pictures
    is held out for choices.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    groups = _joint_groups(dataset)
    folds = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    for i, (_, test_index) in enumerate(folds.split(dataset.faces, dataset.y, groups), start=1):
        test = np.zeros(len(dataset), dtype=bool)
        test[test_index] = True
        chosen = _tenth(dataset, groups, ~test, seed)
        words = f"fold {i} of {k}, stratified by class, grouped by person and copies"
        yield _assemble(dataset, f"fold {i} of {k}", words, ~test & ~chosen, chosen, test)


def stratified_holdout(
    y: NDArray[np.int64], groups: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Choose about `share` of each class, whole groups only.

    Groups are visited in random order; one is taken if that brings the counts per class closer
    to `share` of each. Unlike scikit-learn's StratifiedGroupKFold this is linear in the number
    of groups, which matters where nearly every picture is a group of its own.

    Parameters
    ----------
    y : int64 (n,)
    groups : int64 (n,)
    share : float
        Between 0 and 1.
    seed : int

    Returns
    -------
    bool (n,)
        True for the pictures held out.
    """
    _, group = np.unique(groups, return_inverse=True)
    n_groups, k = group.max(initial=-1) + 1, y.max(initial=0) + 1
    members: list[list[tuple[int, int]]] = [[] for _ in range(n_groups)]
    keys, counts = np.unique(group * k + y, return_counts=True)
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        members[key // k].append((key % k, count))
    wanted = (share * np.bincount(y)).tolist()
    taken = np.zeros(n_groups, dtype=bool)
    for g in np.random.default_rng(seed).permutation(n_groups):
        # Taking c of a class with w still wanted changes |w| by |w - c| - |w|.
        if sum(abs(wanted[code] - c) - abs(wanted[code]) for code, c in members[g]) < 0:
            taken[g] = True
            for code, c in members[g]:
                wanted[code] -= c
    return taken[group]


def _tenth(
    dataset: Dataset, groups: NDArray[np.int64], among: NDArray[np.bool_], seed: int
) -> NDArray[np.bool_]:
    return _share(dataset, groups, among, VALIDATION_SHARE, seed)


def _share(
    dataset: Dataset,
    groups: NDArray[np.int64],
    among: NDArray[np.bool_],
    share: float,
    seed: int,
) -> NDArray[np.bool_]:
    chosen = np.zeros(len(dataset), dtype=bool)
    chosen[among] = stratified_holdout(dataset.y[among], groups[among], share, seed)
    return chosen


def _joint_groups(dataset: Dataset) -> NDArray[np.int64]:
    """Return groups that join copies with pictures of one person."""
    n = len(dataset)
    by_copy, by_person = copy_groups(dataset.faces), dataset.groups
    links = []
    for groups in (by_copy, by_person):
        order = np.argsort(groups, kind="stable")
        same = groups[order][1:] == groups[order][:-1]
        links.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    return join_pairs(np.concatenate(links), n)


def _assemble(
    dataset: Dataset,
    protocol: str,
    description: str,
    fit: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> Split:
    found = np.ones(len(dataset), dtype=bool) if dataset.found is None else dataset.found
    n_missed = int((test & ~found).sum())
    fit, chosen, test = fit & found, chosen & found, test & found
    labels = dataset.scheme.labels
    for part, mask in (("fitting", fit), ("validation", chosen), ("test", test)):
        counts = np.bincount(dataset.y[mask], minlength=len(labels))
        if part == "fitting" and (counts == 0).any():
            empty = labels[int(np.argmin(counts))]
            raise DataError(
                f"dataset '{dataset.name}': no picture of class '{empty}' is left to fit on "
                f"({protocol} protocol); add pictures of it or leave the class out"
            )
        if not counts.any():
            raise DataError(
                f"dataset '{dataset.name}': its {len(dataset)} pictures are too few for a "
                f"{part} part ({protocol} protocol); add pictures"
            )
    # Of the pictures alone: another picture of the same person is no copy.
    copies = copy_groups(dataset.faces)
    held = dataset.subset(test)
    return Split(
        protocol=protocol,
        description=description,
        fitting=_labelled(dataset.subset(fit), "fit"),
        validation=_labelled(dataset.subset(chosen), "validation"),
        test=TestPart(
            faces=held.faces,
            names=held.names,
            copied=has_copy_in(copies[test], copies[fit | chosen]),
            n_missed=n_missed,
            _dataset=held,
        ),
    )


def _labelled(dataset: Dataset, role: Role) -> LabelledPart:
    fields = {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}
    return LabelledPart(**fields, role=role)
