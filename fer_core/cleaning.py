"""Reviewed suggestions applied to the pictures that fit: some dropped, some given another label.

The table is what ``python -m benchmarks.explore`` writes and a person has gone through: a csv with
the columns ``name``, ``action`` (``drop`` or ``relabel``) and ``label``; further columns are not
read. Only fitting pictures change. Validation pictures stay as they are, and a table that names
test pictures is refused.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import LABELS, Scheme, canonical_label
from fer_core.lookup import did_you_mean
from fer_core.parts import LabelledPart
from fer_core.splits import Split

DROP, RELABEL, KEEP = "drop", "relabel", "keep"

#: Key of a fitting part's notes under which is written what was changed.
NOTE = "cleaning"


@dataclass(frozen=True)
class Cleaning:
    """What to change.

    Attributes
    ----------
    dropped : dict of str to str
        Names of pictures to leave out, each with the file that says so.
    relabelled : dict of str to (str, str)
        For each name the new label as written, and the file.
    """

    dropped: Mapping[str, str] = field(default_factory=dict)
    relabelled: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """Every picture that is named, with the file that names it."""
        return {**self.dropped, **{name: file for name, (_, file) in self.relabelled.items()}}

    def digest(self) -> str:
        """Return 16 hexadecimal digits that change with any change asked for."""
        asked = [f"{name}\0{DROP}" for name in self.dropped]
        asked += [f"{name}\0{RELABEL}\0{label}" for name, (label, _) in self.relabelled.items()]
        return hashlib.sha256("\n".join(sorted(asked)).encode()).hexdigest()[:16]


def add_cleaning_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name reviewed suggestions."""
    group = parser.add_argument_group("cleaning", "changes pictures to fit on, and no others")
    group.add_argument(
        "--drop", type=Path, metavar="CSV", help="leave out what a reviewed table says to drop"
    )
    group.add_argument(
        "--relabel", type=Path, metavar="CSV", help="relabel what a reviewed table says to"
    )


def read_cleaning(args: argparse.Namespace) -> Cleaning | None:
    """Return what the options of `add_cleaning_arguments` ask for, None where they ask nothing.

    One file may be given to both: ``--drop`` takes its rows that say drop, ``--relabel`` those
    that say relabel. A table without the column ``action`` is one of names for that option alone.

    Raises
    ------
    DataError
        If a table can't be read, lacks a column or a label, or asks for two things of one picture.
    """
    if args.drop is None and args.relabel is None:
        return None
    dropped = {} if args.drop is None else dict.fromkeys(_rows(args.drop, DROP), str(args.drop))
    relabelled = {}
    if args.relabel is not None:
        for name, label in _rows(args.relabel, RELABEL).items():
            relabelled[name] = (label, str(args.relabel))
    if both := [name for name in dropped if name in relabelled]:
        raise DataError(
            f"'{both[0]}' is to be dropped ({dropped[both[0]]}) and to be relabelled "
            f"({relabelled[both[0]][1]}); decide for one"
        )
    return Cleaning(dropped, relabelled)


def _rows(path: Path, action: str) -> dict[str, str]:
    """Return name to label of a table's rows for `action`."""
    found: dict[str, str] = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [column.strip().lower() for column in reader.fieldnames or ()]
            reader.fieldnames = columns
            needed = ("name",) if action == DROP else ("name", "label")
            if missing := [column for column in needed if column not in columns]:
                raise DataError(
                    f"{path}: --{action} needs a csv with the column '{missing[0]}'; it has "
                    f"{', '.join(columns) or 'none'}"
                )
            if "action" not in columns and (more := sorted({*columns} - {"name", "label"})):
                raise DataError(
                    f"{path}: without a column 'action' all rows would count as '{action}', and it "
                    f"has others ({', '.join(more)}); name the column that says so 'action', or "
                    "leave only names, and labels"
                )
            for row in reader:
                line = f"{path}: line {reader.line_num}"
                name, label = (str(row.get(key) or "").strip() for key in ("name", "label"))
                said = (
                    str(row.get("action") or "").strip().lower() if "action" in columns else action
                )
                if not name or said not in (DROP, RELABEL, KEEP):
                    raise DataError(
                        f"{line} needs a name, and an action that is drop, relabel or keep"
                    )
                if said != action:
                    continue
                if action == RELABEL and not label:
                    raise DataError(f"{line} says to relabel '{name}' and gives no label")
                if found.setdefault(name, label) != label:
                    raise DataError(f"{line} gives '{name}' a second label, '{label}'")
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such table; python -m benchmarks.explore makes one"
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: this is not a csv table") from None
    return found


