"""Run a job: fit what is not finished, combine, measure everything, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import figures, report
from benchmarks.budget import Budget
from benchmarks.candidates import TTA, TTA_ENDING, Candidate, Stored
from benchmarks.chosen import best_of_all, validation_of
from benchmarks.evaluation import evaluate_again
from benchmarks.measuring import (
    Job,
    combine_and_measure,
    fit_and_measure,
    load_back,
    require_own_predictions,
    time_again,
)
from benchmarks.predictions import Predictions, load_predictions
from benchmarks.progress import Progress
from benchmarks.results import load_result, load_study
from benchmarks.sections import DISAGREEMENTS
from benchmarks.studies import AGREEMENT, write_studies
from benchmarks.study_figures import disagreements_figure
from benchmarks.worker import TaskError, run_task


def run(
    job: Job,
    candidates: Sequence[Candidate],
    ensembles: Mapping[str, Budget],
    *,
    resume: bool,
    console: Console,
    timing: bool = False,
) -> Path:
    """Fit and measure what is not finished, combine everything, and write the report.

    Parameters
    ----------
    job : Job
    candidates : sequence of Candidate
    ensembles : dict of str to Budget
        What the members of each ensemble may cost.
    resume : bool
        Whether finished models are kept; else those asked for are fitted anew. Other models that
        the folder holds stay in either case and are measured again from their probabilities.
    console : Console
    timing : bool
        Whether the speed of all finished models is measured anew.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    ProtocolError
        If a stored model was fitted on other pictures; nothing is done then.
    TaskError
        If a model failed; the others are finished and reported all the same.
    """
    for candidate in candidates:  # what is refused takes the place of nothing that is finished
        if isinstance(candidate, Stored):
            candidate.require_same(job.split.fitting)
    folder = job.folder
    progress = Progress(console, total=len(candidates) + len(ensembles) + 1)
    failures = []
    for candidate in candidates:
        name = candidate.name
        if resume and folder.finished(name):
            progress.skip(name, "finished before")
            continue
        if isinstance(candidate, TTA) and not folder.finished(candidate.base):
            failures.append(f"{name} (there is no finished {candidate.base})")
            progress.skip(name, f"left out, there is no finished {candidate.base}")
            continue
        # An interrupted training, which has no result yet, goes on in any case.
        if folder.finished(name):
            folder.forget(name)
        folder.forget(f"{name}{TTA_ENDING}")  # of the model that there was
        try:
            with progress.task(name) as notify:
                run_task(partial(fit_and_measure, job, candidate), folder.log(name), notify)
        except TaskError as error:
            progress.say(f"{name}: {error}")
            failures.append(f"{name} ({error})")
        finally:
            folder.tidy()
    for name in ensembles:
        folder.forget(name)
    members = folder.names()
    families = {name: load_result(folder.result(name)).model["family"] for name in members}
    for name in members:
        require_own_predictions(job, name)
    evaluate_again(folder)
    for name in members if timing else ():
        run_task(partial(time_again, job, name), folder.log(name), progress.say)
    if not members:
        raise TaskError(f"no model could be fitted: {'; '.join(failures)}")
    names = list(members)
    for name, budget in ensembles.items():
        joining = [m for m in members if budget.family in (None, families[m])]
        if len(joining) < 2:
            progress.skip(name, "left out, it needs at least two models")
            continue
        if budget.family is not None and len(joining) == len(members):
            progress.skip(name, "left out, all models are of one family")
            continue
        try:
            with progress.task(name) as notify:
                combine = partial(combine_and_measure, job, name, joining, budget)
                run_task(combine, folder.log(name), notify)
            names.append(name)
        except TaskError as error:
            progress.say(f"{name}: {error}")
            failures.append(f"{name} ({error})")
    run_task(partial(load_back, job, names), folder.log("load-back"), progress.say)
    with progress.task("comparisons") as notify:
        run_task(partial(write_studies, folder), folder.log("comparisons"), notify)
    _draw_pictures(job)
    target = report.write_report(folder)
    if failures:
        raise TaskError(
            f"{len(failures)} of {len(candidates) + len(ensembles)} models failed: "
            f"{'; '.join(failures)}; the report on the others is {target}; --resume tries the "
            "failed ones again"
        )
    return target


def _draw_pictures(job: Job) -> None:
    """Draw what needs the pictures themselves: mistakes, and where the families differ."""
    faces, labels = job.split.test.faces, job.scheme.labels
    results = job.folder.results()
    best = best_of_all(validation_of(job.folder, results), results).name
    drawn = {report.MISTAKES: figures.mistakes_figure(faces, _tested(job, best), labels)}
    agreement = load_study(job.folder.study(AGREEMENT))
    drawn[DISAGREEMENTS] = None
    if agreement is not None:
        first, second = (_tested(job, agreement[key]) for key in ("first", "second"))
        drawn[DISAGREEMENTS] = disagreements_figure(faces, first, second, labels)
    for name, figure in drawn.items():
        path = job.folder.figures / name
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            figures.save_figure(figure, path)


def _tested(job: Job, name: str) -> Predictions:
    return load_predictions(job.folder.probabilities(name))[1]
