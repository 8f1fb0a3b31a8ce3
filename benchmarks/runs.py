"""What all models of one run share: pictures, protocol, label schemes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fer_core.certainty import STATED_ACCURACY
from fer_core.copies import copy_pairs
from fer_core.datasets.dataset import Dataset
from fer_core.labels import SCHEMES, Scheme, scheme_called
from fer_core.splits import Split


@dataclass(frozen=True)
class Run:
    """What all models of one run share.

    Attributes
    ----------
    dataset, fingerprint : str
        Name of the dataset, and digits that change with any face, label or part.
    protocol, description : str
        How it was divided, as a name and in words.
    seed : int
    quick : bool
        Whether only a part of the pictures was used.
    scheme : str
    classes : tuple of str
    n : dict of str to int
        Pictures to fit, to choose and to measure on, the last without copies, and under
        ``missed`` how many more test pictures there are in which no face was found (absent in
        older results, which have none), and the pairs that `count_copies` counts (absent, too).
    notes : dict
        What the dataset's loader had to say.
    schemes : tuple of str
        Label schemes to measure in; empty in older results, which name them in their metrics.
    sure_accuracy : float
        What sure answers shall have; the threshold for "unsure" is chosen for it.
    division : str
        Digits that change with the pictures that choose or measure; empty in older results.
    """

    dataset: str
    fingerprint: str
    protocol: str
    description: str
    seed: int
    quick: bool
    scheme: str
    classes: tuple[str, ...]
    n: Mapping[str, int]
    notes: Mapping[str, Any] = field(default_factory=dict)
    schemes: tuple[str, ...] = ()
    sure_accuracy: float = STATED_ACCURACY
    division: str = ""

    @property
    def own_scheme(self) -> Scheme:
        """The scheme of the dataset."""
        return scheme_called(self.scheme, self.classes)

    @property
    def wanted_schemes(self) -> list[Scheme]:
        """The schemes to measure in, that of the dataset first."""
        own = self.own_scheme
        names = self.schemes or (tuple(SCHEMES) if own == SCHEMES["fer7"] else ())
        return [own, *(SCHEMES[name] for name in names if name != own.name)]


def count_parts(split: Split) -> dict[str, int]:
    """Return how many pictures each part of a split has."""
    return {
        "fitting": len(split.fitting),
        "validation": len(split.validation),
        "test": len(split.test),
        "test_without_copies": int((~split.test.copied).sum()),
        "missed": split.test.n_missed,
    }


def describe_run(
    dataset: Dataset,
    split: Split,
    *,
    seed: int,
    quick: bool,
    schemes: Sequence[Scheme] = (),
    sure_accuracy: float = STATED_ACCURACY,
) -> Run:
    """Collect what all models of one run share."""
    return Run(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint(),
        protocol=split.protocol,
        description=split.description,
        seed=seed,
        quick=quick,
        scheme=dataset.scheme.name,
        classes=dataset.scheme.labels,
        n={**count_parts(split), **count_copies(dataset, split)},
        notes=dict(dataset.notes),
        schemes=tuple(scheme.name for scheme in schemes),
        sure_accuracy=sure_accuracy,
        division=_division(split),
    )


def _division(split: Split) -> str:
    """Return 16 hexadecimal digits of which pictures choose and measure, whatever their order."""
    digest = hashlib.sha256()
    for names in (set(split.validation.names.tolist()), split.test.all_names()):
        digest.update("\n".join(sorted(names)).encode() + b"\0")
    return digest.hexdigest()[:16]


def count_copies(dataset: Dataset, split: Split) -> dict[str, int]:
    """Count the pairs of pictures of a split that are copies of each other.

    Returns
    -------
    dict of str to int
        ``exact_copies_…`` (the same pixels) and ``near_copies_…`` (others), each
        ``…within_fitting`` (pictures to fit and choose on), ``…within_test`` and ``…across``.
    """
    i, j = copy_pairs(dataset.faces).T
    tested = np.isin(dataset.names, split.test.names)
    fitted = np.isin(dataset.names, [*split.fitting.names, *split.validation.names])
    exact = (dataset.faces[i] == dataset.faces[j]).all(axis=(1, 2))
    places = {
        "within_fitting": fitted[i] & fitted[j],
        "within_test": tested[i] & tested[j],
        "across": (fitted[i] & tested[j]) | (tested[i] & fitted[j]),
    }
    return {
        f"{kind}_copies_{place}": int((where & alike).sum())
        for kind, alike in (("exact", exact), ("near", ~exact))
        for place, where in places.items()
    }


def read_run(content: Mapping[str, Any]) -> Run:
    """Make a run of what its JSON holds; older layouts lack some of it."""
    known = {name: content[name] for name in Run.__dataclass_fields__ if name in content}
    for name in ("classes", "schemes"):
        known[name] = tuple(known.get(name, ()))
    return Run(**known)
