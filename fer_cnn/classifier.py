"""A network as a scikit-learn classifier: Keras to train, ONNX Runtime to predict."""

from __future__ import annotations

import logging
import math
import tempfile
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from fer_cnn.export import export_onnx, require_exporter
from fer_cnn.half_precision import save_to_go_on_from
from fer_cnn.history import EpochRecord
from fer_cnn.quantize import quantize_onnx
from fer_cnn.recipe import Recipe
from fer_cnn.recipes import get_recipe
from fer_cnn.start import entry_of, require_same_classes
from fer_cnn.training import train
from fer_core.datasets.dataset import check_faces
from fer_core.errors import DataError, FerError
from fer_core.files import write_atomically
from fer_core.onnx_model import OnnxClassifier

logger = logging.getLogger(__name__)


class TrainingStopped(FerError):
    """A training's time was over before its last epoch."""


class CNNClassifier(ClassifierMixin, BaseEstimator):
    """A convolutional network trained by a recipe.

    Parameters
    ----------
    recipe : str or Recipe
        Name in `fer_cnn.recipes.RECIPES`, or a recipe of one's own.
    seed : int
        Initial weights, order and augmentation.
    out : path or None
        Folder for checkpoints; a training that it holds goes on.
    max_minutes : float or None
        See `fer_cnn.training.train`.

    Attributes
    ----------
    classes_ : (k,)
        Labels of the probability columns, sorted.
    history_ : list of EpochRecord
    best_epoch_ : int
        Number of the epoch whose weights the network has.
    measured_ : EpochRecord
        What training measured of the network as it is.
    keras_file_, onnx_file_ : bytes
        The fitted network, as saved by Keras and as exported to ONNX.
    """

    def __init__(
        self,
        recipe: str | Recipe = "compact",
        *,
        seed: int = 0,
        out: str | Path | None = None,
        max_minutes: float | None = None,
    ) -> None:
        self.recipe = recipe
        self.seed = seed
        self.out = out
        self.max_minutes = max_minutes

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        validation: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
        soft_labels: NDArray[np.float32] | None = None,
    ) -> CNNClassifier:
        """Train the network.

        Parameters
        ----------
        X : uint8 (n, 48, 48)
            Faces.
        y : int or str (n,)
            Labels, of two classes at least.
        validation : (faces, y) or None
            Measured after every epoch; some recipes lower the rate, stop early or choose the best
            epoch by it. Faces of classes that `y` lacks are left out.
        soft_labels
            See `fer_cnn.training.train`; one column for each of the labels in `y`, sorted.

        Raises
        ------
        DataError
            If faces are not uint8 (n, 48, 48), `y` isn't one label for each, or no label to
            validate on is among them.
        TrainingStopped
            If `max_minutes` is over before the last epoch; the checkpoint in `out` stays.
        """
        faces = check_faces(X)
        classes, codes = np.unique(_labels(y, len(faces)), return_inverse=True)
        if len(classes) < 2:
            raise DataError(f"a classifier needs two classes to tell apart; y holds {classes}")
        if validation is not None:
            if not isinstance(validation, tuple | list) or len(validation) != 2:
                raise DataError("validation must be a pair: faces, and a label for each")
            validation = _validation(*validation, classes)
        seed, recipe = _whole(self.seed), self._recipe()
        require_same_classes(recipe, classes.tolist())
        if self.out is None:  # where a checkpoint is kept, it may be exported on another machine
            require_exporter()
        training = train(
            recipe,
            faces,
            codes,
            len(classes),
            validation=validation,
            soft_labels=None if soft_labels is None else np.asarray(soft_labels),
            seed=seed,
            out=None if self.out is None else Path(self.out),
            max_minutes=self.max_minutes,
            on_epoch=lambda record: logger.info(describe_epoch(record, recipe.epochs)),
        )
        if not training.finished:
            done = f"{len(training.history)} of {recipe.epochs} epochs"
            raise TrainingStopped(
                f"stopped after {done}, as max_minutes={self.max_minutes:g} asks"
                + (f"; it can go on from {self.out}" if self.out and training.history else "")
            )
        self.history_ = training.history
        self.best_epoch_ = training.kept
        self.measured_ = training.history[training.kept - 1]
        if training.blended:  # a network that was never fitted as it is
            self.measured_ = replace(
                self.measured_, loss=math.nan, accuracy=math.nan, **training.blended
            )
        with tempfile.TemporaryDirectory() as folder:
            keras_file, onnx_file = Path(folder) / "model.keras", Path(folder) / "model.onnx"
            save_to_go_on_from(training.model, keras_file)
            try:
                export_onnx(keras_file, onnx_file, recipe.views)
            except FerError as error:
                kept = f"; the training is kept in {self.out}: resume it once that is mended"
                raise FerError(f"{error}{kept if self.out else ''}") from error
            self.kept_ = quantize_onnx(onnx_file, faces) if recipe.quantized else 1.0
            self.keras_file_ = keras_file.read_bytes()
            self.onnx_file_ = onnx_file.read_bytes()
        self._serving = OnnxClassifier(self.onnx_file_, np.arange(len(classes)))
        self.classes_ = classes
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return probabilities float32 (n, k) of faces uint8 (n, 48, 48)."""
        check_is_fitted(self, "onnx_file_")
        return self._serving.predict_proba(np.asarray(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of each face (n,)."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def facts(self) -> dict[str, Any]:
        """Return how the network was trained and answers, for its model card."""
        check_is_fitted(self, "onnx_file_")
        recipe = self._recipe()
        return {
            "recipe": recipe.name,
            "weights": _began_with(recipe),
            "epochs": len(self.history_),
            "epoch": self.best_epoch_,
            **({"network seed": recipe.network_seed} if recipe.network_seed else {}),
            "views": recipe.views,
            "arithmetic": f"8-bit integers, {self.kept_:.1%} of labels as in float32"
            if recipe.quantized
            else "float32",
        }

    def summary(self) -> dict[str, float]:
        """Return what the training measured of the network, but for what is not known.

        As it trained, in floating point and one view a face: what is served is measured apart.
        """
        check_is_fitted(self, "onnx_file_")
        best = self.measured_
        figures = {
            "fitting accuracy (augmented)": best.accuracy,
            "validation accuracy": best.val_accuracy,
            "delta": best.accuracy - best.val_accuracy,
            "validation log loss": best.val_loss,
            "validation precision": best.val_precision,
            "validation recall": best.val_recall,
            "validation F1": best.val_f1,
            "validation AUC": best.val_auc,
            "validation accuracy per label": best.val_binary_accuracy,
            "seconds an epoch": sum(r.seconds for r in self.history_) / len(self.history_),
        }
        return {name: value for name, value in figures.items() if math.isfinite(value)}

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write ``model.keras``, to train on, and ``model.onnx``, to serve; return their paths."""
        check_is_fitted(self, "onnx_file_")
        paths = {}
        for name, content in (("model.keras", self.keras_file_), ("model.onnx", self.onnx_file_)):
            with write_atomically(Path(folder) / name) as path:
                path.write_bytes(content)
            paths[name] = Path(folder) / name
        return paths

    def _recipe(self) -> Recipe:
        if not isinstance(self.recipe, str | Recipe):
            raise DataError(f"recipe must be a name or a Recipe. Got {self.recipe!r} instead.")
        return get_recipe(self.recipe) if isinstance(self.recipe, str) else self.recipe


