"""What the benchmark can measure: pipelines and networks to fit, and models that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from fer_core.ensemble import Model
from fer_core.errors import ProtocolError
from fer_core.model_entry import (
    LICENCE,
    ONNX_LOADER,
    PIPELINE_LOADER,
    TRAINING,
    ModelEntry,
)
from fer_core.model_store import ModelStore
from fer_core.parts import LabelledPart, require_role
from fer_core.pipeline_files import serving_files
from fer_core.soft_labels import teach
from fer_core.tta import LOOKS, TTAClassifier
from fer_landmarks.serving import save_pipeline


@dataclass(frozen=True)
class Fitted:
    """What a fit gives.

    Attributes
    ----------
    model : Model
    seconds : float or None
        What the whole fit took, an interrupted one's earlier parts too; None if it was fitted
        elsewhere.
    facts : dict
        How it was trained, for its model card.
    training : dict of str to float
        What the training itself measured, see `fer_cnn.CNNClassifier.summary`.
    """

    model: Model
    seconds: float | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, float] = field(default_factory=dict)


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
    def scheme(self) -> str | None:
        """The label scheme it is made for; None for whatever the pictures have."""

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Fitted:
        """Fit on one part and watch the other; `workplace` may keep the state of a long fit."""

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
    scheme: str | None = None

    @property
    def licence(self) -> str:
        """What to know before using it."""
        from fer_landmarks.pipelines import licence_of

        return licence_of(self.make())

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Fitted:
        """Fit on the fitting part; nothing is chosen, so the validation part is not read."""
        from fer_landmarks.pipelines import fit_pipeline, soft_weight

        start = perf_counter()
        pipeline = self.make()
        soft, facts = teach(fitting, self.soft_labels, soft_weight(pipeline))
        model = fit_pipeline(pipeline, fitting, soft)
        return Fitted(model, perf_counter() - start, facts)

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
    scheme : str or None
    """

    name: str
    recipe: str
    seed: int
    description: str = ""
    soft_labels: str | None = None
    scheme: str | None = None
    family: str = "cnn"
    loader: str = ONNX_LOADER
    licence: str = LICENCE

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Fitted:
        """Train on the fitting part and log figures on the validation part.

        A training that `workplace` holds goes on, and one that is finished is taken as it is.
        """
        from fer_cnn import RECIPES, CNNClassifier
        from fer_cnn.start import require_same_classes, require_same_fitting

        require_role(fitting, "fit")
        require_role(validation, "validation")
        recipe = RECIPES[self.recipe]
        require_same_fitting(recipe.init, fitting)
        require_same_classes(recipe, fitting.scheme.labels)
        start = perf_counter()
        soft, facts = teach(fitting, self.soft_labels, recipe.soft_weight)
        model = CNNClassifier(self.recipe, seed=self.seed, out=workplace).fit(
            fitting.faces,
            fitting.y,
            validation=(validation.faces, validation.y),
            soft_labels=soft,
        )
        seconds = max(perf_counter() - start, sum(r.seconds for r in model.history_))
        return Fitted(model, seconds, {**model.facts(), **facts}, model.summary())

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
    scheme: str | None = None

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

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Fitted:
        """Load the model, if it was fitted on exactly these pictures.

        Raises
        ------
        ProtocolError
            If it was fitted on others, which may be among those that choose or measure.
        """
        require_role(fitting, "fit")
        self.require_same(fitting)
        measured = self.entry.metrics.get(TRAINING, {})
        return Fitted(self.store.load(self.name), None, _own_facts(self.entry), measured)

    def require_same(self, fitting: LabelledPart) -> None:
        """Refuse pictures that the model was not fitted on.

        Raises
        ------
        ProtocolError
        """
        told = self.entry.trained_on
        if not self.entry.fitted_on(fitting):
            raise ProtocolError(
                f"the stored model '{self.name}' was fitted on other pictures "
                f"({told.get('pictures')} of '{told.get('dataset')}', {self.entry.scheme}) than "
                f"this run fits on ({len(fitting)} of '{fitting.name}', {fitting.scheme.name}), or "
                "they were divided otherwise (--groups, --seed, --crop, --map), so it may know "
                "those that measure; fit it here, without --stored"
            )

    def save(self, model: Any, folder: Path) -> dict[str, Path]:
        """Return the stored files."""
        return {file.path: self.store.folder(self.entry) / file.path for file in self.entry.files}


#: What a model's name ends with if its answers are averaged over several looks.
TTA_ENDING = "-tta"


@dataclass(frozen=True)
class TTA:
    """A finished model of the run, its answers averaged over several looks at each face.

    Attributes
    ----------
    name, base : str
    store : ModelStore
        Of the run; holds the finished model `base`.
    family, loader, licence : str
        Those of `base`.
    """

    name: str
    base: str
    store: ModelStore
    family: str
    loader: str
    licence: str
    scheme: str | None = None

    @property
    def description(self) -> str:
        """One line for reports."""
        return f"{self.base}, averaged over {len(LOOKS)} looks at each face"

    def fit(self, fitting: LabelledPart, validation: LabelledPart, workplace: Path) -> Fitted:
        """Load the base; nothing is fitted."""
        entry = self.store.entry(self.base)
        return Fitted(TTAClassifier(self.store.load(entry.name)), None, _own_facts(entry))

    def save(self, model: Any, folder: Path) -> dict[str, Path]:
        """Return the base's files, without those for training on."""
        entry = self.store.entry(self.base)
        names = serving_files(file.path for file in entry.files)
        return {name: self.store.folder(entry) / name for name in names}


def _own_facts(entry: ModelEntry) -> dict[str, Any]:
    """Return how a stored model was trained, but what every model's card says anyway."""
    common = ("dataset", "protocol", "pictures", "fingerprint", "seed")
    return {k: v for k, v in entry.trained_on.items() if k not in common}
