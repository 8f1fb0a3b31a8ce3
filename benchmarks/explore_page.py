"""The page of ``python -m benchmarks.explore``: one file, no network, the pictures inside."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.exploring import CopyGroups, Explored, Faceless, mean_faces
from benchmarks.gallery import STYLE, captioned, figure_html, landmark_figure, sheet
from benchmarks.page import page
from benchmarks.suspects import Suggestion
from benchmarks.tables import Cell, Table
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.ferplus import majority
from fer_core.files import write_atomically
from fer_core.landmarks import LandmarkPredictor
from fer_core.splits import Split

#: How many pictures each part of the page shows.
_SAMPLES, _SHOWN, _SETS = 40, 48, 24
#: Faces a class whose landmarks are drawn.
_CLOUD = 150


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found; see `benchmarks.explore.look`."""

    dataset: Dataset
    split: Split
    explored: Explored
    counts: Mapping[str, Mapping[str, int]]
    copies: CopyGroups
    faceless: Faceless
    pipelines: tuple[str, ...]
    proba: NDArray[np.float32] | None
    wrong_labels: Sequence[Suggestion]
    hard: NDArray[np.int64]
    hard_for_run: tuple[list[str], int] | None
    suggestions: Sequence[Suggestion]


def write_page(path: Path, findings: Findings) -> Path:
    """Write the page; return its path."""
    title = f"{findings.dataset.name}: a look at the pictures"
    parts = [
        STYLE,
        f"<h1>{html.escape(title)}</h1>",
        '<p class="note">This page shows pictures of the data set. Don\'t publish it where the '
        "data's terms forbid that.</p>",
        *_opening(findings),
        *_samples(findings),
        *_mean_faces(findings),
        *_landmarks(findings),
        *_copies(findings),
        *_faceless(findings),
        *_wrong_labels(findings),
        *_hard(findings),
    ]
    with write_atomically(path) as temporary:
        temporary.write_text(page(title, "\n".join(parts)), encoding="utf-8")
    return path


def _heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _opening(f: Findings) -> list[str]:
    labels = f.dataset.scheme.labels
    columns = [("class", "Label"), *((part, f"Pictures: {part}") for part in f.counts)]
    columns += [("all", "Pictures"), ("share", "Of all pictures")]
    totals = [sum(part[label] for part in f.counts.values()) for label in labels]
    rows = []
    for label, total in zip(labels, totals, strict=True):
        counts = [part[label] for part in f.counts.values()]
        share = total / max(sum(totals), 1)
        rows.append(
            [
                Cell(label),
                *(Cell(f"{c:,}", c) for c in counts),
                Cell(f"{total:,}", total),
                Cell(f"{share:.1%}", share),
            ]
        )
    kinds = Counter(s.action for s in f.suggestions)
    imbalance = max(totals) / max(min(totals), 1)
    balance = (
        f"The commonest class has {imbalance:.1f} times the pictures of the rarest."
        if imbalance > 1.05
        else "All classes have about the same number."
    )
    return [
        _paragraph(
            f"{len(f.dataset):,} pictures. Protocol: {f.split.protocol} ({f.split.description}). "
            f"{balance}"
        ),
        _paragraph(
            f"{len(f.suggestions):,} suggestions about pictures to learn from ({kinds['drop']:,} "
            f"to drop, {kinds['relabel']:,} to relabel) are in suggestions.csv beside this page. "
            "Go through them, delete the rows that you don't agree with, and give the file to "
            "--drop and --relabel of a training or of the benchmark. Nothing is suggested about "
            "test pictures, and they never change."
        ),
        _heading("Pictures of each class"),
        Table(columns, rows).html(),
    ]


def _samples(f: Findings) -> list[str]:
    learning, rng = f.explored.learning, np.random.default_rng(0)
    parts = [_heading("Samples"), _paragraph("Pictures to learn from, drawn at random.")]
    for code, label in enumerate(learning.scheme.labels):
        members = np.flatnonzero(learning.y == code)
        if len(members):
            chosen = rng.permutation(members)[:_SAMPLES]
            parts.append(sheet(learning.faces[chosen], label, 20))
    return parts