def _whole(seed: object) -> int:
    if not isinstance(seed, Integral):
        raise DataError(f"seed must be a whole number. Got {seed!r} instead.")
    return int(seed)


def _began_with(recipe: Recipe) -> str:
    """Say which weights a training began with, and what share of them was averaged in again."""
    if not recipe.init:
        return recipe.weights
    known = entry_of(recipe.init)  # a second name such as cnn may mean another network one day
    averaged = f", averaged in again by {recipe.blend:g}" if recipe.blend else ""
    return f"network {known.name if known else recipe.init}{averaged}"


def _labels(y: ArrayLike, n: int) -> NDArray[Any]:
    """Return the labels of `n` faces, or say what is wrong with them."""
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise DataError(f"y must hold one label for each of {n} faces. Got shape {labels.shape}.")
    try:
        check_classification_targets(labels)
        np.unique(labels)  # words and numbers have no order
    except (TypeError, ValueError) as error:
        raise DataError(f"y must hold labels, whole numbers or words: {error}") from error
    return labels


def _validation(
    faces: ArrayLike, y: ArrayLike, classes: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the faces to validate on whose class is among `classes`, and its place there."""
    checked = check_faces(faces)
    labels = _labels(y, len(checked))
    known = np.isin(labels, classes)
    if len(known) and not known.any():
        raise DataError(
            f"none of the labels to validate on ({np.unique(labels)}) is one to train on "
            f"({classes})"
        )
    return checked[known], np.searchsorted(classes, labels[known])


def describe_epoch(record: EpochRecord, epochs: int) -> str:
    """Return an epoch's figures as one line."""
    return (
        f"epoch {record.epoch}/{epochs}: loss {record.loss:.3f}, accuracy {record.accuracy:.3f}, "
        f"validation loss {record.val_loss:.3f}, accuracy {record.val_accuracy:.3f} "
        f"({record.seconds:.0f} s)"
    )
