"""The tasks of a run: fit and measure a model, combine models, load them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.budget import Budget, cost_of, members_within
from benchmarks.candidates import TTA, Candidate, Stored
from benchmarks.cleaned import cleaning_note
from benchmarks.evaluation import figures_of, measured_entry
from benchmarks.networks import SECONDS, training_note
from benchmarks.predictions import (
    Predictions,
    load_predictions,
    on_test,
    on_validation,
    predict_in_batches,
    require_validation,
    save_predictions,
)
from benchmarks.results import (
    Result,
    RunFolder,
    load_result,
    save_result,
)
from benchmarks.runs import Run
from benchmarks.study_tables import FAMILIES
from benchmarks.timing import hardware, installed_versions, peak_memory_mb, time_model
from benchmarks.worker import Notify, TaskError
from fer_core.ensemble import Ensemble, Model
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import Scheme
from fer_core.model_entry import ENSEMBLE_LOADER, describe_model, joined_licence
from fer_core.model_store import ModelStore
from fer_core.pooling import EnsembleSpec, fit_ensemble, save_spec
from fer_core.splits import Split

#: Pictures on which the saved models are compared with what was measured.
CHECKED_PICTURES = 32
#: Largest difference of a probability between a saved model and the one measured: sums over 26,000
#: centres in single precision have differed by 4e-4 with the size of a batch.
CHECK_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Job:
    """What every task of a run needs to know; goes to the task's process."""

    run: Run
    split: Split
    folder: RunFolder

    @property
    def scheme(self) -> Scheme:
        """The scheme of the dataset."""
        return self.split.fitting.scheme

    def store(self) -> ModelStore:
        """Return the store of this run's models, which this run itself has made."""
        return ModelStore(self.folder.models, trusted=True)


def fit_and_measure(job: Job, candidate: Candidate, notify: Notify) -> None:
    """Fit one model, save it, load it back, and measure what was loaded.

    Probabilities are written first, then the model, then its figures: a result file says that
    all three are there.

    Raises
    ------
    DataError
        If the model's classes or probabilities are not what they should be.
    """
    name, split = candidate.name, job.split
    ready = isinstance(candidate, Stored | TTA)
    notify("loading it as stored" if ready else f"fitting on {len(split.fitting)} pictures")
    fitted = candidate.fit(split.fitting, split.validation, job.folder.workplace(name))
    model = fitted.model
    require_classes(model, job.scheme, name)
    with job.folder.scratch() as temporary:
        scratch = ModelStore(temporary / "store", trusted=True)
        entry = scratch.add(
            describe_model(
                name,
                candidate.family,
                candidate.loader,
                split,
                candidate.licence,
                seed=job.run.seed,
                **fitted.facts,
            ),
            candidate.save(model, temporary),
            model,
        )
        loaded = scratch.load(name)
        require_classes(loaded, job.scheme, name)
        notify(f"predicting {len(split.validation) + len(split.test)} pictures")
        start = perf_counter()
        validation = on_validation(
            name, predict_in_batches(loaded, split.validation.faces), split.validation
        )
        test = on_test(name, predict_in_batches(loaded, split.test.faces), split.test)
        predict_seconds = perf_counter() - start
        notify("measuring")
        described = {
            "name": name,
            "family": candidate.family,
            "description": candidate.description,
            **cleaning_note(split.fitting),
            **training_note(fitted),
        }
        seconds = fitted.seconds
        machine = {
            "size_bytes": entry.serving_size,
            "fit_seconds": None if seconds is None else round(seconds, 3),
            "epoch_seconds": fitted.training.get(SECONDS),
            "predict_seconds": round(predict_seconds, 3),
            **time_model(loaded, split.validation.faces),
            "peak_memory_mb": peak_memory_mb(),
        }
        result = _finish(job, described, machine, validation, test)
        files = {file.path: scratch.folder(entry) / file.path for file in entry.files}
        job.store().add(measured_entry(entry, result, fitted.training), files, loaded)
    save_result(job.folder.result(name), result)


def combine_and_measure(
    job: Job, name: str, candidates: Sequence[str], budget: Budget, notify: Notify
) -> None:
    """Learn the best ensemble of finished models within a budget, save it, and measure it.

    Members, temperatures and weights are chosen on validation.
    """
    notify(f"combining the best of {len(candidates)} models")
    saved = {m: load_predictions(job.folder.probabilities(m)) for m in candidates}
    start = perf_counter()
    validation = {m: parts[0] for m, parts in saved.items()}
    costs = {m: cost_of(load_result(job.folder.result(m))) for m in candidates}
    members = members_within(validation, costs, budget)
    spec = weigh({m: validation[m] for m in members})
    fit_seconds = perf_counter() - start
    parts = [
        replace(part, model=name, proba=spec.combine({m: saved[m][i].proba for m in members}))
        for i, part in enumerate(saved[members[0]])
    ]
    store = job.store()
    entries = store.entries()
    notify("measuring")
    ensemble = Ensemble(spec, {m: store.load(m) for m in spec.members})
    kind = "models" if budget.family is None else FAMILIES[budget.family]
    described = {
        "name": name,
        "family": "ensemble",
        "description": f"calibrated weighted {spec.mean} mean of {len(spec.members)} {kind}"
        if len(spec.members) > 1
        else f"{spec.members[0]} alone, calibrated",
        "mean": spec.mean,
        "members": [
            {"name": m, "temperature": round(t, 4), "weight": round(w, 4)}
            for m, t, w in zip(spec.members, spec.temperatures, spec.weights, strict=True)
        ],
        "budget": {"max_ms": budget.max_ms, "max_mb": budget.max_mb},
    }
    machine = {
        "size_bytes": sum(entries[m].serving_size for m in spec.members),
        "fit_seconds": round(fit_seconds, 3),
        **time_model(ensemble, job.split.validation.faces),
        "peak_memory_mb": peak_memory_mb(),
    }
    result = _finish(job, described, machine, *parts)
    if too_much := budget.excess(*cost_of(result)):
        notify(too_much)
    with job.folder.scratch() as temporary:
        path = temporary / "ensemble.json"
        save_spec(spec, path)
        entry = describe_model(
            name,
            "ensemble",
            ENSEMBLE_LOADER,
            job.split,
            joined_licence(entries[m].licence for m in spec.members),
            seed=job.run.seed,
        )
        store.add(measured_entry(entry, result), {path.name: path}, ensemble)
    save_result(job.folder.result(name), result)