def _mean_faces(f: Findings) -> list[str]:
    faces = ((face, label, "") for label, face in mean_faces(f.explored.learning).items())
    return [
        _heading("Mean faces"),
        _paragraph("What the pictures of a class have in common; the rest blurs away."),
        captioned(faces),
    ]


def _landmarks(f: Findings) -> list[str]:
    learning, rng = f.explored.learning, np.random.default_rng(0)
    chosen = np.concatenate(
        [rng.permutation(np.flatnonzero(learning.y == c))[:_CLOUD] for c in np.unique(learning.y)]
    )
    landmarks = LandmarkPredictor().predict_crops(learning.faces[chosen])
    figure = landmark_figure(landmarks, learning.y[chosen], learning.scheme.labels)
    return [
        _heading("Landmarks"),
        _paragraph(
            f"Gray: the landmarks of up to {_CLOUD} faces a class. Black: their mean. Lines lead "
            "from the mean over all classes (open circles) to it: what a class does to a face."
        ),
        figure_html(figure, "Landmark cloud of each class"),
    ]


def _copies(f: Findings) -> list[str]:
    copies, learning = f.copies, f.explored.learning
    where = _positions(learning)
    parts = [
        _heading("Copies"),
        _paragraph(
            f"{copies.n_alike:,} groups of pictures to learn from are copies of each other under "
            f"one label, which does little harm. {len(copies.contradicting):,} groups carry "
            f"different labels. {len(copies.leaking):,} pictures to learn from are copies of test "
            "pictures: figures without copies leave those out."
        ),
    ]
    if copies.contradicting:
        parts.append(
            _paragraph(_first("Copies under different labels", copies.contradicting, _SETS))
        )
        sets = (
            '<div class="set">'
            + captioned(
                (learning.faces[where[n]], _label(learning, where[n]), n) for n in names[:4]
            )
            + "</div>"
            for names in copies.contradicting[:_SETS]
        )
        parts.append(f'<div class="faces">{"".join(sets)}</div>')
    return parts


def _faceless(f: Findings) -> list[str]:
    found, learning = f.faceless, f.explored.learning
    parts = [
        _heading("Pictures without a face"),
        _paragraph(
            f"Blank: {len(found.blank):,}. Called no face by most FER+ annotators: "
            f"{len(found.voted):,}"
            f"{'' if f.dataset.votes is not None else ' (give --votes to know)'}. In "
            f"{len(found.unfound):,} more, neither OpenCV's nor dlib's detector finds a face in "
            "the crop; most of these are turned or covered faces, so nothing is suggested."
        ),
    ]
    if (missed := f.dataset.notes.get("no_face")) and isinstance(missed, (list, tuple)):
        parts.append(
            _paragraph(
                f"In {len(missed):,} of the pictures no face was found to crop. Nothing is fitted "
                f"on them: {', '.join(str(n) for n in missed[:10])}"
                f"{', …' if len(missed) > 10 else ''}."
            )
        )
    for title, names in (
        ("Blank", found.blank),
        ("No face, say annotators", found.voted),
        ("No face found by either detector", found.unfound),
    ):
        if names:
            # Names are sorted by class: those shown are spread over all.
            places = np.linspace(0, len(names) - 1, min(len(names), _SHOWN)).astype(int)
            spread = [names[i] for i in places]
            more = f" ({_SHOWN} of {len(names):,})" if len(names) > _SHOWN else ""
            parts += [_paragraph(f"{title}{more}:"), _named(learning, spread)]
    return parts


