"""Other people's class names as FER2013's labels."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError
from fer_core.labels import (
    LABELS,
    SCHEMES,
    Scheme,
    canonical_label,
    is_contempt,
    scheme_of_labels,
)
from fer_core.lookup import did_you_mean

#: What a class can be mapped to besides FER2013's labels: its pictures are left out and counted.
DROP = "drop"


def parse_mapping(texts: Sequence[str]) -> dict[str, str]:
    """Read ``name=label`` pairs, several of them in a text separated by commas.

    In a text of one pair a comma belongs to the name.

    Raises
    ------
    DataError
        If a pair has another form, a label is neither one of FER2013's nor ``drop``, or a name is
        mapped twice to different labels.
    """
    mapping: dict[str, str] = {}
    split = (text.split(",") if text.count("=") != 1 else [text.strip(" ,")] for text in texts)
    for pair in (p for pairs in split for p in pairs if p.strip()):
        name, equals, wanted = (piece.strip() for piece in pair.partition("="))
        label = DROP if wanted == DROP else canonical_label(wanted)
        if not equals or not name or label is None:
            hint = did_you_mean(wanted, [*LABELS, DROP]) if wanted else ""
            raise DataError(
                f"--map {pair.strip()}: expected NAME=LABEL, where LABEL is one of "
                f"{', '.join(LABELS)} or {DROP}.{hint}"
            )
        if mapping.setdefault(name, label) != label:
            raise DataError(f"--map: '{name}' is mapped to '{mapping[name]}' and to '{label}'")
    return mapping


def in_fer7(dataset: Dataset, mapping: Mapping[str, str] | None = None) -> Dataset:
    """Return the pictures with FER2013's seven labels.

    Parameters
    ----------
    dataset : Dataset
        With class names of any kind.
    mapping : dict of str to str or None
        What the dataset's own class names mean: one of FER2013's labels, or ``"drop"``. Names that
        are not in it are read as `fer_core.labels.canonical_label` does; contempt is dropped.

    Returns
    -------
    Dataset
        In scheme ``fer7``; ``notes["ignored"]`` counts the pictures of dropped classes.

    Raises
    ------
    DataError
        If a class spells no label and is not mapped, `mapping` names a class that there isn't, or
        no picture is left.
    """
    return in_classes_of(dataset, SCHEMES["fer7"], mapping)


def in_classes_of(
    dataset: Dataset, scheme: Scheme, mapping: Mapping[str, str] | None = None
) -> Dataset:
    """Return the pictures of the classes that a model answers in.

    Parameters
    ----------
    dataset : Dataset
        With class names of any kind.
    scheme : Scheme
        The model's: one of `fer_core.labels.SCHEMES`, or one of its own.
    mapping : dict of str to str or None
        See `in_fer7`. Names that are not in it are read as that does, or are a model's own.

    Returns
    -------
    Dataset
        In `scheme`; ``notes["ignored"]`` counts the pictures of other classes.

    Raises
    ------
    DataError
        See `in_fer7`; or if no picture is of one of the classes.
    """
    wanted = dict(mapping or {})
    _require_classes(dataset, wanted)
    if scheme in SCHEMES.values():
        codes = dict(zip(LABELS, scheme.encode(np.arange(len(LABELS))).tolist(), strict=True))
        meant: dict[str, str | None] = {**_in_labels(dataset, wanted)}
    else:
        codes = {label: code for code, label in enumerate(scheme.labels)}
        own = {label.casefold(): label for label in scheme.labels}
        meant = {
            name: wanted.get(name) or own.get(name.casefold()) or canonical_label(name)
            for name in dataset.scheme.labels
        }
    coded = [codes.get(label or "", -1) for label in meant.values()]
    y = np.array(coded, dtype=np.int64)[dataset.y]
    kept = dataset.subset(y >= 0)
    if len(kept) == 0:
        raise DataError(
            f"{dataset.name}: none of its classes ({', '.join(dataset.scheme.labels)}) is, or is "
            f"taken for, one of {', '.join(scheme.labels)}; rename its folders, or use --map"
        )
    counts = dataset.counts()
    left_out = [name for name, code in zip(meant, coded, strict=True) if code < 0]
    ignored = _ignored(dataset) | {name: counts[name] for name in left_out if counts[name]}
    notes = {**dataset.notes, **({"ignored": ignored} if ignored else {})}
    return replace(kept, y=y[y >= 0], scheme=scheme, notes=notes)


def _in_labels(dataset: Dataset, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return which of FER2013's labels each class means, or `DROP`."""
    labels = dataset.scheme.labels
    if taken := [name for name in _ignored(dataset) if wanted.get(name, DROP) != DROP]:
        raise DataError(
            f"--map {taken[0]}={wanted[taken[0]]}: contempt is left out when pictures are read; "
            "rename the folder to take it for another label"
        )
    meant = {name: wanted.get(name) or _meaning(name) for name in labels}
    if unknown := [name for name, label in meant.items() if label is None]:
        shown = ", ".join(f"'{name}'" for name in unknown)
        example = shlex.quote(",".join(f"{name}=LABEL" for name in unknown))
        raise DataError(
            f"{dataset.name}: the class{'es' if len(unknown) > 1 else ''} {shown} spell"
            f"{'' if len(unknown) > 1 else 's'} none of the labels {', '.join(LABELS)}; say what "
            f"{'they mean' if len(unknown) > 1 else 'it means'} with --map {example}, where LABEL "
            f"is one of them, or {DROP}"
        )
    return {name: str(label) for name, label in meant.items()}


def with_labels(dataset: Dataset, mapping: Mapping[str, str]) -> Dataset:
    """Return the pictures with those of FER2013's labels that their class names mean.

    Parameters
    ----------
    dataset : Dataset
    mapping : dict of str to str
        See `in_fer7`.

    Returns
    -------
    Dataset
        In scheme ``fer7`` where every label has pictures, else in a scheme of those that have.

    Raises
    ------
    DataError
        See `in_fer7`; or if all pictures are of one label.
    """
    renamed = in_fer7(dataset, mapping)
    present = [label for label, count in renamed.counts().items() if count]
    if len(present) < 2:
        raise DataError(f"{dataset.name}: all pictures are of one label ('{present[0]}')")
    return renamed.in_scheme(scheme_of_labels(present))


def _ignored(dataset: Dataset) -> dict[str, int]:
    """Return how many pictures each class had that was left out before."""
    return dict(dataset.notes.get("ignored", {}))  # type: ignore[call-overload]


def _require_classes(dataset: Dataset, wanted: Mapping[str, str]) -> None:
    """Refuse a mapping of a class that there isn't."""
    labels, ignored = dataset.scheme.labels, _ignored(dataset)
    if strange := [name for name in wanted if name not in labels and name not in ignored]:
        raise DataError(
            f"--map {strange[0]}={wanted[strange[0]]}: '{dataset.name}' has no class "
            f"'{strange[0]}'; it has {', '.join(labels)}.{did_you_mean(strange[0], labels)}"
        )


def _meaning(name: str) -> str | None:
    return DROP if is_contempt(name) else canonical_label(name)
