"""Cross-validation: a run a fold, and the results of all of them put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.budget import Budget
from benchmarks.candidates import Candidate
from benchmarks.evaluation import figures_of
from benchmarks.measuring import Job
from benchmarks.predictions import Predictions, load_predictions, save_predictions
from benchmarks.progress import say
from benchmarks.report import write_report
from benchmarks.results import Result, RunFolder, load_result, main_figures, save_result
from benchmarks.running import run
from benchmarks.runs import Run
from benchmarks.studies import write_studies
from benchmarks.worker import TaskError
from fer_core.model_entry import TRAINING

#: Figures of which each fold's own are kept.
_KEPT = ("n", "accuracy", "balanced_accuracy", "macro_f1", "log_loss")


def describe_folds(runs: Sequence[Run]) -> Run:
    """Return what the folds of a cross-validation share, and the sums of their pictures."""
    k, first = len(runs), runs[0]
    words = first.description.partition(", ")[2]
    mean = {key: round(sum(r.n[key] for r in runs) / k) for key in ("fitting", "validation")}
    total = {key: sum(r.n[key] for r in runs) for key in ("test", "test_without_copies", "missed")}
    return replace(
        first,
        protocol=f"{k}-fold",
        description=f"every picture measured once, in one of {k} folds, {words}",
        n={**mean, **total, "folds": k},
    )


def run_folds(
    folder: RunFolder,
    jobs: Sequence[Job],
    candidates: Sequence[Candidate],
    ensembles: Mapping[str, Budget],
    *,
    resume: bool,
    console: Console,
    timing: bool = False,
) -> Path:
    """Run every fold, put the results together, and write the report on all of them.

    Parameters
    ----------
    folder : RunFolder
        Takes what is put together; the folds have folders of their own in it.
    jobs : sequence of Job
        One a fold.
    candidates, ensembles, resume, console, timing
        See `benchmarks.running.run`.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    TaskError
        If a model failed in a fold; models that are finished in all folds are reported all the
        same.
    """
    failures = []
    for i, job in enumerate(jobs, start=1):
        say(console, f"Fold {i} of {len(jobs)}")
        try:
            run(job, candidates, ensembles, resume=resume, console=console, timing=timing)
        except TaskError as error:
            say(console, f"Fold {i}: {error}")
            failures.append(f"fold {i}: {error}")
    for name in folder.names():
        folder.forget(name)
    put_together(folder, [job.folder for job in jobs])
    if not folder.names():
        raise TaskError(f"no model is finished in every fold: {'; '.join(failures)}")
    write_studies(folder)
    target = write_report(folder)
    if failures:
        raise TaskError(f"{'; '.join(failures)}; the report on the others is {target}")
    return target


def put_together(folder: RunFolder, folds: Sequence[RunFolder]) -> None:
    """Write the probabilities and results of the models that are finished in every fold."""
    names = [name for name in folds[0].names() if all(fold.finished(name) for fold in folds)]
    described = folder.run()
    for name in names:
        results = [load_result(fold.result(name)) for fold in folds]
        tests = [load_predictions(fold.probabilities(name))[1] for fold in folds]
        pooled = _pooled(tests)
        nothing = replace(pooled.subset(np.arange(0)), part="validation", folds=None)
        save_predictions(folder.probabilities(name), nothing, pooled)
        metrics = figures_of(described, nothing, pooled)
        save_result(folder.result(name), _joined(results, described, metrics))


def _pooled(tests: Sequence[Predictions]) -> Predictions:
    """Join the test predictions of all folds; nobody is in two of them."""
    groups: list[Any] = []
    offset = 0
    for p in tests:
        own = np.arange(len(p)) if p.groups is None else p.groups
        groups.append(own + offset)
        offset += int(own.max(initial=-1)) + 1
    votes = [p.votes for p in tests if p.votes is not None]
    return replace(
        tests[0],
        proba=np.concatenate([p.proba for p in tests]),
        y=np.concatenate([p.y for p in tests]),
        names=np.concatenate([p.names for p in tests]),
        copied=np.concatenate([p.copied for p in tests]),
        groups=np.concatenate(groups),
        votes=np.concatenate(votes) if len(votes) == len(tests) else None,
        folds=np.repeat(np.arange(len(tests)), [len(p) for p in tests]),
    )


def _joined(results: Sequence[Result], described: Run, metrics: Mapping[str, Any]) -> Result:
    """Join what is told of a model in all folds, beside figures of all of them."""
    first = results[0]
    model = {key: value for key, value in first.model.items() if key != "members"}
    if "members" in first.model:
        model["members"] = _mean_members([r.model["members"] for r in results])
        model["description"] = "calibrated weighted mean, chosen anew in each fold"
    if all(TRAINING in r.model for r in results):
        model[TRAINING] = _mean_training([r.model[TRAINING] for r in results])
    machine = _joined_machine([r.machine for r in results])
    folds = tuple({key: main_figures(r)[key] for key in _KEPT} for r in results)
    return replace(first, model=model, run=described, metrics=metrics, machine=machine, folds=folds)


def _joined_machine(machines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all folds took: time to fit in all, the most memory, and means of the rest."""
    joined: dict[str, Any] = {}
    for key, value in machines[0].items():
        values: list[Any] = [m.get(key) for m in machines]
        if None in values or not isinstance(value, int | float):
            joined[key] = None if None in values else value
        elif key.startswith("fit_"):
            joined[key] = round(sum(values), 3)
        elif key.startswith("peak_"):
            joined[key] = max(values)
        else:
            joined[key] = round(np.mean(values).item(), 3)
    return joined


def _mean_training(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what trainings measured, means over all folds, beside what they have in common."""
    return {
        key: np.mean([t[key] for t in told]).item() if isinstance(value, float) else value
        for key, value in told[0].items()
        if all(key in t for t in told)
    }


def _mean_members(chosen: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return mean weights over all folds, and mean temperatures over those that chose a member."""
    names = dict.fromkeys(m["name"] for members in chosen for m in members)
    found = []
    for name in names:
        own = [m for members in chosen for m in members if m["name"] == name]
        found.append(
            {
                "name": name,
                "weight": round(sum(m["weight"] for m in own) / len(chosen), 4),
                "temperature": round(sum(m["temperature"] for m in own) / len(own), 4),
                "folds": len(own),
            }
        )
    return sorted(found, key=lambda m: (-m["weight"], m["name"]))
