"""Write a run's report from its result files: ``python -m benchmarks.report DIR``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import figures
from benchmarks.budget import Budget, cost_of
from benchmarks.chosen import best_of_all, best_of_families, validation_of
from benchmarks.cleaned import cleaning_report
from benchmarks.documents import Document
from benchmarks.evaluation import evaluate_again
from benchmarks.native import write_native_study
from benchmarks.predictions import load_predictions
from benchmarks.results import Result, RunFolder, accuracy_with_missed, main_figures
from benchmarks.runs import Run
from benchmarks.sections import DISAGREEMENTS, Section, calibration_text, comparison_sections
from benchmarks.studies import write_studies
from benchmarks.tables import (
    classes_table,
    details_table,
    members_table,
    models_table,
    schemes_table,
    votes_table,
)
from fer_core.cli import run_command
from fer_core.errors import DataError

#: Figures in a run's ``figures/``.
ACCURACY, CLASSES, RELIABILITY, MISTAKES = (
    "accuracy.png",
    "classes.png",
    "reliability.png",
    "mistakes.png",
)

#: They show pictures of the dataset: never publish them.
SHOW_PICTURES = (MISTAKES, DISAGREEMENTS)

#: Fewer test pictures leave an accuracy of 0.7 an interval of 18 points.
_FEW_TEST_PICTURES = 100

_QUICK_NOTE = (
    "This was a quick run on a part of the pictures, with the small network: its figures are rough."
)


def write_report(folder: RunFolder) -> Path:
    """Write ``report.html``, ``report.md`` and the figures of a run.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    DataError
        If the folder holds no results.
    """
    results = folder.results()
    if not results:
        raise DataError(
            f"{folder.root}: there are no results here; make some with python -m benchmarks.run "
            f"--out {folder.root}"
        )
    validation = validation_of(folder, results)
    best, shown = best_of_all(validation, results), best_of_families(validation, results)
    _draw(folder, results, shown)
    title = f"{results[0].run.dataset}: which model reads expressions best"
    document = Document(title)
    for section in _sections(folder, results, best, shown):
        document.add(*section.blocks(folder.root))
    _, written = document.write(folder.root, "report")
    return written


def confusion_name(model: str) -> str:
    """Return the file name of a model's confusion matrix."""
    return f"confusion-{model}.png"


def _draw(folder: RunFolder, results: Sequence[Result], shown: Sequence[Result]) -> None:
    predictions = [load_predictions(folder.probabilities(r.name))[1] for r in shown]
    drawn = {
        ACCURACY: figures.accuracy_figure(results),
        CLASSES: figures.classes_figure(shown),
        RELIABILITY: figures.reliability_figure(shown, predictions),
        **{confusion_name(r.name): figures.confusion_figure(r) for r in results},
    }
    for name, figure in drawn.items():
        figures.save_figure(figure, folder.figures / name)
    for older in folder.figures.glob(confusion_name("*")):
        if older.name not in drawn:  # of a model that is no longer among the results
            older.unlink()


def _sections(
    folder: RunFolder, results: list[Result], best: Result, shown: Sequence[Result]
) -> list[Section]:
    run = results[0].run
    opening = Section("")
    opening.notes += [str(note) for note in run.notes.values() if isinstance(note, str)]
    if run.quick:
        opening.notes.append(_QUICK_NOTE)
    opening.texts += [
        *_headline(best, results[0]),
        *_missed(best),
        *_advice(run),
        f"Protocol: {run.protocol} ({run.description}). {run.n['fitting']:,} pictures to fit, "
        f"{run.n['validation']:,} to choose, {run.n['test']:,} to measure, of which "
        f"{run.n['test'] - run.n['test_without_copies']:,} have a near copy among the others.",
        *_copies(run),
        *_absent(results),
        *(
            f"{key}: {_shown(value)}"
            for key, value in run.notes.items()
            if not isinstance(value, str)
        ),
    ]
    chosen_by = "as measured" if "folds" in run.n else "on validation"
    models = Section(
        "All models",
        tables=[models_table(results), details_table(results)],
        pictures=[(folder.figures / ACCURACY, "Accuracy of each model with its interval")],
    )
    classes = Section(
        "Classes",
        tables=[classes_table(best)],
        pictures=[(folder.figures / CLASSES, f"F1 of each class, best of families {chosen_by}")],
    )
    confusion = Section(
        "Confusion matrices",
        pictures=[
            (folder.figures / confusion_name(r.name), f"Confusion matrix of {r.name}")
            for r in results
        ],
    )
    sections = [opening, models, classes, confusion]
    if cleaned := cleaning_report(folder, results):
        sections.insert(2, Section("What cleaning changed", texts=cleaned[0], tables=cleaned[1]))
    ensembles = [r for r in results if "members" in r.model]
    if ensembles:
        texts = ["Temperatures and weights were learned on the validation pictures."]
        texts += [
            f"{e.name} {too_much}."
            for e in ensembles
            if (too_much := Budget(**e.model.get("budget", {})).excess(*cost_of(e)))
        ]
        sections.append(
            Section("Ensembles", texts=texts, tables=[members_table(e) for e in ensembles])
        )
    sections += comparison_sections(folder, results, shown)
    if len(run.wanted_schemes) > 1:
        text = "Accuracy in every scheme, derived from the same probabilities."
        sections.append(Section("Label schemes", texts=[text], tables=[schemes_table(results)]))
    if any("ferplus" in r.metrics for r in results):
        sections.append(Section("FER+ votes", tables=[votes_table(results)]))
    told = {result.name: result for result in (*shown, *ensembles)}
    said = [calibration_text(result) for result in told.values()]
    text = "Points on the dashed line: the model is right as often as it says it is."
    sections.append(
        Section(
            "Calibration",
            texts=[text, *filter(None, said)],
            pictures=[(folder.figures / RELIABILITY, "Reliability")],
        )
    )
    if (folder.figures / MISTAKES).exists():
        text = "Test pictures labelled wrong with most confidence: true label → predicted label."
        pictures = [(folder.figures / MISTAKES, "Test pictures labelled wrong")]
        sections.append(Section("Sample mistakes", texts=[text], pictures=pictures))
    sections.append(Section("Made with", texts=[_made_with(best)]))
    return sections


