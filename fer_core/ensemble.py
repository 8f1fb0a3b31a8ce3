"""Models that answer as one: a weighted average of what each says of a face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import DataError
from fer_core.lookup import look_up
from fer_core.pooling import EnsembleSpec

#: Up to so many faces the members work side by side: for one face two cores take three quarters of
#: the time. With more, each member keeps all cores busy by itself.
_FEW = 16


class Model(Protocol):
    """What harness, live app and store know of a model."""

    classes_: NDArray[np.int64]

    def predict_proba(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (n, k) of faces (n, 48, 48)."""


def takes_landmarks(model: Model) -> bool:
    """Return whether a model's ``predict_proba`` can use landmarks that are known."""
    return bool(getattr(model, "takes_landmarks", False))


def label_faces(
    model: Model, faces: NDArray[np.uint8], landmarks: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return a model's probabilities, sparing it the search for landmarks that are known.

    Parameters
    ----------
    model : Model
    faces : uint8 (n, 48, 48)
    landmarks : float32 (n, 68, 2) or None
        In crop pixels; for models that can use them, see `takes_landmarks`.

    Returns
    -------
    float32 (n, k)
    """
    if landmarks is not None and takes_landmarks(model):
        return model.predict_proba(faces, landmarks=landmarks)  # type: ignore[call-arg]
    return model.predict_proba(faces)


class Ensemble:
    """A weighted average of calibrated models.

    Parameters
    ----------
    spec : EnsembleSpec
    models : dict of str to Model
        The members by name, all with the same `classes_`.

    Raises
    ------
    DataError
        If a member is missing or has other classes.
    """

    def __init__(self, spec: EnsembleSpec, models: Mapping[str, Model]) -> None:
        self.spec = spec
        if missing := [m for m in spec.members if m not in models]:
            raise DataError(f"the ensemble's member '{missing[0]}' is missing")
        self.models = {m: models[m] for m in spec.members}
        self.classes_ = np.asarray(self.models[spec.members[0]].classes_)
        for name, model in self.models.items():
            if not np.array_equal(model.classes_, self.classes_):
                raise DataError(
                    f"the ensemble's member '{name}' has classes {list(model.classes_)}, "
                    f"'{spec.members[0]}' has {list(self.classes_)}"
                )

    @property
    def takes_landmarks(self) -> bool:
        """Whether any member can use landmarks; those that can't don't get them."""
        return any(map(takes_landmarks, self.models.values()))

    def predict_proba(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return probabilities.

        Parameters
        ----------
        faces : uint8 (n, 48, 48)
        landmarks : float32 (n, 68, 2) or None
            In crop pixels, where they are known.

        Returns
        -------
        float32 (n, k)
        """
        ask = [partial(label_faces, m, faces, landmarks) for m in self.models.values()]
        if len(ask) == 1 or len(faces) > _FEW:
            answers = [question() for question in ask]
        else:
            with ThreadPoolExecutor(len(ask) - 1) as pool:
                beside = [pool.submit(question) for question in ask[:-1]]
                last = ask[-1]()
                answers = [*(answer.result() for answer in beside), last]
        return self.spec.combine(dict(zip(self.models, answers, strict=True)))

    def only(self, members: Sequence[str]) -> Ensemble:
        """Return an ensemble of some of the members, their weights in the same proportions.

        Raises
        ------
        DataError
            If no member is named, or one that there is not.
        """
        chosen = {m: look_up(self.models, m, "member of the ensemble") for m in members}
        if not chosen:
            raise DataError("an ensemble needs at least one member")
        kept = [i for i, m in enumerate(self.spec.members) if m in chosen]
        total = sum(self.spec.weights[i] for i in kept)
        spec = replace(
            self.spec,
            members=tuple(self.spec.members[i] for i in kept),
            temperatures=tuple(self.spec.temperatures[i] for i in kept),
            weights=tuple(self.spec.weights[i] / total for i in kept),
            # That of the average makes up for members that disagree.
            temperature=self.spec.temperature if len(kept) > 1 else 1.0,
        )
        return Ensemble(spec, chosen)

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the most probable code of each face: int64 (n,)."""
        return self.classes_[self.predict_proba(faces).argmax(axis=1)]


def only_members(model: Model, name: str, members: Sequence[str]) -> Ensemble:
    """Return an ensemble called `name` of some of its members.

    Raises
    ------
    DataError
        If the model is no ensemble, or it has no member of a name.
    """
    if not isinstance(model, Ensemble):
        raise DataError(f"the model '{name}' is no ensemble, so that it has no members to choose")
    return model.only(members)
