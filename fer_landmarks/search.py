"""Search for the settings of a named pipeline on validation faces."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from fer_core.calibration import apply_temperature, fit_temperature, log_loss
from fer_core.errors import DataError
from fer_core.extras import require
from fer_core.parts import LabelledPart, require_role
from fer_landmarks.jitter import JitteredPipeline
from fer_landmarks.leave_out import groups_for
from fer_landmarks.pipelines import classifier_of, make_pipeline
from fer_landmarks.search_spaces import Range, search_space
from fer_landmarks.settings import Settings, load_settings

logger = logging.getLogger(__name__)

Objective = Literal["accuracy", "log-loss"]

#: Attributes of an Optuna trial: what it measured, and why it failed.
_MEASURED, _ERROR = "measured", "error"


@dataclass(frozen=True)
class Trial:
    """Settings, and what they came to on the validation faces.

    Attributes
    ----------
    params : dict of str to object
        As in `Settings`.
    accuracy : float
    log_loss : float
        Nats, at the temperature that makes it least.
    temperature : float
    seconds : float
        Of fitting the classifier and predicting.
    """

    params: Mapping[str, Any]
    accuracy: float
    log_loss: float
    temperature: float
    seconds: float


class Workbench:
    """The faces that a search reads, with the output of each transformer kept for reuse.

    Parameters
    ----------
    fitting, validation : LabelledPart

    Raises
    ------
    ProtocolError
        If they are other parts of a split.
    """

    def __init__(self, fitting: LabelledPart, validation: LabelledPart) -> None:
        self.fitting = require_role(fitting, "fit")
        self.validation = require_role(validation, "validation")
        self._outputs: dict[str, tuple[Any, tuple[NDArray, NDArray]]] = {}

    def measure(self, pipeline: Any, params: Mapping[str, Any]) -> Trial:
        """Fit the pipeline and measure it on the validation faces."""
        if isinstance(pipeline, JitteredPipeline):  # learns from more than these faces
            classifier, x, x_validation = pipeline, self.fitting.faces, self.validation.faces
        else:
            classifier = pipeline.steps[-1][1]
            x, x_validation = self._transformed(pipeline)
        start = time.perf_counter()
        groups = groups_for(classifier, self.fitting.groups)
        proba = classifier.fit(x, self.fitting.y, **groups).predict_proba(x_validation)
        seconds = time.perf_counter() - start
        codes = np.searchsorted(classifier.classes_, self.validation.y)
        temperature = fit_temperature(proba, codes)
        return Trial(
            dict(params),
            accuracy=round(float((proba.argmax(axis=1) == codes).mean()), 4),
            log_loss=round(log_loss(apply_temperature(proba, temperature), codes), 4),
            temperature=round(temperature, 3),
            seconds=round(seconds, 2),
        )

    def _transformed(self, pipeline: Any) -> tuple[NDArray, NDArray]:
        """Return what comes to the pipeline's classifier of the fitting and validation faces.

        Of each step the last output is kept, so that descriptors are computed once for all
        trials, and for all pipelines with the same ones.
        """
        both = (self.fitting.faces, self.validation.faces)
        key: tuple[Any, ...] = ()
        for name, step in pipeline.steps[:-1]:
            key = (*key, _identity(step))
            if self._outputs.get(name, (None,))[0] != key:
                step.fit(both[0])
                self._outputs[name] = key, (step.transform(both[0]), step.transform(both[1]))
            both = self._outputs[name][1]
        return both


class Search:
    """A search that goes on where it was interrupted.

    Optuna's tree-structured Parzen estimator [1]_ proposes settings. What it proposes follows
    from the seed and from the trials before, so that an interrupted search comes to what an
    uninterrupted one comes to. The first trial measures the settings that the pipeline has.

    Parameters
    ----------
    name : str
        One of `fer_landmarks.pipelines.list_pipelines`.
    bench : Workbench
    journal : Path
        Optuna's journal of trials, made where there is none. It may hold any number of searches,
        told apart by pipeline, its settings before, faces, objective and seed.
    objective : {"accuracy", "log-loss"}
    seed : int
        Of proposals and fits.
    n_jobs : int or None
        Threads of the descriptors.

    Raises
    ------
    MissingExtraError
        If Optuna is not installed.

    References
    ----------
    .. [1] Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework",
       KDD 2019.
    """

    def __init__(
        self,
        name: str,
        bench: Workbench,
        journal: Path,
        *,
        objective: Objective = "accuracy",
        seed: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self._optuna = require("optuna", "tune")
        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)
        self.name = name
        self.objective = objective
        self._bench = bench
        self._seed = seed
        self._n_jobs = n_jobs
        self._start = load_settings()[name].params
        self._space = _space_of(name)
        journal.parent.mkdir(parents=True, exist_ok=True)
        faces = f"{bench.fitting.fingerprint()} {bench.validation.fingerprint()}"
        settings = hashlib.sha256(json.dumps(self._start, sort_keys=True).encode()).hexdigest()[:16]
        study = f"{name}, settings {settings}, faces {faces}, {objective}, seed {seed}"
        digest = hashlib.sha256(study.encode()).hexdigest()[:16]
        self._lock = FileLock(journal.with_name(f"{journal.name}.{digest}.lock"))
        self._study = self._optuna.create_study(
            storage=_open(journal),
            study_name=study,
            direction="maximize" if objective == "accuracy" else "minimize",
            load_if_exists=True,
        )

    def run(self, n_trials: int, deadline: float = float("inf")) -> Iterator[Trial | str]:
        """Make trials until there are `n_trials` besides the first, earlier ones included.

        Parameters
        ----------
        n_trials : int
        deadline : float
            No trial is begun after this time on the clock `time.monotonic`.

        Yields
        ------
        Trial or str
            What was measured; or why settings could not be.

        Raises
        ------
        DataError
            If another process is at this search.
        """
        try:
            with self._lock.acquire(blocking=False):
                yield from self._run(n_trials, deadline)
        except Timeout:
            raise DataError(
                f"{self.name}: this search is going on in another process; wait for it, or make "
                "another one with --seed or --out"
            ) from None

    def _run(self, n_trials: int, deadline: float) -> Iterator[Trial | str]:
        states = self._optuna.trial.TrialState
        for trial in self._study.get_trials(states=(states.RUNNING,)):
            self._study.tell(trial.number, state=states.FAIL)  # of a run that was interrupted
        if not self.trials():
            try:
                first = self._measure(self._start)
            except ValueError as error:  # of scikit-learn: too few faces
                raise DataError(
                    f"{self.name}: the settings it has can't be fitted on these "
                    f"{len(self._bench.fitting):,} faces ({error}); add pictures"
                ) from error
            self._study.add_trial(
                self._optuna.create_trial(
                    value=self._value(first), user_attrs={_MEASURED: asdict(first)}
                )
            )
            yield first
        while (done := self._n_done()) <= n_trials and time.monotonic() < deadline:
            self._study.sampler = self._optuna.samplers.TPESampler(
                seed=int(np.random.SeedSequence([self._seed, done]).generate_state(1)[0])
            )
            trial = self._study.ask()
            params = {key: span.suggest(trial, key) for key, span in self._space.items()}
            try:
                measured = self._measure({**self._start, **params})
            except (ValueError, np.linalg.LinAlgError, DataError) as error:
                logger.debug("%s: %s", params, error, exc_info=True)
                trial.set_user_attr(_ERROR, str(error))
                self._study.tell(trial, state=states.FAIL)
                yield f"{error} ({params})"
                continue
            trial.set_user_attr(_MEASURED, asdict(measured))
            self._study.tell(trial, self._value(measured))
            yield measured

    def trials(self) -> list[Trial]:
        """Return what was measured, the settings that the pipeline had first."""
        attributes = [trial.user_attrs for trial in self._study.trials]
        return [Trial(**a[_MEASURED]) for a in attributes if _MEASURED in a]

    def best(self) -> Trial:
        """Return the best trial; of equal ones that with the least log loss, then the earliest.

        Raises
        ------
        DataError
            If there is none yet.
        """
        trials = self.trials()
        if not trials:
            raise DataError(f"{self.name}: no settings were measured yet; allow more time")
        sign = -1 if self.objective == "accuracy" else 1
        return min(trials, key=lambda trial: (sign * self._value(trial), trial.log_loss))

    def settings(self) -> Settings:
        """Return the best settings with their source.

        A classifier that has a temperature gets the one that makes the validation faces most
        likely, which changes no answer, if they are enough to tell.
        """
        best, trials = self.best(), self.trials()
        params = dict(best.params)
        pipeline = make_pipeline(self.name, **params)
        known = pipeline.get_params()
        if "classifier__temperature" in known:
            own = known["classifier__temperature"]
            params["classifier__temperature"] = round(own * best.temperature, 3)
        source = {
            "method": "search on the validation part, python -m fer_landmarks.tune",
            "dataset": self._bench.fitting.name,
            "scheme": self._bench.fitting.scheme.name,
            "fitted_faces": len(self._bench.fitting),
            "validation_faces": len(self._bench.validation),
            "objective": self.objective,
            "trials": len(trials),
            "seed": self._seed,
            "validation_accuracy": best.accuracy,
            "validation_log_loss": best.log_loss,
            "validation_accuracy_before": trials[0].accuracy,
            "date": datetime.now(UTC).date().isoformat(),
        }
        return Settings(params, source)

    def _measure(self, params: Mapping[str, Any]) -> Trial:
        # Few values are left to propose where ranges are small.
        if known := [trial for trial in self.trials() if trial.params == params]:
            return known[0]
        pipeline = make_pipeline(
            self.name, random_state=self._seed, n_jobs=self._n_jobs, cache=True, **params
        )
        return self._bench.measure(pipeline, params)

    def _value(self, trial: Trial) -> float:
        return trial.accuracy if self.objective == "accuracy" else trial.log_loss

    def _n_done(self) -> int:
        return sum(bool({_MEASURED, _ERROR} & set(t.user_attrs)) for t in self._study.trials)


def _identity(step: Any) -> Any:
    """Return what a step's output depends on besides its input; equal for equal steps."""
    if hasattr(step, "features"):
        params = step.get_params(deep=False)
        # Parts may be stages, which compare by identity; what they compute compares by value.
        return step.features(), {key: value for key, value in params.items() if key != "parts"}
    return step.n_even, step.n_odd, step.bits


def _open(journal: Path) -> Any:
    storages = require("optuna.storages", "tune")
    backends = require("optuna.storages.journal", "tune")
    # This lock works on every file system; the usual one needs symbolic links.
    lock = backends.JournalFileOpenLock(str(journal))
    return storages.JournalStorage(backends.JournalFileBackend(str(journal), lock))


def _space_of(name: str) -> dict[str, Range]:
    """Return the search space of a named pipeline: its classifier and the last analysis."""
    steps = make_pipeline(name).steps
    last, analysis = steps[-2]
    return search_space(classifier_of(name), last, analysis.symmetry)
