"""Searching a recipe's settings with Keras Tuner's Hyperband.

Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband", JMLR 18 (2018): many settings are
trained for few epochs, the better ones go on for more.
"""

from __future__ import annotations

import csv
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fer_cnn.evaluation import DivergedError
from fer_cnn.history import EpochRecord
from fer_cnn.recipe import Recipe, with_settings
from fer_cnn.training import Training, train
from fer_core.extras import require
from fer_core.files import write_atomically
from fer_core.parts import LabelledPart, require_role

logger = logging.getLogger(__name__)

#: Files of a search's folder.
TRIALS, BEST = "trials.csv", "best.json"
_NETWORK = "network.keras"
_OBJECTIVE = "val_accuracy"


@dataclass(frozen=True)
class Trial:
    """One round of one choice of settings.

    Attributes
    ----------
    name : str
    score : float
        Highest validation accuracy of its epochs.
    first, epochs : int
        Epochs that earlier rounds of the same settings trained, and epochs in all.
    settings : dict of str to object
        As `fer_cnn.recipe.with_settings` takes them.
    """

    name: str
    score: float
    first: int
    epochs: int
    settings: Mapping[str, Any]


class OutOfTime(Exception):
    """The search's minutes are over; it can go on later."""


def search_space(recipe: Recipe) -> Any:
    """Return what is searched for `recipe`, as Keras Tuner's `HyperParameters`.

    Rate, batch size and augmentation of every recipe, what else its optimiser and labels have, and
    the widths and dropout of its network where the builder takes them.
    """
    space = require("keras_tuner", "train").HyperParameters()
    rate = recipe.learning_rate
    space.Float("learning_rate", rate / 5, rate * 5, sampling="log", default=rate)
    sizes = sorted({32, 64, 128, recipe.batch_size})
    space.Choice("batch_size", sizes, default=recipe.batch_size)
    if recipe.optimizer == "adamw":
        space.Float("weight_decay", 1e-3, 0.1, sampling="log", default=recipe.weight_decay)
    if recipe.labels == "one-hot":
        space.Choice("label_smoothing", [0.0, 0.05, 0.1], default=0.0)
    space.Float("augmentation.rotation", 0.0, 20.0, step=5.0)
    space.Float("augmentation.shift", 0.0, 0.1, step=0.025)
    space.Float("augmentation.scale", 0.0, 0.2, step=0.05)
    if recipe.augmentation.exposure:
        space.Float("augmentation.exposure", 0.0, 1.0, step=0.25, default=1.0)
    if recipe.augmentation.shear:
        space.Float("augmentation.shear", 0.0, 0.3, step=0.1, default=0.3)
    if recipe.init:
        return space  # the network is there already
    if recipe.architecture == "four-class":
        for layer in ("1", "2", "3"):
            space.Choice(f"widths.{layer}", [32, 64, 96, 128], default=32)
        space.Choice("options.dense", [128, 256, 512], default=512)
        space.Float("options.dense_dropout", 0.2, 0.6, step=0.1, default=0.4)
    if recipe.architecture in ("compact", "residual", "four-class"):
        space.Float("options.dropout", 0.0, 0.5, step=0.1, default=0.2)
    return space


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a recipe that Keras Tuner's values stand for."""
    settings = {
        # Steps of a range add up to 0.30000000000000004 and the like.
        name: float(f"{value:.4g}") if isinstance(value, float) else value
        for name, value in values.items()
        if not name.startswith(("tuner/", "widths.")) and value is not None
    }
    widths = [values[name] for name in sorted(values) if name.startswith("widths.")]
    return {**settings, "options.widths": widths} if widths else settings


