"""Models fitted on cleaned pictures, beside those fitted on all: what cleaning changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.candidates import Candidate, Stored
from benchmarks.pairs import compare
from benchmarks.predictions import load_predictions
from benchmarks.results import Result, RunFolder, load_result, main_figures
from benchmarks.tables import Cell, Table, interval_cell, number_cell, p_cell, points_cell
from fer_core.cleaning import NOTE, describe_cleaning
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError

#: What a model's name ends with if it was fitted on cleaned pictures: in one folder it stands
#: beside the model of the same name that was fitted on all.
CLEANED = "-cleaned"


def cleaned_candidates(
    candidates: Sequence[Candidate], fitting: Dataset, folder: RunFolder
) -> list[Candidate]:
    """Return candidates under the names that they have when fitted on cleaned pictures.

    Parameters
    ----------
    candidates : sequence of Candidate
    fitting : Dataset
        The fitting part as `fer_core.cleaning.clean_split` left it; where nothing was asked for,
        names stay.
    folder : RunFolder

    Raises
    ------
    DataError
        If the folder holds such a model, cleaned in another way.
    """
    note: Any = fitting.notes.get(NOTE)
    if note is None:
        return list(candidates)
    if stored := [c.name for c in candidates if isinstance(c, Stored)]:
        raise DataError(
            f"{', '.join(stored)}: fitted already, so --drop and --relabel can't change what on; "
            "leave --stored out"
        )
    renamed: list[Candidate] = [
        replace(candidate, name=f"{candidate.name}{CLEANED}")  # type: ignore[type-var]
        for candidate in candidates
    ]
    for result in map(load_result, map(folder.result, folder.names())):
        if result.model.get(NOTE, note)["digest"] != note["digest"]:
            raise DataError(
                f"{folder.root}: '{result.name}' was fitted on pictures that were cleaned in "
                "another way; name another folder with --out, so that each table is of one "
                "cleaning"
            )
    return renamed


def cleaning_note(fitting: Dataset) -> dict[str, Any]:
    """Return what a result's ``model`` says of cleaning: nothing where there was none."""
    return {NOTE: fitting.notes[NOTE]} if NOTE in fitting.notes else {}


def cleaning_report(
    folder: RunFolder, results: Sequence[Result]
) -> tuple[list[str], list[Table]] | None:
    """Return sentences and tables on what cleaning changed, None where nothing was cleaned."""
    cleaned = [result for result in results if NOTE in result.model]
    if not cleaned:
        return None
    note = cleaned[0].model[NOTE]
    said = describe_cleaning(note)
    said = f"In the first fold: {said}" if cleaned[0].folds else said[0].upper() + said[1:]
    texts = [f"{said}. Test pictures are the same for all models."]
    tables = [_classes_table(note)]
    by_name = {result.name: result for result in results}
    pairs = [
        (by_name[base], result)
        for result in cleaned
        if (base := result.name.replace(CLEANED, "", 1)) in by_name
    ]
    if pairs:
        tables.insert(0, _pairs_table(folder, pairs))
    else:
        texts.append(
            "To see what that changed, fit the same models in this folder without --drop and "
            "--relabel as well."
        )
    return texts, tables


def _pairs_table(folder: RunFolder, pairs: Sequence[tuple[Result, Result]]) -> Table:
    columns = [
        ("fitted on cleaned pictures", "Model"),
        ("accuracy before", "On test pictures, fitted on all"),
        ("after", "On the same test pictures, fitted on what cleaning left"),
        ("change in points", "After less before"),
        ("95 % interval", "Of the change, by paired bootstrap"),
        ("p", "McNemar's test, mid-p: how likely a change as large is by chance"),
        ("macro F1 before", "Mean over classes"),
        ("macro F1 after", "Mean over classes"),
    ]
    rows = []
    for before, after in pairs:
        first, second = (load_predictions(folder.probabilities(r.name))[1] for r in (after, before))
        found: Any = compare(first.correct, second.correct, first.groups)
        old, new = main_figures(before), main_figures(after)
        rows.append(
            [
                Cell(before.name),
                number_cell(old["accuracy"]),
                number_cell(new["accuracy"]),
                points_cell(found["difference"]),
                interval_cell(found["interval"]),
                p_cell(found["p"]),
                number_cell(old["macro_f1"]),
                number_cell(new["macro_f1"]),
            ]
        )
    return Table(columns, rows)


def _classes_table(note: dict[str, Any]) -> Table:
    columns = [
        ("fitting pictures", "Class"),
        ("before", "Pictures before cleaning"),
        ("dropped", "Left out"),
        ("to others", "Given another label"),
        ("from others", "Given this label"),
        ("after", "Pictures after cleaning"),
    ]
    keys = ("before", "dropped", "to_others", "from_others", "after")
    rows = [
        [Cell(label), *(Cell(f"{counts[key]:,}", counts[key]) for key in keys)]
        for label, counts in note["classes"].items()
    ]
    return Table(columns, rows)
