"""Protocols: which pictures fit, which choose, which measure, and that the last never fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fer_core.copies import copy_groups, has_copy_in, joint_groups
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError, ProtocolError
from fer_core.holdout import stratified_holdout
from fer_core.labels import Scheme
from fer_core.parts import LabelledPart, TestPart, labelled_part, require_role

#: Parts of the data whose pictures this module may divide.
TRAINING_PARTS = ("training", "")

#: Parts that only measure.
TEST_PARTS = ("test", "public_test", "private_test")
#: Share of the fitting pictures that is held out for choices where the data gives no such part.
VALIDATION_SHARE = 0.1
#: Shares that are tried where that would be less than half a picture of every class.
_LARGER_SHARES = (0.2, 0.35, 0.6)
#: Share that is held out for measuring where the data gives no test part.
TEST_SHARE = 0.2


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

    def __post_init__(self) -> None:
        require_role(self.fitting, "fit")
        require_role(self.validation, "validation")
        parts = (self.fitting.names, self.validation.names, self.test.names)
        if len(np.unique(np.concatenate(parts))) < sum(map(len, parts)):
            raise ProtocolError(
                "a picture is in two parts of the split; pictures that measure must not fit or "
                "choose, and pictures that choose must not fit"
            )

    def in_scheme(self, scheme: Scheme) -> Split:
        """Return the same division of the pictures whose label `scheme` keeps, in its codes.

        Raises
        ------
        DataError
            If a class of `scheme` has no pictures to fit on, or the labels are not FER2013's.
        """
        fitting, validation = (
            labelled_part(part.in_scheme(scheme), part.role, part.divided())
            for part in (self.fitting, self.validation)
        )
        test = self.test
        held, missed = test.reveal(), test._missed.in_scheme(scheme)
        kept = np.isin(held.names, held.in_scheme(scheme).names)
        held = held.in_scheme(scheme)
        split = replace(
            self,
            fitting=fitting,
            validation=validation,
            test=TestPart(held.faces, held.names, test.copied[kept], held, missed),
        )
        _require_pictures(split)
        return split


def make_split(dataset: Dataset, seed: int = 0) -> Split:
    """Divide a dataset by the protocol that its parts allow.

    FER2013 with PrivateTest: *official* (fit on Training, choose on PublicTest, measure on
    PrivateTest). Without: *development* (PublicTest measures; a stratified tenth of Training
    chooses). Folders with a test split, FER2013's pictures in folders of one's own among them:
    *given*. Anything else: *holdout* (a stratified fifth
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
        If a class has no pictures to fit on, or there is too little to divide.
    """
    groups = joint_groups(dataset.faces, dataset.groups)
    parts = dataset.parts
    given = {str(p) for p in np.unique(parts)}
    fit = np.isin(parts, TRAINING_PARTS)
    given_choice = parts == "validation"
    # One's own division of FER2013's pictures into folders is no protocol of FER2013.
    named = given.isdisjoint({"test", "validation"})
    if named and given >= {"private_test", "public_test"}:
        protocol, chosen, test = "official", parts == "public_test", parts == "private_test"
        words = "fitted on Training, chosen on PublicTest, measured on PrivateTest"
    elif named and "public_test" in given:
        protocol, test = "development", parts == "public_test"
        chosen = _tenth(dataset, groups, fit, seed)
        words = "fitted on nine tenths of Training, chosen on one tenth, measured on PublicTest"
    elif not given.isdisjoint(TEST_PARTS):
        protocol, test = "given", np.isin(parts, TEST_PARTS)
        chosen = given_choice if given_choice.any() else _tenth(dataset, groups, fit, seed)
        words = "the split that the folders give" + (
            ""
            if given_choice.any()
            else f", {_said(chosen, fit)} of the training pictures held out for choices"
        )
    else:
        apart = fit & ~np.isin(groups, groups[given_choice])
        if not apart.any() and fit.any():
            raise DataError(
                f"dataset '{dataset.name}': everybody is in the validation part, too, so that "
                "nobody can be held out for measuring; give a test part, or other persons"
            )
        protocol, test = "holdout", _share(dataset, groups, apart, TEST_SHARE, seed)
        if given_choice.any():
            chosen = given_choice
            held = "a fifth" if apart.sum() == fit.sum() else f"{test.sum() / fit.sum():.0%}"
            words = f"{held} of training, stratified, held out for measuring, chosen on validation"
        else:
            chosen = _tenth(dataset, groups, fit & ~test, seed)
            words = (
                "a stratified fifth held out for measuring, "
                f"{_said(chosen, fit & ~test)} of the rest for choices"
            )
    both = np.isin(dataset.groups, dataset.groups[test]) & ~test & (fit | chosen)
    if both.any():
        shown = test & np.isin(dataset.groups, dataset.groups[both])
        words += f"; {shown.sum():,} test pictures show persons who are fitted or chosen on, too"
    if len(given) > 1 and "" in given:
        words += f"; {(parts == '').sum():,} pictures outside its parts count as training"
    return _assemble(dataset, protocol, words, fit & ~chosen & ~test, chosen & ~test, test)


def k_fold_splits(dataset: Dataset, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """Yield k splits whose test parts together are all pictures that may be learned from.

    Stratified by class, grouped by person and by copies; a tenth of each fold's other pictures
    is held out for choices. A test part that the data give stays untouched, so that what is chosen
    by its folds can still be measured on it.

    Parameters
    ----------
    dataset : Dataset
    k : int
    seed : int
        Chooses the folds.

    Raises
    ------
    DataError
        If there are fewer than two folds, or a class has fewer persons (or pictures that are no
        copies of each other) than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if k < 2:
        raise DataError(f"cross-validation needs at least 2 folds. Got {k} instead.")
    untouched = np.isin(dataset.parts, TEST_PARTS)
    note = ""
    if untouched.any():
        note = f"; the {untouched.sum():,} pictures of given test parts stay untouched"
        dataset = dataset.subset(~untouched)
    groups = joint_groups(dataset.faces, dataset.groups)
    for code, label in enumerate(dataset.scheme.labels):
        n_groups = len(np.unique(groups[dataset.y == code]))
        if n_groups < k:
            raise DataError(
                f"dataset '{dataset.name}': class '{label}' has {n_groups} persons or pictures "
                f"that are no copies of each other, too few for {k} folds; add pictures or take "
                "fewer folds"
            )
    folds = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    for i, (_, test_index) in enumerate(folds.split(dataset.faces, dataset.y, groups), start=1):
        test = np.zeros(len(dataset), dtype=bool)
        test[test_index] = True
        chosen = _tenth(dataset, groups, ~test, seed)
        words = f"fold {i} of {k}, stratified by class, grouped by person and copies{note}"
        yield _assemble(dataset, f"fold {i} of {k}", words, ~test & ~chosen, chosen, test)


def _tenth(
    dataset: Dataset, groups: NDArray[np.int64], among: NDArray[np.bool_], seed: int
) -> NDArray[np.bool_]:
    """Hold out a tenth, or of few pictures as little as gives one of any class; none of one person.

    Nothing is held out where nothing of some class would be left.
    """
    classes = np.unique(dataset.y[among])
    for share in (VALIDATION_SHARE, *_LARGER_SHARES):
        chosen = _share(dataset, groups, among, share, seed)
        if chosen.any() and np.isin(classes, dataset.y[among & ~chosen]).all():
            return chosen
    return np.zeros(len(dataset), dtype=bool)


def _said(chosen: NDArray[np.bool_], among: NDArray[np.bool_]) -> str:
    share = chosen.sum() / max(among.sum(), 1)
    return "a tenth" if 0.05 <= share <= 0.15 else f"{share:.0%}"


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


def _assemble(
    dataset: Dataset,
    protocol: str,
    description: str,
    fit: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> Split:
    found = np.ones(len(dataset), dtype=bool) if dataset.found is None else dataset.found
    missed = test & ~found
    fit, chosen, test = fit & found, chosen & found, test & found
    # Of the pictures alone: another picture of the same person is no copy.
    copies = copy_groups(dataset.faces)
    held = dataset.subset(test)
    split = Split(
        protocol=protocol,
        description=description,
        fitting=labelled_part(dataset.subset(fit), "fit"),
        validation=labelled_part(dataset.subset(chosen), "validation"),
        test=TestPart(
            faces=held.faces,
            names=held.names,
            copied=has_copy_in(copies[test], copies[fit | chosen]),
            _dataset=held,
            _missed=dataset.subset(missed),
        ),
    )
    _require_pictures(split)
    return split


def _require_pictures(split: Split) -> None:
    """Refuse a split with an empty part, or with a class that has nothing to fit on."""
    name, labels = split.fitting.name, split.fitting.scheme.labels
    counts = np.bincount(split.fitting.y, minlength=len(labels))
    if (counts == 0).any():
        empty = labels[int(np.argmin(counts))]
        raise DataError(
            f"dataset '{name}': no picture of class '{empty}' is left to fit on "
            f"({split.protocol} protocol); add pictures of it or leave the class out"
        )
    persons = len(np.unique(np.concatenate([split.fitting.groups, split.validation.groups])))
    for part, n in (("validation", len(split.validation)), ("test", len(split.test))):
        total = len(split.fitting) + len(split.validation) + len(split.test)
        if n == 0 and persons < min(total, 3):
            raise DataError(
                f"dataset '{name}': its {total} pictures are of so few persons "
                f"({persons} to fit and choose on) that none is left for a {part} part; leave "
                "--groups out, or name the persons of more pictures in a table"
            )
        if n == 0:
            raise DataError(
                f"dataset '{name}': its {total} pictures are too few for a "
                f"{part} part ({split.protocol} protocol); add pictures"
            )
