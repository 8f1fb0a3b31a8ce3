"""Facts about the pictures of a data set: counts, copies, blank ones, ones without a face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.suspects import Suggestion
from benchmarks.worker import Notify
from fer_core.copies import copy_pairs, join_pairs
from fer_core.datasets.cache import cached, content_key
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.ferplus import VOTE_COLUMNS
from fer_core.detectors import HaarDetector, HogDetector
from fer_core.splits import Split

#: Pictures whose gray levels spread less than this (standard deviation) show nothing. FER2013's
#: faces have 20 and more, its empty pictures 0 to 3.
BLANK = 6.0


@dataclass(frozen=True, eq=False)
class Explored:
    """A data set divided into what may be learned from and what only measures.

    Attributes
    ----------
    learning : Dataset
        Fitting and validation pictures, the only ones about which anything is suggested.
    test : Dataset
        Test pictures, to count, to show and to find copies of.
    """

    learning: Dataset
    test: Dataset


def divided(dataset: Dataset, split: Split) -> Explored:
    """Divide a data set as `split` does, its pictures in their own order."""
    learn = np.isin(dataset.names, [*split.fitting.names, *split.validation.names])
    return Explored(dataset.subset(learn), split.test.reveal())


def counts_of(dataset: Dataset, split: Split) -> dict[str, dict[str, int]]:
    """Return for each part of a split the number of pictures of each class."""
    parts: dict[str, Dataset] = {
        "fitting": split.fitting,
        "validation": split.validation,
        "test": split.test.reveal(),
    }
    counted = {name: part.counts() for name, part in parts.items()}
    if dataset.found is not None and not dataset.found.all():
        counted["no face found"] = dataset.subset(~dataset.found).counts()
    return counted


@dataclass(frozen=True)
class CopyGroups:
    """Groups of pictures that are copies of each other.

    Attributes
    ----------
    contradicting : list of list of str
        Names of pictures to learn from that are copies under different labels.
    leaking : list of (str, str)
        A picture to learn from, and the test picture that it is a copy of.
    n_alike : int
        Groups of copies under one label.
    suggestions : list of Suggestion
    """

    contradicting: list[list[str]]
    leaking: list[tuple[str, str]]
    n_alike: int
    suggestions: list[Suggestion]


def find_copy_groups(explored: Explored) -> CopyGroups:
    """Find copies, and suggest to drop contradicting ones and copies of test pictures.

    Of copies under different labels those are dropped that differ from the label that most of the
    group have; all of them where there is no such label. Test labels are not looked at.
    """
    learning, test = explored.learning, explored.test
    n, labels = len(learning), learning.scheme.labels
    faces = np.concatenate([learning.faces, test.faces])
    pairs = copy_pairs(faces)
    groups = join_pairs(pairs, len(faces))
    contradicting, leaking, suggestions, n_alike = [], [], [], 0
    for members in _groups_of_several(groups):
        learned, tested = members[members < n], members[members >= n]
        if len(tested) and len(learned):
            twin = str(test.names[tested[0] - n])
            for i in learned:
                leaking.append((str(learning.names[i]), twin))
                suggestions.append(
                    Suggestion(
                        str(learning.names[i]), "drop", "", f"copy of test picture {twin}", 1
                    )
                )
        if len(learned) < 2:
            continue
        codes, counts = np.unique(learning.y[learned], return_counts=True)
        if len(codes) == 1:
            n_alike += 1
            continue
        contradicting.append([str(learning.names[i]) for i in learned])
        leaders = codes[counts == counts.max()]
        for i in learned:
            if len(leaders) == 1 and learning.y[i] == leaders[0]:
                continue
            others = ", ".join(labels[c] for c in codes if c != learning.y[i])
            reason = f"copy of a picture labelled {others}"
            suggestions.append(Suggestion(str(learning.names[i]), "drop", "", reason, 1))
    return CopyGroups(contradicting, leaking, n_alike, suggestions)


def _groups_of_several(groups: NDArray[np.int64]) -> Iterable[NDArray[np.int64]]:
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1, append=-1))
    for start, end in pairwise(starts):
        if end - start > 1:
            yield order[start:end]


@dataclass(frozen=True, eq=False)
class Faceless:
    """Pictures that may show no face.

    Attributes
    ----------
    blank : list of str
        Pictures of one gray level, or nearly so.
    voted : list of str
        Those that most FER+ annotators call no face.
    unfound : list of str
        Others in which neither detector finds a face; most of them show one all the same.
    suggestions : list of Suggestion
        For the first two.
    """

    blank: list[str]
    voted: list[str]
    unfound: list[str]
    suggestions: list[Suggestion]


def find_faceless(dataset: Dataset, notify: Notify) -> Faceless:
    """Look for pictures that show no face, among pictures to learn from."""
    blank = dataset.faces.std(axis=(1, 2)) < BLANK
    voted = np.zeros(len(dataset), dtype=bool)
    if dataset.votes is not None:
        most = dataset.votes.argmax(axis=1) == VOTE_COLUMNS.index("NF")
        voted = most & (dataset.votes.sum(axis=1) > 0) & ~blank
    found = faces_found(dataset.faces, notify)
    names = dataset.names
    suggestions = [
        Suggestion(str(name), "drop", "", reason, 1)
        for mask, reason in ((blank, "blank picture"), (voted, "no face, say FER+ annotators"))
        for name in names[mask]
    ]
    unfound = ~found & ~blank & ~voted
    return Faceless(
        names[blank].tolist(), names[voted].tolist(), names[unfound].tolist(), suggestions
    )


def faces_found(faces: NDArray[np.uint8], notify: Notify) -> NDArray[np.bool_]:
    """Return whether OpenCV's or dlib's detector finds a face in each crop: bool (n,)."""

    def search() -> dict[str, NDArray[np.bool_]]:
        # Crops end at the face, and detectors want something around it. They search at twice the
        # size, where the smallest face that dlib's can find is most of the crop.
        haar, hog = HaarDetector(min_neighbors=2), HogDetector(threshold=-0.5)
        found = np.zeros(len(faces), dtype=bool)
        for i, face in enumerate(faces):
            if i % 500 == 0:
                notify(f"looking for faces: {i:,} of {len(faces):,}")
            framed = cv2.copyMakeBorder(face, 12, 12, 12, 12, cv2.BORDER_REPLICATE)
            picture = np.asarray(framed, dtype=np.uint8)
            found[i] = len(haar.detect(picture)) > 0 or len(hog.detect(picture)) > 0
        return {"found": found}

    key = content_key("faces found 1", [np.ascontiguousarray(faces).data])
    return cached(key, search)["found"]


def merged(*lists: Sequence[Suggestion]) -> list[Suggestion]:
    """Join suggestions, one a picture: the first list that names it wins. Surest first."""
    by_name: dict[str, Suggestion] = {}
    for suggestion in (s for given in lists for s in given):
        by_name.setdefault(suggestion.name, suggestion)
    return sorted(by_name.values(), key=lambda s: -s.score)


def mean_faces(dataset: Dataset) -> dict[str, NDArray[np.uint8]]:
    """Return the mean face of each class that has pictures: uint8 (48, 48)."""
    return {
        label: np.rint(dataset.faces[dataset.y == code].mean(axis=0)).astype(np.uint8)
        for code, label in enumerate(dataset.scheme.labels)
        if (dataset.y == code).any()
    }
