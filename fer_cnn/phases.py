"""Phases of a training: which layers are trained, at which rate, by which optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fer_cnn.arithmetic import set_arithmetic
from fer_cnn.history import EpochRecord, plateau_rate
from fer_cnn.recipe import Recipe
from fer_cnn.weights import freeze_body
from fer_core.extras import require


@dataclass(frozen=True)
class Phase:
    """Epochs that share an optimiser.

    Attributes
    ----------
    first : int
        Epochs before it.
    epochs : int
    rate : float
        Learning rate, of schedules the peak.
    head_only : bool
        Whether the body is frozen.
    """

    first: int
    epochs: int
    rate: float
    head_only: bool


def phases_of(recipe: Recipe) -> list[Phase]:
    """Return the phases of `recipe` in order: the head first where it asks for that."""
    head = min(recipe.head_epochs, recipe.epochs)
    rate = recipe.learning_rate * (recipe.body_rate if head else 1)
    phases = [
        Phase(0, head, recipe.learning_rate, head_only=True),
        Phase(head, recipe.epochs - head, rate, head_only=False),
    ]
    return [phase for phase in phases if phase.epochs]


def phase_at(recipe: Recipe, epoch: int) -> Phase:
    """Return the phase of an epoch, counted from 0; after the last epoch the last phase."""
    phases = phases_of(recipe)
    return next((p for p in phases if epoch < p.first + p.epochs), phases[-1])


def compile_for(model: Any, recipe: Recipe, phase: Phase, steps_per_epoch: int) -> None:
    """Make `model` ready for `phase`, with a fresh optimiser."""
    keras = require("keras", "train")
    freeze_body(model, phase.head_only)
    set_arithmetic(model, recipe.precision)
    model.compile(
        _optimizer(recipe, phase, steps_per_epoch),
        loss=(
            keras.losses.SparseCategoricalCrossentropy()
            if recipe.labels == "sparse"
            else keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
        ),
        metrics=["accuracy"],
        # Measured on two cores with TensorFlow: XLA's convolutions take 1.3 times as long.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    # Keras puts the average in the weights' place at the end of every fit, and here each epoch is
    # one: training would begin each from an average that lags behind.
    model.optimizer.finalize_variable_values = _leave_as_they_are
    model.optimizer.build(model.trainable_variables)


def _leave_as_they_are(variables: Any) -> None:
    """Take the place of what Keras does with weights after a fit."""


def set_rate(model: Any, recipe: Recipe, phase: Phase, history: Sequence[EpochRecord]) -> None:
    """Give the optimiser the rate of the next epoch, where that follows from the history."""
    if recipe.schedule == "plateau":
        model.optimizer.learning_rate = plateau_rate(
            history[phase.first :],
            phase.rate,
            recipe.plateau_patience,
            recipe.plateau_factor,
            recipe.least_rate,
        )


def _optimizer(recipe: Recipe, phase: Phase, steps_per_epoch: int) -> Any:
    optimizers = require("keras", "train").optimizers
    rate = _one_cycle(recipe, phase, steps_per_epoch)
    average = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    if recipe.optimizer == "sgd":
        return optimizers.SGD(rate, momentum=0.9, nesterov=True, **average)
    if recipe.optimizer == "adam":
        return optimizers.Adam(rate, **average)
    optimizer = optimizers.AdamW(rate, weight_decay=recipe.weight_decay, **average)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _one_cycle(recipe: Recipe, phase: Phase, steps_per_epoch: int) -> Any:
    """Return the schedule, or the plain rate where the history or nothing changes it."""
    if recipe.schedule != "one-cycle":
        return phase.rate
    steps = phase.epochs * steps_per_epoch
    warmup = int(recipe.warmup * steps)
    return require("keras", "train").optimizers.schedules.CosineDecay(
        initial_learning_rate=phase.rate / 25,
        decay_steps=max(steps - warmup, 1),
        warmup_target=phase.rate,
        warmup_steps=warmup,
    )