class Search:
    """A search that can be stopped at any moment and goes on from its folder.

    Parameters
    ----------
    recipe : Recipe
    fitting, validation : LabelledPart
    out : Path
        Folder of the search.
    max_epochs : int
        Of the settings that get furthest.
    rounds : int
        How often Hyperband is run from beginning to end.
    seed : int
        Of proposals and trainings.
    """

    def __init__(
        self,
        recipe: Recipe,
        fitting: LabelledPart,
        validation: LabelledPart,
        out: Path,
        *,
        max_epochs: int,
        rounds: int = 1,
        seed: int = 0,
    ) -> None:
        require_role(fitting, "fit")
        require_role(validation, "validation")
        self.recipe, self.fitting, self.validation = recipe, fitting, validation
        self.out, self.seed, self.max_epochs = out, seed, max_epochs
        self._deadline: float | None = None
        self._tuner = self._make_tuner(rounds)

    def run(self, max_minutes: float | None = None) -> bool:
        """Search until all is tried or the time is over.

        Returns
        -------
        bool
            Whether the search is finished.

        Raises
        ------
        FerError
            If a training is refused.
        """
        self._deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        try:
            self._tuner.search(verbose=0)
        except require("keras_tuner", "train").errors.FatalError as error:
            if isinstance(error.__cause__, OutOfTime):
                return False
            raise error.__cause__ or error from None
        return True

    def trials(self) -> list[Trial]:
        """Return the finished trials, the best first."""
        done = [t for t in self._tuner.oracle.trials.values() if t.status == "COMPLETED"]
        found = [
            Trial(
                name=trial.trial_id,
                score=float(trial.score),
                first=int(trial.hyperparameters.values.get("tuner/initial_epoch", 0)),
                epochs=int(trial.hyperparameters.values.get("tuner/epochs", self.max_epochs)),
                settings=settings_of(trial.hyperparameters.values),
            )
            for trial in done
        ]
        # Of equal scores the longer training; the oracle's own order changes when it is read again.
        return sorted(found, key=lambda trial: (-trial.score, -trial.epochs, trial.name))

    def _make_tuner(self, rounds: int) -> Any:
        search = self
        keras_tuner = require("keras_tuner", "train")

        class Tuner(keras_tuner.Hyperband):  # type: ignore[name-defined]
            def run_trial(self, trial: Any, **_: Any) -> dict[str, float]:
                try:
                    return search._run(trial, lambda name: Path(self.get_trial_dir(name)))
                except Exception as error:
                    # Keras Tuner would count it as a bad choice of settings and go on.
                    raise keras_tuner.errors.FatalError(str(error)) from error

        return Tuner(
            objective=keras_tuner.Objective(_OBJECTIVE, "max"),
            hyperparameters=search_space(self.recipe),
            tune_new_entries=False,
            allow_new_entries=True,
            max_epochs=self.max_epochs,
            hyperband_iterations=rounds,
            seed=self.seed,
            directory=str(self.out),
            project_name="hyperband",
            overwrite=False,
        )

    def _run(self, trial: Any, folder_of: Any) -> dict[str, float]:
        """Train one trial for one round and return its score."""
        left = None if self._deadline is None else (self._deadline - time.monotonic()) / 60
        if left is not None and left <= 0:
            raise OutOfTime("the time is over")
        values = trial.hyperparameters.values
        settings, folder = settings_of(values), folder_of(trial.trial_id)
        before = values.get("tuner/initial_epoch", 0)
        epochs = values.get("tuner/epochs", self.max_epochs) - before
        # A round is a training of its own length: schedules end with it. Of all rounds together
        # the first train the head alone, in the share that the recipe gives it.
        head = round(self.recipe.head_epochs * self.max_epochs / self.recipe.epochs)
        recipe = with_settings(self.recipe, settings, "the search")
        # A round after those of the head trains the body from its first epoch.
        slower = recipe.body_rate if head and before >= head else 1
        recipe = replace(
            recipe,
            epochs=epochs,
            head_epochs=max(head - before, 0),
            learning_rate=recipe.learning_rate * slower,
            patience=None,
            blend=0.0,
        )
        earlier = values.get("tuner/trial_id")
        if earlier and not (folder_of(earlier) / _NETWORK).exists():
            return {_OBJECTIVE: 0.0}  # its first round has diverged
        start = folder_of(earlier) / _NETWORK if earlier else None
        try:
            training = self._train(recipe, start, folder / "training", left, trial.trial_id)
        except DivergedError:
            return {_OBJECTIVE: 0.0}
        if not training.finished:
            raise OutOfTime("the time is over")
        with write_atomically(folder / _NETWORK) as path:
            training.model.save(path)
        return {_OBJECTIVE: max(record.val_accuracy for record in training.history)}

    def _train(
        self, recipe: Recipe, start: Path | None, out: Path, minutes: float | None, trial: str
    ) -> Training:
        return train(
            recipe,
            self.fitting.faces,
            self.fitting.y,
            len(self.fitting.scheme.labels),
            validation=(self.validation.faces, self.validation.y),
            seed=self.seed,
            start=start,
            out=out,
            max_minutes=minutes,
            on_epoch=lambda record: _log(trial, record, recipe.epochs),
        )


def write_trials(path: Path, trials: list[Trial]) -> None:
    """Write a table of trials, a column a setting, the best first."""
    names = sorted({name for trial in trials for name in trial.settings})
    with write_atomically(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "validation accuracy", "first epoch", "epochs", *names])
        for trial in trials:
            row = [trial.settings.get(name, "") for name in names]
            writer.writerow([trial.name, trial.score, trial.first, trial.epochs, *row])


def write_best(path: Path, recipe: Recipe, best: Trial, facts: Mapping[str, Any]) -> None:
    """Write the settings of a trial as `fer_cnn.recipe.read_settings` reads them."""
    content = {
        "recipe": recipe.name,
        "settings": dict(best.settings),
        "validation accuracy": round(best.score, 6),
        "epochs": best.epochs,
        "found on": dict(facts),
    }
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def _log(trial: str, record: EpochRecord, epochs: int) -> None:
    logger.info(
        "trial %s, epoch %d of %d: validation accuracy %.3f (%.1f s)",
        trial,
        record.epoch,
        epochs,
        record.val_accuracy,
        record.seconds,
    )
