"""Training that can be stopped at any epoch and goes on as if it had not been."""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_cnn import checkpoint
from fer_cnn.architectures import build
from fer_cnn.batches import epoch_batches
from fer_cnn.evaluation import DivergedError, measure
from fer_cnn.history import EpochRecord, best_epoch, kept_epoch, stopped_early
from fer_cnn.phases import Phase, compile_for, phase_at, set_rate
from fer_cnn.recipe import Recipe
from fer_cnn.start import load_network
from fer_cnn.weights import load_weights, with_new_head
from fer_core.errors import DataError, first_line
from fer_core.extras import require

logger = logging.getLogger(__name__)

Validation = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Training:
    """The state of a training.

    Attributes
    ----------
    model : keras.Model
        With the weights that the recipe keeps: of the last or the best epoch, averaged or not.
    history : list of EpochRecord
    finished : bool
        False if it was stopped at a checkpoint before its last epoch.
    kept : int
        Number of the epoch whose weights `model` has.
    blended : dict of str to float
        What validation says of `model` where that is averaged with the network gone on from, by
        the names of an `EpochRecord`; empty where it isn't.
    """

    model: Any
    history: list[EpochRecord]
    finished: bool
    kept: int
    blended: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def _generators_of_the_caller() -> Iterator[None]:
    """Leave the global random states, which Keras draws initial weights from, as they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@_generators_of_the_caller()
def train(
    recipe: Recipe,
    faces: NDArray[np.uint8],
    y: NDArray[np.int64],
    n_classes: int,
    *,
    validation: Validation | None = None,
    soft_labels: NDArray[np.float32] | None = None,
    seed: int = 0,
    start: Path | None = None,
    out: Path | None = None,
    max_minutes: float | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> Training:
    """Train a network, or go on with a training that was interrupted.

    Parameters
    ----------
    recipe : Recipe
    faces : uint8 (n, 48, 48)
    y : int (n,)
        Codes 0..n_classes-1.
    n_classes : int
    validation : (faces, y) or None
        Watched and logged after every epoch; never fitted on. Recipes may lower the rate, stop
        early and choose the best epoch by it.
    soft_labels : float (n, n_classes) or None
        Probabilities of the classes, mixed into the labels: votes of several annotators, or what
        another model says of faces that it was not fitted on (Hinton, Vinyals and Dean,
        "Distilling the Knowledge in a Neural Network", 2015). The recipe says in what share.
    seed : int
        Initial weights, order and augmentation; the recipe's is added.
    start : Path or None
        Saved network with the weights to begin with, its head too; None begins as the recipe says.
    out : Path or None
        Folder for a checkpoint after every epoch (weights, optimiser and random state) and the
        history. If it holds a checkpoint of the same training, that goes on.
    max_minutes : float or None
        Stop at a checkpoint when the next epoch would probably end later than this.
    on_epoch : callable or None
        Told of each epoch when it is done.

    Raises
    ------
    DataError
        If there are no faces, a label is outside 0..n_classes-1, the recipe's pretrained weights
        or network can't be had, or no further epoch fits into `max_minutes`.
    FerError
        If `out` holds another training.
    DivergedError
        If the loss is no number any more.
    """
    if len(faces) == 0 or len(faces) != len(y):
        raise DataError(f"training needs one label a face; got {len(faces)} faces, {len(y)} labels")
    if y.min() < 0 or y.max() >= n_classes:
        raise DataError(f"labels must be 0 to {n_classes - 1}; got {y.min()} to {y.max()}")
    started = time.monotonic()
    seed = (seed + recipe.network_seed) % 2**32  # Keras takes no larger one
    require("keras", "train").utils.set_random_seed(seed)
    targets = _targets(recipe, y, n_classes, soft_labels)
    weights = class_weights(y, n_classes)[y] if recipe.class_weights else None
    facts = _facts(faces, targets, n_classes, seed, validation)
    steps = len(faces) // min(recipe.batch_size, len(faces))
    resumed = checkpoint.resume(out, recipe, facts, steps) if out else None
    model, history = resumed or (_fresh(recipe, n_classes, start), [])
    n_before = len(history)
    other = load_network(recipe.init) if recipe.blend else None
    if other is not None:
        _require_same_form(recipe, model, other)
    # Of the phase that the model is compiled for.
    phase = phase_at(recipe, len(history) - 1) if resumed else None
    best = checkpoint.BestWeights(out)
    while not _over(recipe, history):
        if _out_of_time(history, started, max_minutes):
            _require_progress(history, n_before, max_minutes)
            return Training(model, history, finished=False, kept=len(history))
        epoch, began = len(history), time.monotonic()
        if phase != phase_at(recipe, epoch):
            phase = phase_at(recipe, epoch)
            compile_for(model, recipe, phase, steps)
        set_rate(model, recipe, phase, history)
        _seed_dropout(model, seed, epoch)
        batches = epoch_batches(
            faces,
            targets,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation,
            seed=seed,
            epoch=epoch,
            weights=weights,
            mixup=recipe.mixup,
        )
        # The batches are shuffled already; Keras would shuffle them by a global random state.
        fitted = model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0)
        if not np.isfinite(fitted.history["loss"][0]):
            raise DivergedError(f"the loss of epoch {epoch + 1} is no number")
        with averaged_weights(model, recipe):
            figures = _validate(model, validation)
            record = EpochRecord(
                epoch=epoch + 1,
                loss=fitted.history["loss"][0],
                accuracy=fitted.history["accuracy"][0],
                rate=float(model.optimizer.learning_rate),
                seconds=time.monotonic() - began,
                **figures,
            )
            history.append(record)
            if recipe.keep != "last" and best_epoch(history, recipe.keep) == len(history):
                best.keep(model, len(history))
        if out:
            checkpoint.save(out, model, history, recipe, facts)
            best.clear_before(best_epoch(history, recipe.keep) if recipe.keep != "last" else 0)
        if on_epoch:
            on_epoch(record)
    kept = kept_epoch(history, recipe.keep)
    _keep_result(model, recipe, kept, best)
    blended: dict[str, Any] = {}
    if other is not None:
        _blend(model, other, recipe.blend)
        blended = _validate(model, validation)
    return Training(model, history, finished=True, kept=kept, blended=blended)


def class_weights(y: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """Return n / (k n_j) for each class j: float32 (k,), 0 for classes without pictures."""
    counts = np.bincount(y, minlength=n_classes)
    return (len(y) / (n_classes * np.maximum(counts, 1)) * (counts > 0)).astype(np.float32)


@contextmanager
def averaged_weights(model: Any, recipe: Recipe) -> Iterator[None]:
    """Lend `model` the moving average of its weights, if the recipe keeps one."""
    if not recipe.average:
        yield
        return
    callback = require("keras", "train").callbacks.SwapEMAWeights()
    callback.set_model(model)
    callback.on_test_begin()
    try:
        yield
    finally:
        callback.on_test_end()


def _fresh(recipe: Recipe, n_classes: int, start: Path | None) -> Any:
    """Return the network as the training begins."""
    if start is not None:
        return load_network(str(start))
    if recipe.init:
        return with_new_head(load_network(recipe.init), n_classes)
    try:
        model = build(recipe.architecture, n_classes, **recipe.options)
    except (TypeError, ValueError) as error:
        told = ", ".join(f"{key} {value}" for key, value in recipe.options.items())
        raise DataError(
            f"recipe '{recipe.name}': no network '{recipe.architecture}' can be made with {told}: "
            f"{first_line(error)}"
        ) from error
    load_weights(model, recipe.weights, width=recipe.options.get("width", 1.0))
    return model


def _targets(
    recipe: Recipe,
    y: NDArray[np.int64],
    n_classes: int,
    soft: NDArray[np.float32] | None,
) -> NDArray[Any]:
    if recipe.labels == "sparse":
        if soft is not None:
            raise DataError(f"recipe '{recipe.name}' has sparse labels, which can't be soft")
        return y.astype(np.int64)
    hard = np.eye(n_classes, dtype=np.float32)[y]
    if soft is None:
        return hard
    if soft.shape != hard.shape:
        raise DataError(f"soft labels must have shape {hard.shape}. Got {soft.shape} instead.")
    if not (soft >= 0).all() or not np.allclose(soft.sum(axis=1), 1, atol=1e-3):
        raise DataError("soft labels must be probabilities that sum to 1 for every face")
    weight = recipe.soft_weight
    return np.float32(1 - weight) * hard + np.float32(weight) * soft.astype(np.float32)


def _over(recipe: Recipe, history: Sequence[EpochRecord]) -> bool:
    """Return whether the training has had its last epoch."""
    if len(history) >= recipe.epochs:
        return True
    if recipe.patience is None or not history:
        return False
    current: Phase = phase_at(recipe, len(history))
    monitor = "val_loss" if recipe.keep == "last" else recipe.keep
    # A head that stopped getting better is no reason to leave out the phase after it.
    return not current.head_only and stopped_early(
        history, monitor, recipe.patience, since=current.first
    )


def _keep_result(model: Any, recipe: Recipe, kept: int, best: checkpoint.BestWeights) -> None:
    """Give `model` the weights that are the training's result."""
    if recipe.keep != "last":
        best.restore(model, kept)
    elif recipe.average:
        with averaged_weights(model, recipe):
            result = [np.array(weight) for weight in model.get_weights()]
        model.set_weights(result)


