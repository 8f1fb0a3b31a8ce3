"""The models that the benchmark can fit, by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from fer_core.ensemble import Model
from fer_core.errors import DataError, MissingExtraError, ProtocolError
from fer_core.extras import how_to_install
from fer_core.lookup import look_up
from fer_core.model_entry import (
    LANDMARKS_LICENCE,
    NETWORK_LICENCE,
    ONNX_LOADER,
    PIPELINE_LOADER,
    ModelEntry,
)
from fer_core.model_store import ModelStore
from fer_core.soft_labels import soft_labels_of
from fer_core.splits import LabelledPart, require_role
from fer_landmarks.serving import save_pipeline

#: Names of the ensembles, which are made of whatever else was fitted: the best one, and the best
#: that is fast enough for video.
ENSEMBLE, ENSEMBLE_LIVE = "ensemble", "ensemble-live"
CNN = "cnn"

#: Recipe of `cnn`, and of `cnn` where the pictures are few.
_RECIPE, _SMALL_RECIPE = "compact", "tiny"


class Candidate(Protocol):
    """Something that can be fitted, saved and measured."""

    @property
    def name(self) -> str:
        """Name in tables and files."""

    @property
    def family(self) -> str:
        """``"landmarks"`` or ``"cnn"``."""

    @property
    def description(self) -> str:
        """One line for reports."""

    @property
    def loader(self) -> str:
        """The function that the model store loads it with."""

    @property
    def licence(self) -> str:
        """What to know before using the fitted model."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """How it is trained, for its model card."""

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Model:
        """Fit on one part and watch the other; `workplace` may keep the state of a long fit."""

    def fit_seconds(self, model: Any, elapsed: float) -> float | None:
        """Return how long the whole fit took, of which the last call took `elapsed`."""

    def save(self, model: Any, folder: Path) -> dict[str, Path]:
        """Write the model's files to `folder`; return them by name."""


@dataclass(frozen=True)
class Classical:
    """A scikit-learn pipeline whose first step takes faces.

    Attributes
    ----------
    name, description : str
    make : callable
        Makes an unfitted pipeline; must be picklable.
    soft_labels : str or None
        Where they come from, see `fer_core.soft_labels.soft_labels_of`.
    """

    name: str
    make: Callable[[], Any]
    description: str = ""
    soft_labels: str | None = None
    family: str = "landmarks"
    loader: str = PIPELINE_LOADER
    licence: str = LANDMARKS_LICENCE

    @property
    def facts(self) -> Mapping[str, Any]:
        """Whether it learnt from soft labels."""
        return _taught_by(self.soft_labels)

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Model:
        """Fit on the fitting part; nothing is chosen, so the validation part is not read."""
        from fer_landmarks.pipelines import fit_pipeline

        soft = soft_labels_of(fitting, self.soft_labels)[0] if self.soft_labels else None
        model: Model = fit_pipeline(self.make(), fitting, soft)
        return model

    def fit_seconds(self, model: Any, elapsed: float) -> float:
        """Return `elapsed`: a pipeline is fitted in one call."""
        return elapsed

    def save(self, model: Any, folder: Path) -> dict[str, Path]:
        """Write the form to serve and the one to work on with."""
        return save_pipeline(model, folder)


@dataclass(frozen=True)
class Network:
    """A network trained by a recipe, served by ONNX Runtime.

    Attributes
    ----------
    name, recipe : str
    seed : int
    description : str
    soft_labels : str or None
        Where they come from, see `fer_core.soft_labels.soft_labels_of`.
    """

    name: str
    recipe: str
    seed: int
    description: str = ""
    soft_labels: str | None = None
    family: str = "cnn"
    loader: str = ONNX_LOADER
    licence: str = NETWORK_LICENCE

    @property
    def facts(self) -> Mapping[str, Any]:
        """The recipe, and whether it learnt from soft labels."""
        return {"recipe": self.recipe, **_taught_by(self.soft_labels)}

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Model:
        """Train on the fitting part and log figures on the validation part.

        A training that `workplace` holds goes on, and one that is finished is taken as it is.
        """
        from fer_cnn import RECIPES, CNNClassifier
        from fer_cnn.start import require_same_fitting

        require_role(fitting, "fit")
        require_role(validation, "validation")
        require_same_fitting(RECIPES[self.recipe].init, fitting)
        soft = soft_labels_of(fitting, self.soft_labels)[0] if self.soft_labels else None
        model: Model = CNNClassifier(self.recipe, seed=self.seed, out=workplace).fit(
            fitting.faces,
            fitting.y,
            validation=(validation.faces, validation.y),
            soft_labels=soft,
        )
        return model

    def fit_seconds(self, model: Any, elapsed: float) -> float:
        """Return the time of all epochs, those before an interruption too."""
        return max(elapsed, sum(record.seconds for record in model.history_))

    def save(self, model: Any, folder: Path) -> dict[str, Path]:
        """Write the Keras file for training on and the ONNX file for serving."""
        files: dict[str, Path] = model.save(folder)
        return files


