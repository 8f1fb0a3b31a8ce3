"""Measure trained models on other data: ``python -m benchmarks.run --test-on PATH``.

Nothing is fitted on the pictures of PATH; their class names are read by a table of usual spellings
and by ``--map``. Where PATH gives a test part, that is measured, else all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.documents import Document, write_document
from benchmarks.metrics import measure
from benchmarks.other_pictures import WHOLE, OtherPictures
from benchmarks.progress import say
from benchmarks.stored import StoredModels
from benchmarks.tables import (
    BY_BOOTSTRAP,
    NONE,
    WITHOUT_COPIES,
    Cell,
    Table,
    number_cell,
    range_cell,
)
from benchmarks.worker import Notify
from fer_core.copies import copy_groups, has_copy_in, joint_groups
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError
from fer_core.files import write_atomically
from fer_core.labels import SCHEMES, Scheme
from fer_core.model_entry import ModelEntry


def measure_other(
    models: StoredModels,
    pictures: OtherPictures,
    notify: Notify,
    fitted: NDArray[np.uint8] | None = None,
) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """Measure models on pictures that none of them was fitted on.

    Parameters
    ----------
    models : StoredModels
    pictures : OtherPictures
    notify : callable
        Told what is done now.
    fitted : uint8 (m, 48, 48) or None
        Faces that fitted or chose, where they are known: pictures without a copy among them are
        measured once more.

    Returns
    -------
    dict
        What is written as JSON.
    dict of str to float32 (n, k)
        Each model's probabilities.

    Raises
    ------
    DataError
        If a model has other classes, or was fitted on these pictures of FER2013.
    """
    dataset = pictures.dataset
    models.require_scheme(dataset.scheme)
    for entry in models.entries.values():
        _refuse_fitted(entry, pictures)
    copied = np.zeros(len(dataset), dtype=bool)
    if fitted is not None:
        groups = copy_groups(np.concatenate([dataset.faces, fitted]))
        copied = has_copy_in(groups[: len(dataset)], groups[len(dataset) :])
    persons = joint_groups(dataset.faces, dataset.groups)
    probas = dict(models.predict(dataset.faces, notify))
    measured = {}
    for name, proba in probas.items():
        entry = models.entries[name]
        source = f"model '{name}'"
        full = _figures(dataset.scheme, dataset.y, proba, persons, source)
        right = full[dataset.scheme.name]["accuracy"] * len(dataset)
        measured[name] = {
            "family": entry.family,
            "trained_on": dict(entry.trained_on),
            "all": full,
            "accuracy_with_missed": round(right / (len(dataset) + pictures.n_missed), 6),
            "without_copies": _figures(
                dataset.scheme, dataset.y[~copied], proba[~copied], persons[~copied], source
            )
            if fitted is not None and not copied.all()
            else None,
        }
    content = {
        "schema_version": 1,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint(),
        "part": pictures.part,
        "scheme": dataset.scheme.name,
        "n": len(dataset),
        "n_missed": pictures.n_missed,
        "persons": dataset.notes.get("persons"),
        "n_copied": int(copied.sum()) if fitted is not None else None,
        "counts": dataset.counts(),
        "ignored": dataset.notes.get("ignored", {}),
        "skipped": dataset.notes.get("skipped", []),
        "folder_of": [
            name
            for name, entry in models.entries.items()
            if entry.trained_on.get("dataset") == dataset.name and pictures.part == WHOLE
        ],
        "models": dict(
            sorted(measured.items(), key=lambda m: -_main(m[1], dataset.scheme.name)["accuracy"])
        ),
    }
    return content, probas


def _refuse_fitted(entry: ModelEntry, pictures: OtherPictures) -> None:
    """Refuse pictures of a part of FER2013 that a model was fitted or chosen on."""
    if entry.trained_on.get("dataset") != "fer2013":
        return
    dataset = pictures.dataset
    read = {"Training": "training"}
    if str(entry.trained_on.get("protocol")).startswith("official"):
        read["PublicTest"] = "public_test"
    for called, part in read.items():
        named = [name.rpartition("/")[2].startswith(f"{called}_") for name in dataset.names]
        said = (dataset.parts == part) & (dataset.name == "fer2013")
        known = int((named | said).sum())
        if known:
            raise DataError(
                f"{known:,} of these pictures are called like, or said to be, those of FER2013's "
                f"{called} part, on which '{entry.name}' was fitted or chosen, and would look too "
                "easy; take others"
            )


def _main(measured: Mapping[str, Any], scheme: str) -> Mapping[str, Any]:
    """Return a model's figures on all pictures in its own scheme."""
    figures: Mapping[str, Any] = measured["all"][scheme]
    return figures


def _figures(
    own: Scheme,
    y: NDArray[np.int64],
    proba: NDArray[np.float32],
    groups: NDArray[np.int64],
    source: str,
) -> dict[str, Any]:
    """Measure in the models' own scheme, and if it has all labels in every one that joins them."""
    if own != SCHEMES["fer7"]:
        return {own.name: measure(y, proba, own.labels, source, groups)}
    figures = {}
    for scheme in SCHEMES.values():
        codes = scheme.encode(y)
        kept = codes >= 0
        if kept.any():
            joined = scheme.project(proba[kept])
            figures[scheme.name] = measure(codes[kept], joined, scheme.labels, source, groups[kept])
    return figures