def clean_split(split: Split, cleaning: Cleaning | None, dataset: Dataset) -> Split:
    """Return a split whose fitting part is changed as asked.

    Parameters
    ----------
    split : Split
        Of `dataset`.
    cleaning : Cleaning or None
        None changes nothing.
    dataset : Dataset
        All pictures, to know misspelt names from pictures that fit nothing anyway.

    Returns
    -------
    Split
        ``fitting.notes["cleaning"]`` says what was changed.

    Raises
    ------
    ProtocolError
        If the table names test pictures (in cross-validation, where every picture measures once,
        they stay as they are in their fold).
    DataError
        If it names pictures or labels that there aren't, or leaves a class without pictures.
    """
    if cleaning is None:
        return split
    named = cleaning.names
    known = set(dataset.names.tolist())
    if strange := [name for name in named if name not in known]:
        raise DataError(
            f"{named[strange[0]]}: '{dataset.name}' has no picture '{strange[0]}'"
            f"{f' (nor {len(strange) - 1} more)' if len(strange) > 1 else ''}; the table is of "
            f"another data set.{did_you_mean(strange[0], known)}"
        )
    measured = split.test.all_names()
    tested = [name for name in named if name in measured]
    if tested and not split.protocol.startswith("fold"):
        raise ProtocolError(
            f"{named[tested[0]]}: names {len(tested)} test pictures ('{tested[0]}', …); test "
            "pictures never change: take these rows out, or explore again with the same seed"
        )
    fitting, scheme = split.fitting, split.fitting.scheme
    new = {
        name: _code(label, scheme, f"{file}: '{name}'")
        for name, (label, file) in cleaning.relabelled.items()
    }
    names = fitting.names.tolist()
    kept = np.array([name not in cleaning.dropped for name in names])
    y = np.array(
        [new.get(name, code) for name, code in zip(names, fitting.y.tolist(), strict=True)]
    )
    # A label that the scheme leaves out takes the picture along.
    kept &= y >= 0
    before, after = fitting.y, y[kept].astype(np.int64)
    if len(empty := np.setdiff1d(scheme.classes, after)):
        raise DataError(
            f"{', '.join(sorted(set(named.values())))}: leaves no picture of class "
            f"'{scheme.labels[empty[0]]}' to fit on; keep some"
        )
    note = {
        "dropped": int((~kept).sum()),
        "relabelled": int((before[kept] != after).sum()),
        "fitted_on": len(after),
        "left_in_validation": sum(name in named for name in split.validation.names.tolist()),
        "files": sorted({Path(file).name for file in named.values()}),
        "digest": cleaning.digest(),
        "classes": _by_class(before, y, kept, scheme),
    }
    cleaned = fitting.subset(kept)
    assert isinstance(cleaned, LabelledPart)
    notes = {**fitting.notes, NOTE: note}
    cleaned = replace(cleaned, y=after, notes=notes, origin=fitting.divided())
    return replace(split, fitting=cleaned)


def describe_cleaning(note: Any) -> str:
    """Return in a sentence what `clean_split` has noted."""
    text = (
        f"{note['dropped']:,} fitting pictures dropped and {note['relabelled']:,} relabelled after "
        f"{', '.join(note['files']) or 'no row that asks for it'}; fitted on {note['fitted_on']:,}"
    )
    left = note["left_in_validation"]
    return text + (f"; {left:,} validation pictures that it names stay as they are" if left else "")


def _code(label: str, scheme: Scheme, where: str) -> int:
    """Return the code of a label as people write it, -1 if the scheme leaves that label out."""
    if label in scheme.labels:
        return scheme.labels.index(label)
    canonical = canonical_label(label)
    if canonical in scheme.labels:
        return scheme.labels.index(canonical)
    if canonical is not None and scheme.groups:
        return int(scheme.encode([LABELS.index(canonical)])[0])
    raise DataError(
        f"{where} is given the label '{label}'; the labels are {', '.join(scheme.labels)}."
        f"{did_you_mean(label, scheme.labels)}"
    )


def _by_class(
    before: NDArray[np.int64], after: NDArray[np.int64], kept: NDArray[np.bool_], scheme: Scheme
) -> dict[str, dict[str, int]]:
    moved = kept & (before != after)
    return {
        label: {
            "before": int((before == code).sum()),
            "dropped": int(((before == code) & ~kept).sum()),
            "to_others": int(((before == code) & moved).sum()),
            "from_others": int(((after == code) & moved).sum()),
            "after": int(((after == code) & kept).sum()),
        }
        for code, label in enumerate(scheme.labels)
    }