def _votes_agree(f: Findings) -> list[str]:
    """Say what FER+ annotators think of the labels that are likely wrong."""
    learning = f.explored.learning
    if learning.votes is None or learning.scheme.name != "fer7":
        return []
    most = majority(learning.votes)
    clear, disputed = most >= 0, most != learning.y
    where = _positions(learning)
    index = np.array([where[s.name] for s in f.wrong_labels], dtype=np.int64)
    suspected = index[clear[index]]
    if len(suspected) == 0:
        return []
    first = suspected[: max(1, len(suspected) // 10)]
    return [
        _paragraph(
            "Where most of FER+'s annotators agree on a label, it is another one than given for "
            f"{disputed[clear].mean():.0%} of all pictures to learn from, for "
            f"{disputed[suspected].mean():.0%} of those likely labelled wrong, and for "
            f"{disputed[first].mean():.0%} of the first tenth of these."
        )
    ]


def _wrong_labels(f: Findings) -> list[str]:
    if not f.pipelines or f.proba is None:
        return []
    learning = f.explored.learning
    labels = learning.scheme.labels
    where = _positions(learning)
    right = (f.proba.argmax(axis=1) == learning.y).mean()
    share = len(f.wrong_labels) / max(len(learning), 1)
    table = np.zeros((len(labels), len(labels)), dtype=int)
    for s in f.wrong_labels:
        i = where[s.name]
        table[learning.y[i], f.proba[i].argmax()] += 1
    columns = [("label", "Label as given")]
    columns += [(label, f"Looks like {label}") for label in labels]
    columns += [("all", "Likely wrong"), ("share", "Of the pictures with that label")]
    counts = np.bincount(learning.y, minlength=len(labels))
    rows = [
        [
            Cell(label),
            *(Cell(f"{n:,}" if n else "", int(n)) for n in row),
            Cell(f"{row.sum():,}", int(row.sum())),
            Cell(f"{row.sum() / max(n, 1):.1%}", float(row.sum() / max(n, 1))),
        ]
        for label, row, n in zip(labels, table, counts, strict=True)
    ]
    return [
        _heading("Likely wrong labels"),
        _paragraph(
            f"{f.pipelines[0]}, fitted on the other folds, labels {right:.1%} of the pictures to "
            "learn from as they are labelled. By confident learning, where no pipeline expects the "
            f"given label, {len(f.wrong_labels):,} ({share:.1%}) are likely labelled wrong. Models "
            "that are often wrong themselves can't tell a wrong label from a hard picture: review "
            "them."
        ),
        *_votes_agree(f),
        Table(columns, rows).html(),
        _paragraph(_first("Most likely wrong", f.wrong_labels, _SHOWN)),
        captioned(_with_guess(learning, f.proba, [where[s.name] for s in f.wrong_labels[:_SHOWN]])),
    ]


def _hard(f: Findings) -> list[str]:
    learning, parts = f.explored.learning, []
    if f.pipelines and f.proba is not None:
        models = " and ".join(f.pipelines)
        parts += [
            _heading("Hard for all"),
            _paragraph(
                f"{len(f.hard):,} pictures to learn from ({len(f.hard) / len(learning):.1%}) are "
                f"labelled otherwise by {models} when fitted on the other folds."
            ),
            _paragraph(_first("Least expected", f.hard, _SHOWN)),
            captioned(_with_guess(learning, f.proba, f.hard[:_SHOWN].tolist())),
        ]
    if f.hard_for_run is not None:
        names, n_models = f.hard_for_run
        parts += [
            _heading("Hard for all models of the run"),
            _paragraph(
                f"{len(names):,} validation and test pictures are labelled wrong by all "
                f"{n_models} models."
            ),
            _paragraph(_first("Least expected", names, _SHOWN)),
            _named(f.dataset, names),
        ]
    return parts


def _positions(dataset: Dataset) -> dict[str, int]:
    return {name: i for i, name in enumerate(dataset.names.tolist())}


def _label(dataset: Dataset, i: int) -> str:
    return dataset.scheme.labels[dataset.y[i]]


def _named(dataset: Dataset, names: Sequence[str]) -> str:
    where = _positions(dataset)
    chosen = [where[name] for name in names[:_SHOWN]]
    return captioned((dataset.faces[i], _label(dataset, i), str(dataset.names[i])) for i in chosen)


def _with_guess(
    dataset: Dataset, proba: NDArray[np.float32], index: Iterable[int]
) -> Iterable[tuple[NDArray[np.uint8], str, str]]:
    for i in index:
        best = int(proba[i].argmax())
        words = f"{_label(dataset, i)} → {dataset.scheme.labels[best]} {proba[i, best]:.0%}"
        yield dataset.faces[i], words, str(dataset.names[i])


def _first(title: str, things: Any, shown: int) -> str:
    more = f" (the first {shown} of {len(things):,})" if len(things) > shown else ""
    return f"{title}{more}:"