@dataclass(frozen=True)
class Stored:
    """A model that a store holds already, measured as it is.

    Attributes
    ----------
    entry : ModelEntry
    store : ModelStore
    """

    entry: ModelEntry
    store: ModelStore
    description: str = "as stored"

    @property
    def name(self) -> str:
        """Name in the store."""
        return self.entry.name

    @property
    def family(self) -> str:
        """As the store says."""
        return self.entry.family

    @property
    def loader(self) -> str:
        """As the store says."""
        return self.entry.loader

    @property
    def licence(self) -> str:
        """As the store says."""
        return self.entry.licence

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the store says of the training, but for what every model's card says."""
        common = ("dataset", "protocol", "pictures", "fingerprint", "seed")
        return {k: v for k, v in self.entry.trained_on.items() if k not in common}

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Model:
        """Load the model, if it was fitted on exactly these pictures.

        Raises
        ------
        ProtocolError
            If it was fitted on others, which may be among those that choose or measure.
        """
        require_role(fitting, "fit")
        if not self.entry.fitted_on(fitting):
            told = self.entry.trained_on
            raise ProtocolError(
                f"the stored model '{self.name}' was fitted on other pictures "
                f"({told.get('pictures')} of '{told.get('dataset')}', {self.entry.scheme}) than "
                f"this run fits on ({len(fitting)} of '{fitting.name}', {fitting.scheme.name}), so "
                "it may know those that measure; fit it here, without --stored"
            )
        return self.store.load(self.name)

    def fit_seconds(self, model: Any, elapsed: float) -> float | None:
        """Return None: it was fitted elsewhere."""
        return None

    def save(self, model: Any, folder: Path) -> dict[str, Path]:
        """Return the stored files."""
        return {file.path: self.store.folder(self.entry) / file.path for file in self.entry.files}


def known_models(
    *,
    seed: int = 0,
    small: bool = False,
    soft_labels: Mapping[str, str] | None = None,
    stored: Sequence[str] = (),
) -> dict[str, Candidate]:
    """Return every model that can be asked for by name.

    Parameters
    ----------
    seed : int
        Of everything random in fitting.
    small : bool
        Whether `cnn` is the small network for few pictures.
    soft_labels : dict of str to str or None
        Model to where its soft labels come from.
    stored : sequence of str
        Shipped models that are measured as they are.

    Raises
    ------
    DataError
        If `soft_labels` names a model that there is not, or that can't learn from them.
    ModelStoreError
        If there is no shipped model of a name.
    """
    from fer_cnn.recipes import RECIPES
    from fer_landmarks.pipelines import list_pipelines, make_pipeline, require_soft_labels

    soft = soft_labels or {}
    table: dict[str, Candidate] = {
        name: Classical(
            name, partial(make_pipeline, name, random_state=seed), description, soft.get(name)
        )
        for name, description in list_pipelines().items()
    }
    recipe = RECIPES[_SMALL_RECIPE if small else _RECIPE]
    table[CNN] = Network(CNN, recipe.name, seed, recipe.description, soft.get(CNN))
    for recipe in RECIPES.values():
        name = f"{CNN}-{recipe.name}"
        table[name] = Network(name, recipe.name, seed, recipe.description, soft.get(name))
    for name in soft:
        model = look_up(table, name, "model")
        if isinstance(model, Classical):
            require_soft_labels(name, model.make())
    store = ModelStore()
    return table | {name: Stored(store.entry(name), store) for name in stored}


def _taught_by(soft_labels: str | None) -> Mapping[str, Any]:
    return {} if soft_labels is None else {"soft labels": Path(soft_labels).stem}


def choose_models(
    names: Sequence[str] | None, known: Mapping[str, Candidate], default: Sequence[str]
) -> tuple[list[Candidate], list[str]]:
    """Return the candidates asked for, and sentences on what was left out.

    Parameters
    ----------
    names : sequence of str or None
        None for the default models, without those whose libraries are missing.
    known : dict of str to Candidate
    default : sequence of str

    Raises
    ------
    DataError
        If there is no model of a name, or none is left to fit.
    MissingExtraError
        If a network is asked for by name where TensorFlow is missing.
    """
    ensembles = (ENSEMBLE, ENSEMBLE_LIVE)
    asked = [name for name in dict.fromkeys(names or default) if name not in ensembles]
    chosen, left_out = [], []
    for name in asked:
        candidate = look_up(known, name, "model")
        if isinstance(candidate, Network) and not can_train_networks():
            sentence = (
                f"'{name}' needs TensorFlow to be trained, which is not installed; "
                f"{how_to_install('train')}"
            )
            if names is not None:
                raise MissingExtraError(sentence)
            left_out.append(sentence)
        else:
            chosen.append(candidate)
    if not chosen:
        raise DataError(
            f"no model is left to fit; name some with --models, for example {','.join(default[:2])}"
        )
    return chosen, left_out


def can_train_networks() -> bool:
    """Return whether Keras and TensorFlow are installed, without loading them."""
    return all(importlib.util.find_spec(module) for module in ("keras", "tensorflow"))