def weigh(members: Mapping[str, Predictions]) -> EnsembleSpec:
    """Learn an ensemble from its members' validation predictions.

    Raises
    ------
    ProtocolError
        If some are predictions of test pictures.
    DataError
        If they are not of the same pictures.
    """
    checked = [require_validation(p) for p in members.values()]
    for p in checked[1:]:
        if not p.same_pictures(checked[0]):
            raise DataError(
                f"the validation predictions of '{checked[0].model}' and '{p.model}' are of other "
                "pictures; fit both again in a new folder"
            )
    return fit_ensemble({name: p.proba for name, p in members.items()}, checked[0].y)


def require_own_predictions(job: Job, name: str) -> None:
    """Refuse saved probabilities that are not of this job's pictures; renew what goes with them.

    A file from elsewhere could pass test pictures off as validation pictures. Persons and votes may
    have been named since, or corrected.

    Raises
    ------
    ProtocolError
        If they are of other pictures.
    """
    path = job.folder.probabilities(name)
    saved = load_predictions(path)
    ours = (
        on_validation(name, saved[0].proba, job.split.validation),
        on_test(name, saved[1].proba, job.split.test),
    )
    for stored, own in zip(saved, ours, strict=True):
        if not stored.same_pictures(own):
            raise ProtocolError(
                f"{path}: the {own.part} predictions are not of this run's {own.part} pictures, "
                "so nothing may be chosen or measured on them; delete the file and run again with "
                "--resume"
            )
    if not all(
        np.array_equal(getattr(stored, fact), getattr(own, fact))
        for stored, own in zip(saved, ours, strict=True)
        for fact in ("groups", "votes")
    ):
        save_predictions(path, *ours)


def time_again(job: Job, name: str, notify: Notify) -> None:
    """Measure a finished model's speed anew, as on a machine that was busy the first time.

    The result then names the processor of these times, not that of the fit.
    """
    notify(f"{name}: measuring speed again")
    path = job.folder.result(name)
    result = load_result(path)
    store = job.store()
    timed = {
        "size_bytes": store.entry(name).serving_size,
        **time_model(store.load(name), job.split.validation.faces),
        "hardware": hardware(),
    }
    save_result(path, replace(result, machine={**result.machine, **timed}))


def load_back(job: Job, names: Sequence[str], notify: Notify) -> None:
    """Load the saved models and compare their probabilities with those measured.

    Raises
    ------
    TaskError
        If one answers differently.
    """
    store = job.store()
    faces = job.split.test.faces[:CHECKED_PICTURES]
    largest = 0.0
    for name in names:
        _, measured = load_predictions(job.folder.probabilities(name))
        proba = store.load(name).predict_proba(faces)
        difference = float(np.abs(proba - measured.proba[: len(faces)]).max())
        if not difference <= CHECK_TOLERANCE:
            raise TaskError(
                f"{job.folder.models}: the saved model '{name}' answers differently from the one "
                f"measured (by up to {difference:.2g}); don't use it, fit it again"
            )
        largest = max(largest, difference)
    notify(
        f"{len(names)} saved models loaded back: on {len(faces)} test pictures their probabilities "
        f"are those measured (largest difference {largest:.1g})"
    )


def require_classes(model: Model, scheme: Scheme, name: str) -> None:
    """Refuse a model whose columns are not the scheme's classes.

    Raises
    ------
    DataError
    """
    if not np.array_equal(model.classes_, scheme.classes):
        raise DataError(
            f"the model '{name}' has classes {np.asarray(model.classes_).tolist()}, the dataset "
            f"has {scheme.classes.tolist()} ({', '.join(scheme.labels)}); fit it on this dataset"
        )


def _finish(
    job: Job,
    described: Mapping[str, Any],
    machine: Mapping[str, Any],
    validation: Predictions,
    test: Predictions,
) -> Result:
    # Refuses what are no probabilities before anything is written.
    metrics = figures_of(job.run, validation, test)
    save_predictions(job.folder.probabilities(described["name"]), validation, test)
    return Result(
        model=described,
        run=job.run,
        versions=installed_versions(),
        metrics=metrics,
        machine={**machine, "hardware": hardware()},
    )
