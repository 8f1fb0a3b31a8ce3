"""Training that can be stopped at any epoch and goes on as if it had not been."""

from __future__ import annotations

import csv
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_cnn.architectures import build
from fer_cnn.batches import epoch_batches
from fer_cnn.recipes import Recipe
from fer_core.errors import DataError, FerError
from fer_core.extras import require
from fer_core.files import write_atomically

logger = logging.getLogger(__name__)

#: Files of a training folder.
CHECKPOINT = "checkpoint.keras"
HISTORY = "history.csv"
SETTINGS = "training.json"


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch cost and reached; validation figures are NaN where there is none."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Training:
    """The state of a training.

    Attributes
    ----------
    model : keras.Model
        With the weights of the last epoch.
    history : list of EpochRecord
    finished : bool
        False if it was stopped at a checkpoint before its last epoch.
    """

    model: Any
    history: list[EpochRecord]
    finished: bool


def train(
    recipe: Recipe,
    faces: NDArray[np.uint8],
    y: NDArray[np.int64],
    n_classes: int,
    *,
    validation: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
    seed: int = 0,
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
        Watched and logged after every epoch; never fitted on.
    seed : int
        Initial weights, order and augmentation.
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
        If there are no faces, or a label outside 0..n_classes-1.
    FerError
        If `out` holds another training.
    """
    if len(faces) == 0 or len(faces) != len(y):
        raise DataError(f"training needs one label a face; got {len(faces)} faces, {len(y)} labels")
    if y.min() < 0 or y.max() >= n_classes:
        raise DataError(f"labels must be 0 to {n_classes - 1}; got {y.min()} to {y.max()}")
    started = time.monotonic()
    keras = require("keras", "train")
    keras.utils.set_random_seed(seed)
    settings = _settings(recipe, faces, y, n_classes, seed)
    model = _compiled(recipe, n_classes, len(faces))
    history = _resume(model, out, settings) if out else []
    targets = np.eye(n_classes, dtype=np.float32)[y]
    for epoch in range(len(history), recipe.epochs):
        if _out_of_time(history, started, max_minutes):
            return Training(model, history, finished=False)
        began = time.monotonic()
        _seed_dropout(model, seed, epoch)
        batches = epoch_batches(
            faces,
            targets,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation,
            seed=seed,
            epoch=epoch,
        )
        # The batches are shuffled already; Keras would shuffle them by a global random state.
        fitted = model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0)
        log = fitted.history
        val_loss, val_accuracy = _evaluate(model, validation)
        record = EpochRecord(
            epoch=epoch + 1,
            loss=log["loss"][0],
            accuracy=log["accuracy"][0],
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            seconds=time.monotonic() - began,
        )
        history.append(record)
        if out:
            _save(out, model, history, settings)
        if on_epoch:
            on_epoch(record)
    return Training(model, history, finished=True)


def _compiled(recipe: Recipe, n_classes: int, n_faces: int) -> Any:
    keras = require("keras", "train")
    model = build(recipe.architecture, n_classes, **recipe.options)
    size = min(recipe.batch_size, n_faces)
    steps = recipe.epochs * (n_faces // size)
    warmup = int(recipe.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 25,
        decay_steps=max(steps - warmup, 1),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(
        optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        # Measured on two cores with TensorFlow: XLA's convolutions take 1.3 times as long.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    return model


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Let dropout follow from `seed` and `epoch`: a saved model leaves its random state out."""
    rng = np.random.default_rng([seed, epoch])
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign([rng.integers(2**31), 0])


def _evaluate(
    model: Any, validation: tuple[NDArray[np.uint8], NDArray[np.int64]] | None
) -> tuple[float, float]:
    """Return log loss and accuracy."""
    if validation is None or len(validation[0]) == 0:
        return float("nan"), float("nan")
    faces, y = validation
    proba = np.asarray(model.predict(faces, batch_size=256, verbose=0), dtype=np.float64)
    chosen = proba[np.arange(len(y)), y]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean()), float((proba.argmax(1) == y).mean())


def _out_of_time(history: list[EpochRecord], started: float, max_minutes: float | None) -> bool:
    if max_minutes is None:
        return False
    expected = history[-1].seconds if history else 0.0
    return time.monotonic() - started + expected > 60 * max_minutes


def _settings(
    recipe: Recipe, faces: NDArray[np.uint8], y: NDArray[np.int64], n_classes: int, seed: int
) -> dict[str, Any]:
    """Return what must be the same for a checkpoint to be gone on with."""
    return {
        "recipe": asdict(recipe),
        "n_classes": n_classes,
        "n_faces": len(faces),
        "face_sum": int(faces.sum(dtype=np.int64)),
        "label_sum": int(np.dot(y.astype(np.int64), np.arange(1, len(y) + 1))),
        "seed": seed,
    }


def _resume(model: Any, out: Path, settings: dict[str, Any]) -> list[EpochRecord]:
    """Bring `model` to the state of the checkpoint in `out`, if there is one."""
    if not (out / CHECKPOINT).exists():
        return []
    stored = json.loads((out / SETTINGS).read_text())
    if stored != json.loads(json.dumps(settings)):
        differing = sorted(k for k in settings if stored.get(k) != settings[k])
        raise FerError(
            f"{out}: holds another training (different: {', '.join(differing)}); "
            "choose another folder or remove this one"
        )
    keras = require("keras", "train")
    saved = keras.saving.load_model(out / CHECKPOINT)
    # Values are copied into a freshly compiled model, because a loaded optimiser has forgotten
    # which variables weight decay leaves alone.
    model.optimizer.build(model.trainable_variables)
    for mine, theirs in (
        (model.variables, saved.variables),
        (model.optimizer.variables, saved.optimizer.variables),
    ):
        for variable, value in zip(mine, theirs, strict=True):
            variable.assign(value)
    batch = min(settings["recipe"]["batch_size"], settings["n_faces"])
    # The optimiser counts its steps inside the checkpoint, so weights and history can't disagree.
    done = int(model.optimizer.iterations) // (settings["n_faces"] // batch)
    logger.info("going on after epoch %d of %s", done, out)
    return read_history(out / HISTORY)[:done]


def read_history(path: Path) -> list[EpochRecord]:
    """Read the history that a training wrote."""
    with open(path, newline="") as file:
        return [
            EpochRecord(int(row.pop("epoch")), **{k: float(v) for k, v in row.items()})
            for row in csv.DictReader(file)
        ]


def _save(out: Path, model: Any, history: list[EpochRecord], settings: dict[str, Any]) -> None:
    # History first: rows beyond the checkpoint are cut off on resuming, missing ones can't be made.
    with write_atomically(out / HISTORY) as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(history[0])))
        writer.writeheader()
        writer.writerows(asdict(record) for record in history)
    with write_atomically(out / SETTINGS) as path:
        path.write_text(json.dumps(settings, indent=1))
    with write_atomically(out / CHECKPOINT) as path:
        model.save(path)
