"""Times that can be compared: everything is measured in turns, so that a busy moment hits all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.worker import Notify

#: Shortest time that is measured at once; quicker work is repeated until it takes that long.
_LEAST_SECONDS = 0.01
#: Work that takes longer than this is timed in the first rounds only.
_SLOW_SECONDS, _SLOW_ROUNDS = 1.0, 3


@dataclass
class Work:
    """Something to be timed.

    Attributes
    ----------
    name : str
    call : callable
        Does the work once.
    items : int
        Faces or frames that one call handles; times are for one of them.
    note : str
        What to know of it.
    """

    name: str
    call: Callable[[], object]
    items: int = 1
    note: str = ""


def time_in_turns(
    works: Sequence[Work], rounds: int, notify: Notify, seed: int = 0
) -> list[dict[str, Any]]:
    """Time every work once a round, in an order drawn anew each round.

    Parameters
    ----------
    works : sequence of Work
        The first is what the others are compared with.
    rounds : int
    notify : callable
        Told which round runs.
    seed : int
        Of the orders.

    Returns
    -------
    list of dict
        For each work ``name``, ``note``, ``items``, and of one item the milliseconds ``ms``
        (median), ``low`` and ``high`` (quartiles), and ``ratio``: the median over rounds of its
        time over the first work's in the same round.
    """
    once = [_once(work) for work in works]
    repeats = [max(1, round(_LEAST_SECONDS / max(seconds, 1e-9))) for seconds in once]
    rng = np.random.default_rng(seed)
    times = np.full((rounds, len(works)), np.nan)
    for r in range(rounds):
        notify(f"round {r + 1} of {rounds}")
        for i in rng.permutation(len(works)):
            if r < _SLOW_ROUNDS or once[i] < _SLOW_SECONDS:
                times[r, i] = _timed(works[i], repeats[i])
    ratios = np.nanmedian(times / times[:, :1], axis=0)
    return [
        {
            "name": work.name,
            "note": work.note,
            "items": work.items,
            **_summary((1000 * times[~np.isnan(times[:, i]), i]).tolist()),
            "ratio": round(float(ratios[i]), 3),
        }
        for i, work in enumerate(works)
    ]


def _once(work: Work) -> float:
    """Return the seconds of one call, after one that loads what is loaded first."""
    work.call()
    start = perf_counter()
    work.call()
    return perf_counter() - start


def _timed(work: Work, repeats: int) -> float:
    start = perf_counter()
    for _ in range(repeats):
        work.call()
    return (perf_counter() - start) / repeats / work.items


def _summary(ms: list[float]) -> dict[str, float]:
    if len(ms) > 1:
        low, _, high = quantiles(ms, n=4, method="inclusive")
    else:
        low = high = ms[0]
    return {"ms": round(median(ms), 4), "low": round(low, 4), "high": round(high, 4)}
