"""The sections of a report that compare models with each other and with what others published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import study_figures
from benchmarks.documents import Block, Gallery, Heading, Note, Picture
from benchmarks.figures import save_figure
from benchmarks.native import NATIVE, native_table
from benchmarks.networks import networks_table
from benchmarks.results import Result, RunFolder, load_study, main_figures
from benchmarks.runs import Run
from benchmarks.studies import AGREEMENT, CONTRIBUTIONS, PAIRS, WAYS
from benchmarks.study_tables import (
    FAMILIES,
    agreement_table,
    differences_table,
    families_added_table,
    folds_table,
    members_added_table,
    pairs_table,
    published_table,
    sure_table,
    ways_table,
)
from benchmarks.tables import Table

#: Figures in a run's ``figures/``; the last shows pictures of the dataset: never publish it.
COVERAGE, ADDED, ANSWERS, DISAGREEMENTS = (
    "coverage.png",
    "contributions.png",
    "agreement.png",
    "disagreements.png",
)


@dataclass
class Section:
    """A part of a report: notes, texts, tables, and figures as (file, words), in this order."""

    title: str
    notes: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[tuple[Path, str]] = field(default_factory=list)

    def blocks(self, root: Path) -> list[Block]:
        """Return what a document in the folder `root` has of it."""
        shown = [Picture(path.relative_to(root).as_posix(), alt) for path, alt in self.pictures]
        return [
            *([Heading(self.title)] if self.title else []),
            *map(Note, self.notes),
            *self.texts,
            *self.tables,
            *(shown if len(shown) < 2 else [Gallery(tuple(shown))]),
        ]


def comparison_sections(
    folder: RunFolder, results: list[Result], shown: Sequence[Result]
) -> list[Section]:
    """Draw the figures of a run's studies, and return their sections.

    `shown` are the results that stand for their families.
    """
    made = [
        _folds(results),
        _pairs(folder),
        _ways(folder),
        _contributions(folder),
        _agreement(folder, results[0].run),
        _unsure(folder, results, shown),
        _networks(folder, results),
        _native(folder),
        _published(results[0].run.dataset),
    ]
    return [section for section in made if section is not None]


def calibration_text(result: Result) -> str:
    """Say how a model's calibration error compares with what chance alone would give."""
    figures = main_figures(result)
    limit = figures.get("ece_by_chance")
    if limit is None:
        return ""
    verdict = "less" if figures["ece"] <= limit else "more"
    return (
        f"{result.name}: calibration error {figures['ece']:.3f}, {verdict} than the {limit:.3f} "
        f"that one in twenty perfectly calibrated models exceeds on {figures['n']:,} pictures."
    )


def _folds(results: list[Result]) -> Section | None:
    if not results[0].folds:
        return None
    text = (
        "Each fold's models were fitted, chosen and weighted without its pictures; the other "
        "tables are of all pictures, each measured once, and AUC is the mean over folds. The "
        "folds' models share most of what they were fitted on, so the spread shows how much the "
        "choice of pictures matters and is no standard error. Reports on single folds are in "
        "folds/."
    )
    if results[0].run.dataset == "fer2013":
        text += (
            " The settings that pipelines come with were chosen on a tenth of FER2013's Training "
            "pictures, which are test pictures of some fold here."
        )
    return Section("Folds", texts=[text], tables=[folds_table(results)])


def _pairs(folder: RunFolder) -> Section | None:
    study = load_study(folder.study(PAIRS))
    if study is None:
        return None
    text = (
        "Two models are compared on the pictures that only one of them labels right (McNemar's "
        "test, mid-p form: the exact form misses differences, the chi-squared form needs many "
        "pictures; those of one person, and copies, change sides together). p is corrected for "
        f"{len(study['pairs'])} pairs after Holm. 'Not shown' means "
        "that chance alone may explain the difference, not that there is none."
    )
    return Section(
        "Which differences are more than chance", texts=[text], tables=[pairs_table(study)]
    )


def _ways(folder: RunFolder) -> Section | None:
    study = load_study(folder.study(WAYS))
    if study is None:
        return None
    text = (
        "Learned weights (of calibrated logits) are what the ensembles here use. Validation "
        "figures are cross-fitted: no picture is predicted by weights that were learned on it or "
        "on the same person."
    )
    return Section("Ways to combine models", texts=[text], tables=[ways_table(study)])


