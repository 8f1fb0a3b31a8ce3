"""Averages of calibrated models, weighted by what each adds to the log loss on validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.calibration import apply_temperature, check_probabilities, fit_temperature
from fer_core.errors import DataError

#: Pull towards equal weights, in nats for each unit of squared distance from them, against the
#: log loss of all validation pictures together. On thousands of pictures it hardly matters (on
#: FER2013's 2,871 it is 0.01 a picture); on thirty weights stay nearly equal.
EQUAL_WEIGHT_PULL = 28.71

#: How probabilities are averaged. The geometric mean is that of logits, normalised: a member that
#: is sure outweighs one that isn't. It has the lower log loss on validation pictures.
Mean = Literal["geometric", "arithmetic"]

#: Least probability that enters a geometric mean, so that no member alone can rule a class out.
_LEAST = 1e-4

#: Weights below this are dropped to zero: such a member costs time and changes no label.
_NEGLIGIBLE = 0.01


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
    mean : str
        ``"geometric"`` or ``"arithmetic"``; files that name none are of arithmetic ones.
    """

    members: tuple[str, ...]
    temperatures: tuple[float, ...]
    weights: tuple[float, ...]
    temperature: float = 1.0
    mean: Mean = "arithmetic"

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
        if self.mean == "geometric":
            logs = np.einsum("m,mnk->nk", weights, _logs(np.stack(calibrated)))
            return apply_temperature(np.exp(logs), self.temperature)
        mean = np.einsum("m,mnk->nk", weights, np.stack(calibrated))
        return apply_temperature(mean, self.temperature)


def fit_ensemble(
    probas: Mapping[str, ArrayLike],
    y: ArrayLike,
    pull: float = EQUAL_WEIGHT_PULL,
    mean: Mean = "geometric",
    temperatures: Mapping[str, float] | None = None,
) -> EnsembleSpec:
    """Learn temperatures and weights from validation probabilities.

    Each member is calibrated alone; the weights of the average, none of them negative, then
    minimise its log loss, summed over the pictures, plus `pull` times their squared distance from
    equal weights. Members whose weight comes out under one per cent are left out. A last
    temperature calibrates the average.

    The geometric mean is the logarithmic opinion pool (Genest and Zidek, "Combining probability
    distributions: a critique and an annotated bibliography", 1986).

    Parameters
    ----------
    probas : dict of str to float (n, k)
        Validation probabilities of each candidate.
    y : int (n,)
        Column of the true class of each row.
    pull : float
    mean : str
        ``"geometric"`` or ``"arithmetic"``.
    temperatures : dict of str to float or None
        The candidates' on these very rows, where they are known.

    Raises
    ------
    DataError
        If there are no candidates or no rows, or some probabilities are not.
    """
    if not probas:
        raise DataError("an ensemble needs at least one member")
    names = tuple(probas)
    codes = np.asarray(y)
    checked = {n: check_probabilities(p) for n, p in probas.items()}
    known = temperatures or {}
    own = tuple(known[n] if n in known else fit_temperature(p, codes) for n, p in checked.items())
    calibrated = np.stack(
        [apply_temperature(p, t) for p, t in zip(checked.values(), own, strict=True)]
    ).astype(np.float64)
    find = _geometric_weights if mean == "geometric" else _arithmetic_weights
    found = find(calibrated, codes, pull / len(codes)) if len(names) > 1 else np.ones(1)
    weights = np.where(found < _NEGLIGIBLE * found.sum(), 0, found)
    if not weights.any():  # all of them are as good as a guess
        weights = np.ones(len(names))
    weights /= weights.sum()
    kept = [i for i, w in enumerate(weights) if w > 0]
    spec = EnsembleSpec(
        members=tuple(names[i] for i in kept),
        temperatures=tuple(own[i] for i in kept),
        weights=tuple(float(weights[i]) for i in kept),
        mean=mean,
    )
    return replace(spec, temperature=fit_temperature(spec.combine(checked), codes))


def _arithmetic_weights(
    calibrated: NDArray[np.float64], y: NDArray[np.int64], pull: float
) -> NDArray[np.float64]:
    """Return the weights, summing to 1, of the average of probabilities (m, n, k)."""
    from scipy.optimize import minimize

    # Only the true class's probability enters the log loss.
    true = calibrated[:, np.arange(len(y)), y].T
    equal = np.full(len(calibrated), 1 / len(calibrated))

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mixed = np.maximum(true @ w, 1e-12)
        value = -np.log(mixed).mean() + pull * ((w - equal) ** 2).sum()
        return value, -(true / mixed[:, None]).mean(axis=0) + 2 * pull * (w - equal)

    found: NDArray[np.float64] = minimize(
        loss,
        equal,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * len(equal),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
    ).x
    return found


def _geometric_weights(
    calibrated: NDArray[np.float64], y: NDArray[np.int64], pull: float
) -> NDArray[np.float64]:
    """Return the weights of the average of logits of (m, n, k); their sum sharpens it.

    The loss is convex: a logistic regression with one weight a member.
    """
    from scipy.optimize import minimize

    logs = _logs(calibrated)
    own = logs[:, np.arange(len(y)), y]

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mixed = np.tensordot(w, logs, 1)
        highest = mixed.max(axis=1, keepdims=True)
        powers = np.exp(mixed - highest)
        totals = powers.sum(axis=1, keepdims=True)
        apart = w - w.mean()
        value = (np.log(totals) + highest)[:, 0].mean() - (w @ own).mean() + pull * apart @ apart
        slope = np.einsum("mnk,nk->m", logs, powers / totals) / len(y) - own.mean(axis=1)
        return float(value), slope + 2 * pull * apart

    start = np.full(len(logs), 1 / len(logs))
    bounds = [(0, None)] * len(logs)
    found: NDArray[np.float64] = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found


def _logs(proba: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.log(np.maximum(proba, _LEAST))


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
        mean=stored.get("mean", "arithmetic"),
    )