def _advice(run: Run) -> list[str]:
    """Say what to do where too few pictures measure."""
    if "folds" in run.n or run.n["test"] >= _FEW_TEST_PICTURES:
        return []
    return [
        f"{run.n['test']:,} test pictures tell models apart only where they differ much; --folds 5 "
        "measures on every picture once."
    ]


def _headline(best: Result, highest: Result) -> list[str]:
    """Say how accurate the model is that validation chose, and which has the highest figure."""
    low, high = main_figures(best)["intervals"]["accuracy"]
    found = " with a face that was found" if best.run.n.get("missed") else ""
    first = "Most accurate" if "folds" in best.run.n else "Best on validation"
    said = [
        f"{first}: {best.name}, right on "
        f"{main_figures(best)['accuracy']:.3f} (95 % interval {low:.3f} to {high:.3f}) of "
        f"{best.run.n['test']:,} test pictures{found}."
    ]
    if highest.name != best.name:
        said.append(
            f"Highest on the test pictures themselves: {highest.name}, "
            f"{main_figures(highest)['accuracy']:.3f}; a model that is picked by its test figure "
            "looks better than it is."
        )
    return said


def _copies(run: Run) -> list[str]:
    if "exact_copies_across" not in run.n:
        return []
    counted = (
        f"{run.n[f'exact_copies_{place}']:,} exact and "
        f"{run.n[f'near_copies_{place}']:,} near {words}"
        for place, words in (
            ("within_fitting", "among those to fit and choose"),
            ("within_test", "among those to measure"),
            ("across", "across both"),
        )
    )
    return [f"Pairs of pictures that are copies: {', '.join(counted)}."]


def _missed(result: Result) -> list[str]:
    n_missed = result.run.n.get("missed", 0)
    if not n_missed:
        return []
    total = result.run.n["test"] + n_missed
    return [
        f"In {n_missed:,} more test pictures no face was found. Counted as errors, they leave "
        f"{result.name} with an accuracy of {accuracy_with_missed(result):.3f} over all {total:,}."
    ]


def _absent(results: Sequence[Result]) -> list[str]:
    per_class = main_figures(results[0])["per_class"]
    empty = [label for label, figures_ in per_class.items() if figures_["n"] == 0]
    if not empty:
        return []
    return [f"No test picture is {' or '.join(empty)}: averages over classes leave that out."]


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        more = f" and {len(value) - 5} more" if len(value) > 5 else ""
        return f"{len(value)}: {', '.join(str(v) for v in value[:5])}{more}"
    return str(value)


def _made_with(result: Result) -> str:
    hardware = result.machine.get("hardware", {})
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    machine = f"{hardware.get('processor')}, {hardware.get('cores')} cores"
    return f"Seed {result.run.seed}. {machine}. {versions}."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description="Write the report of a benchmark run again from its result files.",
    )
    parser.add_argument("folder", type=Path, help="the run's --out")
    parser.add_argument(
        "--again",
        action="store_true",
        help="compute all figures anew from the saved probabilities first",
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    folder = RunFolder(args.folder)
    if args.again:
        with Console(stderr=True).status("measuring") as status:
            evaluate_again(folder, status.update)
            write_studies(folder, status.update)
            write_native_study(folder)
    print(write_report(folder))


if __name__ == "__main__":
    raise SystemExit(main())