def _contributions(folder: RunFolder) -> Section | None:
    study = load_study(folder.study(CONTRIBUTIONS))
    if study is None or not (study["members"] or study["families"]):
        return None
    tables = [members_added_table(study)] if study["members"] else []
    texts = ["Each member is left out in turn and the weights of the others are learned anew."]
    if study["families"]:
        tables.append(families_added_table(study))
        texts += [_family_text(found) for found in study["families"]]
    figure = study_figures.contributions_figure(study, FAMILIES)
    save_figure(figure, folder.figures / ADDED)
    return Section(
        f"What each member adds to {study['ensemble']}",
        texts=texts,
        tables=tables,
        pictures=[(folder.figures / ADDED, "What is lost without each member and each family")],
    )


def _family_text(found: dict) -> str:
    low, high = (100 * v for v in found["all"]["interval"])
    return (
        f"{FAMILIES[found['family']].capitalize()} add {100 * found['all']['difference']:+.1f} "
        f"points (95 % interval {low:+.1f} to {high:+.1f}) to the best ensemble without them "
        f"({' + '.join(found['members_without'])})."
    )


def _agreement(folder: RunFolder, run: Run) -> Section | None:
    study = load_study(folder.study(AGREEMENT))
    if study is None:
        return None
    figure = study_figures.agreement_figure(study, run.classes)
    save_figure(figure, folder.figures / ANSWERS)
    kappa = "" if study["kappa"] is None else f" (Cohen's kappa {study['kappa']:.2f})"
    alike = study["both_right"] + study["both_wrong_alike"]
    chosen = "as measured" if "folds" in run.n else "on validation"
    text = (
        f"The best of each family, {chosen}: {study['first']} and {study['second']}. "
        f"They give the same answer to {alike:.0%} of the test pictures{kappa}. On "
        f"{study['either_right']:.1%} at least one of them is right, which no choice between "
        "their answers can exceed."
    )
    pictures = [(folder.figures / ANSWERS, "Pictures by the answers of both models")]
    section = Section(
        "Where the families agree",
        texts=[text],
        tables=[agreement_table(study), differences_table(study)],
        pictures=pictures,
    )
    if (folder.figures / DISAGREEMENTS).exists():
        section.texts.append(
            "The last figure shows pictures on which they differ most: true label, then both "
            "answers; first those that the first model labels right, then the second, then neither."
        )
        pictures.append((folder.figures / DISAGREEMENTS, "Pictures on which the families differ"))
    return section


def _unsure(folder: RunFolder, results: list[Result], shown: Sequence[Result]) -> Section | None:
    if any("accuracy_by_coverage" not in main_figures(result) for result in results):
        return None  # results of layout 1
    save_figure(study_figures.coverage_figure(shown), folder.figures / COVERAGE)
    stated = results[0].run.sure_accuracy
    text = (
        f"A model may answer 'unsure'. The confidence that a sure answer needs was chosen on "
        f"validation pictures so that sure answers are right at least {stated:.0%} of the time "
        "(with 95 % certainty, for pictures like those, each of another person). No figure: the "
        "validation pictures can't show it."
    )
    if results[0].folds:
        text = "Thresholds are chosen in each fold: see the folds' own reports."
    return Section(
        "Unsure as an answer",
        texts=[text],
        tables=[] if results[0].folds else [sure_table(results)],
        pictures=[(folder.figures / COVERAGE, "Accuracy on the surest answers over their share")],
    )


def _native(folder: RunFolder) -> Section | None:
    study = load_study(folder.study(NATIVE))
    if study is None:
        return None
    text = (
        "Models trained on a scheme's own classes, beside one trained on the dataset's classes "
        "whose probabilities are joined afterwards, on the same test pictures."
    )
    return Section("Trained on other classes", texts=[text], tables=[native_table(study)])


def _networks(folder: RunFolder, results: list[Result]) -> Section | None:
    table = networks_table(results, folder.native_results())
    if table is None:
        return None
    text = (
        "Recipes of other projects carry the figures that those report: measured on other splits, "
        "some on pictures that chose the epoch, most from weights that had seen other pictures."
    )
    return Section("How the networks were trained", texts=[text], tables=[table])


def _published(dataset: str) -> Section | None:
    table = published_table(dataset)
    if table is None:
        return None
    text = (
        "Figures from papers and projects. None was measured here, splits and conditions differ, "
        "and what was chosen on which pictures is not always said: compare with care."
    )
    return Section("What others have published", texts=[text], tables=[table])