def models_table(content: Mapping[str, Any]) -> Table:
    """Return one row a model with its main figures on the other data."""
    own = content["scheme"]
    joined = [name for name in SCHEMES if name != own] if own == "fer7" else []
    columns = [
        ("model", "Name"),
        ("fitted on", "The data that it was trained with"),
        ("accuracy", "Share of the pictures labelled right"),
        ("95 % interval", f"Of the accuracy, {BY_BOOTSTRAP}"),
        ("with missed", "Accuracy if pictures without a found face are errors"),
        ("without copies", f"Accuracy on pictures {WITHOUT_COPIES}"),
        ("macro F1", "Mean over the classes that there are"),
        ("log loss", "Mean negative log probability of the true label; less is better"),
        ("ECE", "Expected calibration error; less is better"),
        *((name, f"Accuracy in scheme {name}") for name in joined),
    ]
    rows = []
    for name, m in content["models"].items():
        main = _main(m, own)
        without = m["without_copies"]
        rows.append(
            [
                Cell(name),
                Cell(str(m["trained_on"].get("dataset", NONE))),
                number_cell(main["accuracy"]),
                range_cell(main["intervals"]["accuracy"]),
                number_cell(m["accuracy_with_missed"]),
                number_cell(without and without[own]["accuracy"]),
                *(number_cell(main[key]) for key in ("macro_f1", "log_loss", "ece")),
                *(number_cell(m["all"].get(s, {}).get("accuracy")) for s in joined),
            ]
        )
    return Table(columns, rows)


def classes_table(content: Mapping[str, Any]) -> Table:
    """Return one row a class: its pictures and each model's recall."""
    models = content["models"]
    columns = [("recall", "Share of a class's pictures that are given its label")]
    columns += [("pictures", "How many there are")]
    columns += [(name, "Recall") for name in models]
    rows = [
        [
            Cell(label),
            Cell(f"{n:,}", n),
            *(
                number_cell(_main(m, content["scheme"])["per_class"][label]["recall"])
                for m in models.values()
            ),
        ]
        for label, n in content["counts"].items()
        if n
    ]
    return Table(columns, rows)


def sentences(content: Mapping[str, Any]) -> list[str]:
    """Say what was measured, what was left out, and what is not known."""
    n, missed = content["n"], content["n_missed"]
    texts = [f"{n:,} pictures ({content['part']} of {content['dataset']})."]
    if missed:
        texts.append(
            f"In {missed:,} more no face was found; 'with missed' counts them as errors over all "
            f"{n + missed:,}."
        )
    if content["ignored"]:
        left = ", ".join(f"{name} ({count:,})" for name, count in content["ignored"].items())
        texts.append(f"Classes left out: {left}.")
    if not content["persons"]:
        texts.append(
            "Each picture counts as one of another person in the intervals; --groups says who is "
            "on pictures that share one."
        )
    if content["skipped"]:
        texts.append(f"{len(content['skipped']):,} pictures could not be read and are left out.")
    if empty := [label for label, count in content["counts"].items() if count == 0]:
        texts.append(
            f"No picture is {' or '.join(empty)}: averages over classes leave that out, and a "
            "model that answers so is wrong."
        )
    if content["folder_of"]:
        texts.append(
            f"{', '.join(content['folder_of'])}: fitted on pictures of a folder called "
            f"'{content['dataset']}', as this one is. If they are the same, these figures are far "
            "too good: measure the part that was held out, with --stored, --store, --dataset and "
            "--data."
        )
    if content["n_copied"] is None:
        texts.append(
            "Whether copies of these pictures are among those that the models were fitted on is "
            "not known here; name them by --stored, and their pictures by --dataset and --data, to "
            "have copies found."
        )
    else:
        texts.append(f"{content['n_copied']:,} have a near copy among those fitted or chosen on.")
    return texts


def write_other(
    folder: Path,
    content: Mapping[str, Any],
    probas: Mapping[str, NDArray[np.float32]],
    dataset: Dataset,
) -> Path:
    """Write probabilities, JSON, Markdown and HTML; return the last."""
    arrays = {f"proba_{name}": p for name, p in probas.items()}
    with write_atomically(folder / "probabilities.npz") as temporary:
        np.savez_compressed(
            temporary, allow_pickle=False, names=dataset.names, y=dataset.y, **arrays
        )
    document = Document(f"{content['dataset']}: models that were trained on other pictures")
    document.add(*sentences(content), models_table(content), classes_table(content))
    return write_document(folder, "report", document, content)[-1]


def measure_all(
    models: StoredModels,
    others: Sequence[OtherPictures],
    out: Path,
    console: Console,
    fitted: NDArray[np.uint8] | None = None,
) -> None:
    """Measure models on all that ``--test-on`` names, and say how they did.

    Parameters
    ----------
    models : StoredModels
    others : sequence of OtherPictures
    out : Path
        Takes a folder for each of `others`.
    console : Console
    fitted : uint8 (m, 48, 48) or None
        See `measure_other`.
    """
    taken: set[str] = set()
    for pictures in others:
        with console.status("measuring") as status:
            content, probas = measure_other(models, pictures, status.update, fitted)
        name, n = pictures.dataset.name, 1
        while name in taken:  # a/test and b/test are both called test
            n += 1
            name = f"{pictures.dataset.name}-{n}"
        taken.add(name)
        report = write_other(out / name, content, probas, pictures.dataset)
        for text in sentences(content):
            say(console, text)
        table = models_table(content)
        short = Table(table.columns[:6], [row[:6] for row in table.rows])
        say(console, short.markdown())
        say(console, f"Report: {report}")