def _require_same_form(recipe: Recipe, model: Any, other: Any) -> None:
    """Refuse to train what could not be blended with `other` in the end."""
    if [w.shape for w in model.weights] != [w.shape for w in other.weights]:
        raise DataError(
            f"recipe '{recipe.name}' averages its weights with those of '{recipe.init}', which has "
            "other classes or layers; train on the same classes, or take a recipe without blend, "
            "for example 'fine-tune'"
        )


def _blend(model: Any, other: Any, share: float) -> None:
    """Mix the weights of another network of the same form into those of `model`."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    model.set_weights([(1 - share) * own + share * theirs for own, theirs in pairs])


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Let dropout follow from `seed` and `epoch`: a saved model leaves its random state out."""
    rng = np.random.default_rng([seed, epoch])
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign([rng.integers(2**31), 0])


def _validate(model: Any, validation: Validation | None) -> dict[str, float]:
    if validation is None or len(validation[0]) == 0:
        return {"val_loss": float("nan"), "val_accuracy": float("nan")}
    faces, y = validation
    figures = measure(model.predict(faces, batch_size=256, verbose=0), y)
    return {f"val_{name}": value for name, value in figures.items()}


def _out_of_time(history: list[EpochRecord], started: float, max_minutes: float | None) -> bool:
    if max_minutes is None:
        return False
    expected = history[-1].seconds if history else 0.0
    return time.monotonic() - started + expected > 60 * max_minutes


def _require_progress(history: list[EpochRecord], n_before: int, max_minutes: float | None) -> None:
    """Refuse to stop where a resumed training began: repeating the command would never end."""
    if max_minutes and 0 < n_before == len(history):
        raise DataError(
            f"an epoch takes {history[-1].seconds / 60:.2g} minutes, and max_minutes is "
            f"{max_minutes:g}: no epoch can be trained in that time; allow more"
        )


def _facts(
    faces: NDArray[np.uint8],
    targets: NDArray[Any],
    n_classes: int,
    seed: int,
    validation: Validation | None,
) -> dict[str, Any]:
    """Return what, besides the recipe, must be the same for a checkpoint to be gone on with."""
    return {
        "n_classes": n_classes,
        "n_faces": len(faces),
        "faces": _hash(faces),
        "targets": _hash(targets),
        "validation": _hash(*validation) if validation else "",
        "seed": seed,
    }


def _hash(*arrays: NDArray[Any]) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
