"""Calibrated members, weighted by what each adds to the log loss on validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.calibration import apply_temperature, check_probabilities, fit_temperature
from fer_core.errors import DataError

#: Pull towards equal weights, in nats for each unit of squared distance from them. Validation
#: parts have thousands of pictures, where this hardly matters, or thirty, where it keeps one
#: lucky member from taking everything.
EQUAL_WEIGHT_PULL = 0.01

#: Weights below this are dropped to zero: such a member costs time and changes no label.
_NEGLIGIBLE = 0.01


class Model(Protocol):
    """What harness, live app and store know of a model."""

    classes_: NDArray[np.int64]

    def predict_proba(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (n, k) of faces (n, 48, 48)."""


@dataclass(frozen=True)
class EnsembleSpec:
    """Members by name, their temperatures and their weights.

    Attributes
    ----------
    members : tuple of str
    temperatures : tuple of float
        Applied to each member's probabilities before they are averaged.
    weights : tuple of float
        Non-negative, sum to 1.
    temperature : float
        Applied to the average: members that disagree make it less sure than it is right.
    """

    members: tuple[str, ...]
    temperatures: tuple[float, ...]
    weights: tuple[float, ...]
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not len(self.members) == len(self.temperatures) == len(self.weights) > 0:
            raise DataError(
                "an ensemble needs one temperature and one weight for each of its members. Got "
                f"{len(self.members)} members, {len(self.temperatures)} temperatures and "
                f"{len(self.weights)} weights instead."
            )

    def combine(self, probas: Mapping[str, ArrayLike]) -> NDArray[np.float32]:
        """Average the members' probabilities of the same faces.

        Parameters
        ----------
        probas : dict of str to float (n, k)
            At least one entry a member.

        Returns
        -------
        float32 (n, k)

        Raises
        ------
        DataError
            If a member is missing.
        """
        if missing := [m for m in self.members if m not in probas]:
            raise DataError(f"the ensemble's member '{missing[0]}' has no probabilities")
        calibrated = [
            apply_temperature(probas[m], t)
            for m, t in zip(self.members, self.temperatures, strict=True)
        ]
        weights = np.array(self.weights, dtype=np.float32)
        mean = np.einsum("m,mnk->nk", weights, np.stack(calibrated))
        return apply_temperature(mean, self.temperature)


def fit_ensemble(
    probas: Mapping[str, ArrayLike], y: ArrayLike, pull: float = EQUAL_WEIGHT_PULL
) -> EnsembleSpec:
    """Learn temperatures and weights from validation probabilities.

    Each member is calibrated alone; the weights of the average then minimise its log loss plus
    `pull` times their squared distance from equal weights. Members whose weight comes out under
    one per cent are left out. A last temperature calibrates the average.

    Parameters
    ----------
    probas : dict of str to float (n, k)
        Validation probabilities of each candidate.
    y : int (n,)
        Column of the true class of each row.
    pull : float

    Raises
    ------
    DataError
        If there are no candidates or no rows, or some probabilities are not.
    """
    from scipy.optimize import minimize

    if not probas:
        raise DataError("an ensemble needs at least one member")
    names = tuple(probas)
    codes = np.asarray(y)
    checked = {n: check_probabilities(p) for n, p in probas.items()}
    temperatures = tuple(fit_temperature(p, codes) for p in checked.values())
    # Only the true class's probability enters the log loss.
    true = np.stack(
        [
            apply_temperature(p, t)[np.arange(len(codes)), codes]
            for p, t in zip(checked.values(), temperatures, strict=True)
        ],
        axis=1,
    ).astype(np.float64)
    equal = np.full(len(names), 1 / len(names))

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mixed = np.maximum(true @ w, 1e-12)
        value = -np.log(mixed).mean() + pull * ((w - equal) ** 2).sum()
        return value, -(true / mixed[:, None]).mean(axis=0) + 2 * pull * (w - equal)

    found = minimize(
        loss,
        equal,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * len(names),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
    )
    weights = np.where(found.x < _NEGLIGIBLE, 0, found.x)
    weights /= weights.sum()
    kept = [i for i, w in enumerate(weights) if w > 0]
    spec = EnsembleSpec(
        members=tuple(names[i] for i in kept),
        temperatures=tuple(temperatures[i] for i in kept),
        weights=tuple(float(weights[i]) for i in kept),
    )
    return replace(spec, temperature=fit_temperature(spec.combine(checked), codes))


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

    def predict_proba(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities.

        Parameters
        ----------
        faces : uint8 (n, 48, 48)

        Returns
        -------
        float32 (n, k)
        """
        return self.spec.combine({n: m.predict_proba(faces) for n, m in self.models.items()})

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the most probable code of each face: int64 (n,)."""
        return self.classes_[self.predict_proba(faces).argmax(axis=1)]


def save_spec(spec: EnsembleSpec, path: Path) -> None:
    """Write `spec` as JSON."""
    path.write_text(json.dumps(asdict(spec), indent=1) + "\n")


def read_spec(path: Path) -> EnsembleSpec:
    """Read what `save_spec` wrote."""
    stored = json.loads(path.read_text())
    return EnsembleSpec(
        members=tuple(stored["members"]),
        temperatures=tuple(stored["temperatures"]),
        weights=tuple(stored["weights"]),
        temperature=stored["temperature"],
    )
