"""Which finished models may join an ensemble that has to be fast or small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import inf

from benchmarks.predictions import Predictions, require_validation
from benchmarks.results import Result
from fer_core.calibration import fit_temperature, log_loss
from fer_core.errors import DataError
from fer_core.pooling import fit_ensemble


@dataclass(frozen=True)
class Budget:
    """What the members of an ensemble may cost together, and which may be members.

    Attributes
    ----------
    max_ms : float or None
        Milliseconds for one face.
    max_mb : float or None
        Megabytes of files.
    strict : bool
        Whether it is an error if nothing fits; else the model that comes nearest stands in, because
        a slow machine should not be without its live model.
    family : str or None
        Only models of this one join; None for all.
    """

    max_ms: float | None = None
    max_mb: float | None = None
    strict: bool = True
    family: str | None = None

    def allows(self, ms: float, mb: float) -> bool:
        """Return whether a total of `ms` and `mb` fits."""
        return self.used(ms, mb) <= 1

    def within(self, other: Budget) -> Budget:
        """Return this budget with no higher limits than another has."""
        pairs = ((self.max_ms, other.max_ms), (self.max_mb, other.max_mb))
        ms, mb = (min((most for most in pair if most is not None), default=None) for pair in pairs)
        return replace(self, max_ms=ms, max_mb=mb)

    def used(self, ms: float, mb: float) -> float:
        """Return the share of the budget that a total takes: the larger one of time and size."""
        limits = ((ms, self.max_ms), (mb, self.max_mb))
        return max((cost / most for cost, most in limits if most is not None), default=0.0)

    def excess(self, ms: float, mb: float) -> str | None:
        """Return what to say of a measured ensemble that takes more; None of one that fits.

        Members are chosen by the sum of what each takes alone, so an ensemble can come out dearer.
        """
        limits = ((ms, self.max_ms, "ms a face"), (mb, self.max_mb, "MB"))
        over = [
            f"{used:.1f} {unit}, more than its budget of {most:g} {unit}"
            for used, most, unit in limits
            if most is not None and most < used < inf
        ]
        return f"takes {' and '.join(over)}" if over else None


def cost_of(result: Result) -> tuple[float, float]:
    """Return a model's milliseconds for one face, infinity if it was not timed, and megabytes."""
    ms = result.machine.get("ms_per_face")
    return inf if ms is None else ms, result.machine["size_bytes"] / 1e6


#: Of the ensemble for video: with 60 frames a second there are 16 ms a frame, and finding and
#: following the face takes the rest of them.
LIVE_BUDGET = Budget(max_ms=10.0, max_mb=60.0, strict=False)

#: By how much, in nats a picture, a further member has to lower the loss: less is within the noise
#: of a few thousand validation pictures, and every member costs time.
LEAST_GAIN = 0.001

#: Pull towards ensembles of all candidates, as that of weights (see `fer_core.pooling`) but weaker:
#: with all of that, models that only guess would join, and take time.
_PULL = 10.0

#: Single models from which the search begins, best first.
_STARTS = 4


def members_within(
    validation: Mapping[str, Predictions], costs: Mapping[str, tuple[float, float]], budget: Budget
) -> list[str]:
    """Choose members by stepwise selection on validation log loss.

    Members are added one at a time, always the one whose ensemble has the least loss, as long as
    one fits into what is left of the budget and lowers the loss by `LEAST_GAIN` (Caruana et al.,
    "Ensemble selection from libraries of models", ICML 2004). Those that later ones have made
    dispensable then leave: without them the loss rises by less than that. The best of several
    beginnings counts: the best single model may leave nothing of the budget for a second one.

    The loss is log loss and a pull to equal weights of all candidates, over all pictures together.
    On few, which can't tell models apart, the pull decides, and most that fit become members.

    Parameters
    ----------
    validation : dict of str to Predictions
        Validation predictions of the candidates.
    costs : dict of str to (float, float)
        Milliseconds for one face and megabytes of files of each candidate.
    budget : Budget

    Returns
    -------
    list of str
        In the order in which they were added.

    Raises
    ------
    DataError
        If no candidate fits into a strict budget.
    ProtocolError
        If some are predictions of test pictures.
    """
    checked = {name: require_validation(p) for name, p in validation.items()}
    y = next(iter(checked.values())).y
    temperatures = {name: fit_temperature(p.proba, y) for name, p in checked.items()}

    @cache
    def loss(members: frozenset[str]) -> float:
        probas = {m: p.proba for m, p in checked.items() if m in members}
        spec = fit_ensemble(probas, y, temperatures=temperatures)
        # Squared distance from equal weights of all candidates, but for what is always the same.
        distance = sum(weight**2 for weight in spec.weights)
        return log_loss(spec.combine(probas), y) + _PULL / len(y) * distance

    def fits(members: Sequence[str]) -> bool:
        return budget.allows(*(sum(costs[m][i] for m in members) for i in (0, 1)))

    alone: dict[tuple[str, ...], float] = {
        (name,): loss(frozenset([name])) for name in checked if fits([name])
    }
    if not alone and not budget.strict:
        return [min(checked, key=lambda name: budget.used(*costs[name]))]
    if not alone:
        bounds = ((budget.max_ms, "ms"), (budget.max_mb, "MB"))
        limits = [f"{bound:g} {unit}" for bound, unit in bounds if bound is not None]
        raise DataError(
            f"no model fits into the budget ({', '.join(limits)}); allow more with --max-ms or "
            "--max-mb"
        )
    ends: dict[tuple[str, ...], float] = {}
    for start in sorted(alone, key=lambda members: alone[members])[:_STARTS]:
        chosen, best = start, alone[start]
        while True:
            longer = [(*chosen, name) for name in checked if name not in chosen]
            losses = {members: loss(frozenset(members)) for members in longer if fits(members)}
            if not losses or min(losses.values()) > best - LEAST_GAIN:
                break
            chosen, best = _least(losses), min(losses.values())
        while len(chosen) > 1:
            shorter = [tuple(m for m in chosen if m != name) for name in chosen]
            losses = {members: loss(frozenset(members)) for members in shorter}
            if min(losses.values()) >= best + LEAST_GAIN:
                break
            chosen, best = _least(losses), min(losses.values())
        ends[chosen] = best
    return list(_least(ends))


def _least(losses: Mapping[tuple[str, ...], float]) -> tuple[str, ...]:
    return min(losses, key=lambda members: losses[members])
