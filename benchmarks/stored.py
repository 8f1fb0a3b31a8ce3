"""Stored models for tools that measure what is trained already."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.predictions import predict_in_batches
from benchmarks.worker import Notify
from fer_core.cli import names, seed
from fer_core.datasets.dataset import Dataset
from fer_core.ensemble import Ensemble, Model
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import Scheme, scheme_called
from fer_core.model_entry import ModelEntry
from fer_core.model_store import ModelStore
from fer_core.splits import TRAINING_PARTS, make_split


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which stored models to measure."""
    group = parser.add_argument_group("models")
    group.add_argument(
        "--models", type=names, metavar="A,B,…", help="names in the store (default: all of it)"
    )
    group.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of stored models, such as RUN/models (default: the shipped ones)",
    )


def add_measuring_arguments(
    parser: argparse.ArgumentParser, part: str, out: str
) -> argparse._ArgumentGroup:
    """Add what every such tool asks for; return the group for what only one does.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    part : {"validation", "test"}
        Measured by default.
    out : str
        Default folder, in words.
    """
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--part",
        choices=("validation", "test"),
        default=part,
        help="pictures to measure on; nothing is fitted or chosen here (default: %(default)s)",
    )
    group.add_argument("--out", type=Path, metavar="DIR", help=f"default: {out}")
    group.add_argument(
        "--seed",
        type=seed,
        default=0,
        help="of the split and all that is drawn (default: 0)",
    )
    return group


def chosen_models(args: argparse.Namespace) -> StoredModels:
    """Return the models that the options of `add_model_arguments` name."""
    return StoredModels(ModelStore(args.store), args.models or None)


class StoredModels:
    """Models of a store that predict the same faces, each member of an ensemble only once.

    Parameters
    ----------
    store : ModelStore
    names : sequence of str or None
        None for every model of the store. Second names such as ``landmarks`` stand for the models
        that they mean.

    Attributes
    ----------
    entries : dict of str to ModelEntry
        What the store says of each model, in the order asked for.

    Raises
    ------
    ModelStoreError
        If there is no model of a name, or none at all.
    """

    def __init__(self, store: ModelStore, names: Sequence[str] | None = None) -> None:
        self.store = store
        # An empty store has no first model either, and entry() says so.
        wanted = names if names is not None else sorted(store.entries()) or ["ensemble"]
        found = [store.entry(name) for name in wanted]
        self.entries: dict[str, ModelEntry] = {entry.name: entry for entry in found}
        self._loaded: dict[str, Model] = {}

    def family(self, name: str) -> str:
        """Return a model's family."""
        return self.entries[name].family

    def load(self, name: str) -> Model:
        """Return a model, loaded on first use; ensembles share members with the rest."""
        if name not in self._loaded:
            model = self.store.load(name)
            if isinstance(model, Ensemble):
                for member, loaded in model.models.items():
                    self._loaded.setdefault(member, loaded)
                model = Ensemble(model.spec, {m: self._loaded[m] for m in model.models})
            self._loaded[name] = model
        return self._loaded[name]

    def scheme(self) -> Scheme:
        """Return what all these models answer in.

        Raises
        ------
        DataError
            If they don't answer in the same classes.
        """
        first, *others = self.entries.values()
        for entry in others:
            if entry.labels != first.labels:
                raise DataError(
                    f"{self.store.root}: the model '{first.name}' knows the classes "
                    f"{', '.join(first.labels)}, and '{entry.name}' {', '.join(entry.labels)}; "
                    "name models of the same classes with --models"
                )
        return scheme_called(first.scheme, first.labels)

    def require_scheme(self, scheme: Scheme) -> None:
        """Refuse models whose probabilities are of other classes than `scheme`'s.

        Raises
        ------
        DataError
        """
        for name, entry in self.entries.items():
            if entry.labels != scheme.labels or entry.codes != tuple(scheme.classes.tolist()):
                raise DataError(
                    f"{self.store.root}: the model '{name}' knows the classes "
                    f"{', '.join(entry.labels)}, and the pictures have "
                    f"{', '.join(scheme.labels)}; name other models with --models"
                )

    def held_part(
        self, dataset: Dataset, part: str, seed: int
    ) -> tuple[Dataset, NDArray[np.bool_]]:
        """Return the pictures of a part to measure on, and which have a copy among those fitted.

        Raises
        ------
        ProtocolError
            If the part was drawn from the training pictures, of which a model was fitted on
            others than this division leaves to it: it may know the ones that measure.
        """
        split = make_split(dataset, seed=seed)
        held: Dataset = split.validation if part == "validation" else split.test.reveal()
        copied = split.test.copied if part == "test" else np.zeros(len(held), dtype=bool)
        if np.isin(held.parts, TRAINING_PARTS).any():
            for name, entry in self.entries.items():
                if entry.fitted_on_others_of(split.fitting):
                    raise ProtocolError(
                        f"the {part} pictures are drawn from the training pictures of "
                        f"'{dataset.name}', some of which '{name}' was fitted on; use the whole "
                        "dataset, in the same form, and the seed that it was fitted with "
                        f"({entry.trained_on.get('seed')}), or a test part that the data give"
                    )
        return held, copied

    def predict(
        self, faces: NDArray[np.uint8], notify: Notify | None = None
    ) -> Mapping[str, NDArray[np.float32]]:
        """Return each model's probabilities, float32 (n, k), of faces uint8 (n, 48, 48)."""
        known: dict[str, NDArray[np.float32]] = {}
        return {
            name: self._predict(name, self.load(name), faces, known, notify)
            for name in self.entries
        }

    def predict_one(self, name: str, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return one model's probabilities, float32 (n, k), of faces uint8 (n, 48, 48)."""
        return self._predict(name, self.load(name), faces, {}, None)

    def _predict(
        self,
        name: str,
        model: Model,
        faces: NDArray[np.uint8],
        known: dict[str, NDArray[np.float32]],
        notify: Notify | None,
    ) -> NDArray[np.float32]:
        if name not in known:
            if notify is not None:
                notify(f"{name}: {len(faces)} faces")
            if isinstance(model, Ensemble):
                parts = {
                    m: self._predict(m, member, faces, known, notify)
                    for m, member in model.models.items()
                }
                known[name] = model.spec.combine(parts)
            else:
                known[name] = predict_in_batches(model, faces)
        return known[name]
