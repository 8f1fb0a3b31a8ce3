"""Checkpoints: what a training needs to go on as if it had not been interrupted.

A training's folder holds a checkpoint (weights, optimiser, number of epochs), the history, the
settings, and the weights of the best epoch where those are kept. Every file is written whole or not
at all, in an order in which a kill between two of them loses nothing.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_cnn.architectures import build
from fer_cnn.history import EpochRecord, read_history, write_history
from fer_cnn.phases import compile_for, phase_at
from fer_cnn.recipe import Recipe, differing_settings, training_settings
from fer_core.errors import FerError
from fer_core.extras import require
from fer_core.files import write_atomically

logger = logging.getLogger(__name__)

#: Files of a training folder.
CHECKPOINT = "checkpoint.keras"
HISTORY = "history.csv"
SETTINGS = "training.json"
#: Weights of the best epoch so far; the number lets the history say which file counts.
BEST = "best-{:04d}.weights.h5"

#: Inside the checkpoint, so that weights and number can't disagree.
_PROGRESS = "progress.json"

#: The optimiser's variables, in order: Keras's own form names a class of the backend that wrote it,
#: which the others can't load.
_OPTIMIZER = "optimizer.npz"


def resume(
    out: Path, recipe: Recipe, facts: Mapping[str, Any], steps_per_epoch: int
) -> tuple[Any, list[EpochRecord]] | None:
    """Return the model and the history of the training in `out`, or None if it holds none.

    Parameters
    ----------
    out : Path
    recipe : Recipe
    facts : dict of str to object
        What else must be the same: pictures, labels, seed.
    steps_per_epoch : int

    Raises
    ------
    FerError
        If `out` holds another training, one by an older version, or a damaged one.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return None
    keras = require("keras", "train")
    try:
        stored = json.loads((out / SETTINGS).read_text())
        differing = [k for k in sorted(facts) if stored.get(k) != facts[k]]
        differing += differing_settings(stored["recipe"], recipe)
        if differing:
            raise FerError(
                f"{out}: holds another training (different: {', '.join(differing)}); "
                "choose another folder or remove this one"
            )
        done, state = _progress(path)
        history = read_history(out / HISTORY)[:done]
        if len(history) < done:
            raise ValueError(f"{HISTORY} has {len(history)} of {done} epochs")
        model = keras.saving.load_model(path, compile=False)
        if not recipe.init and _shapes(model) != _shapes(
            build(recipe.architecture, model.output_shape[-1], **recipe.options)
        ):
            raise FerError(
                f"{out}: an older version of fer-ensemble built this network otherwise; go on with "
                "that version, or remove the folder and begin anew"
            )
        compile_for(model, recipe, phase_at(recipe, done - 1), steps_per_epoch)
        for variable, value in zip(model.optimizer.variables, state, strict=True):
            variable.assign(value)
    except FerError:
        raise
    except Exception as error:  # a damaged file makes Keras raise anything
        raise FerError(
            f"{out}: the training there is damaged and can't go on ({error}); remove the folder "
            "or choose another one, and begin anew"
        ) from error
    logger.info("going on after epoch %d of %s", done, out)
    return model, history


def save(
    out: Path, model: Any, history: Sequence[EpochRecord], recipe: Recipe, facts: Mapping[str, Any]
) -> None:
    """Write the state after the last epoch of `history`."""
    convert = require("keras", "train").ops.convert_to_numpy
    # History first: rows beyond the checkpoint are cut off on resuming, missing ones can't be made.
    write_history(out / HISTORY, history)
    with write_atomically(out / SETTINGS) as path:
        path.write_text(json.dumps({"recipe": training_settings(recipe), **facts}, indent=1))
    with write_atomically(out / CHECKPOINT) as path:
        model.save(path, include_optimizer=False)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(_PROGRESS, json.dumps({"epochs": len(history)}))
            with archive.open(_OPTIMIZER, "w") as file:
                np.savez(file, *map(convert, model.optimizer.variables))


class BestWeights:
    """The weights of the best epoch, in a folder or in memory.

    Parameters
    ----------
    out : Path or None
    """

    def __init__(self, out: Path | None) -> None:
        self.out = out
        self._weights: list[Any] = []

    def keep(self, model: Any, epoch: int) -> None:
        """Keep the weights that `model` has, as those of `epoch`; call before the checkpoint."""
        if self.out is None:
            self._weights = [np.array(weight) for weight in model.get_weights()]
            return
        with write_atomically(self.out / BEST.format(epoch)) as path:
            # Keras looks at the last two suffixes; the temporary name has one.
            whole = path.with_suffix(".weights.h5")
            try:
                model.save_weights(whole)
                whole.replace(path)
            finally:
                whole.unlink(missing_ok=True)

    def clear_before(self, epoch: int) -> None:
        """Remove weights of epochs before `epoch`; call after the checkpoint."""
        for path in self._files():
            if path.name < BEST.format(epoch):
                path.unlink()

    def restore(self, model: Any, epoch: int) -> None:
        """Give `model` the weights of `epoch`."""
        if self.out is None:
            model.set_weights(self._weights)
        else:
            model.load_weights(self.out / BEST.format(epoch))

    def _files(self) -> list[Path]:
        return [] if self.out is None else sorted(self.out.glob(BEST.replace("{:04d}", "*")))


def _shapes(model: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in model.weights]


def _progress(path: Path) -> tuple[int, list[Any]]:
    """Return how many epochs a checkpoint has, and its optimiser's variables."""
    with zipfile.ZipFile(path) as archive:
        if _OPTIMIZER not in archive.namelist():
            raise FerError(
                f"{path}: an older version of fer-ensemble wrote this checkpoint; go on with that "
                "version, or remove the folder and begin anew"
            )
        epochs = int(json.loads(archive.read(_PROGRESS))["epochs"])
        with np.load(io.BytesIO(archive.read(_OPTIMIZER))) as stored:
            return epochs, [stored[name] for name in stored.files]
