from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.budget import Budget, cost_of, members_within
from benchmarks.predictions import Predictions
from benchmarks.results import load_results
from fer_core.errors import DataError, ProtocolError

#: Committed ones.
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
COSTS = {"slow": (20.0, 5.0), "quick": (1.0, 30.0), "weak": (0.5, 1.0)}


def predictions(model, right, part="validation"):
    """A model that is right, with 80 %, on the first `right` of 40 pictures."""
    y = np.arange(40) % 2
    shown = np.where(np.arange(40) < right, y, 1 - y)
    proba = np.full((40, 2), 0.2, dtype=np.float32)
    proba[np.arange(40), shown] = 0.8
    names = np.array([f"p{i}" for i in range(40)])
    return Predictions(model, part, proba, y, names, np.zeros(40, dtype=bool))


@pytest.fixture
def validation():
    return {m: predictions(m, n) for m, n in (("slow", 38), ("quick", 34), ("weak", 22))}


def test_the_best_that_fits_comes_first(validation):
    assert members_within(validation, COSTS, Budget())[0] == "slow"
    assert members_within(validation, COSTS, Budget(max_ms=8))[0] == "quick"
    assert members_within(validation, COSTS, Budget(max_ms=8, max_mb=8)) == ["weak"]


def test_the_best_alone_is_passed_over_for_two_that_are_better(validation):
    # Right on the first half and on the second: together as good as sure of everything.
    first, second = predictions("first", 30), predictions("second", 30)
    second.proba[:] = second.proba[::-1, ::-1]
    both = {"slow": predictions("slow", 32), "first": first, "second": second}
    costs = {"slow": (10.0, 1.0), "first": (5.0, 1.0), "second": (5.0, 1.0)}

    assert members_within({"slow": both["slow"]}, costs, Budget(max_ms=10)) == ["slow"]
    assert sorted(members_within(both, costs, Budget(max_ms=10))) == ["first", "second"]


def test_a_member_that_hardly_helps_is_left_out(validation, monkeypatch):
    everything = members_within(validation, COSTS, Budget())
    monkeypatch.setattr("benchmarks.budget.LEAST_GAIN", 0.5)
    assert everything[:1] == members_within(validation, COSTS, Budget())
    monkeypatch.setattr("benchmarks.budget.LEAST_GAIN", 0.0)
    assert len(members_within(validation, COSTS, Budget())) >= len(everything)


def test_a_member_made_dispensable_by_later_ones_leaves(monkeypatch):
    monkeypatch.setattr("benchmarks.budget._STARTS", 1)
    monkeypatch.setattr("benchmarks.budget._PULL", 0.0)
    # Right on nine of ten pictures, against sure of either half and clueless of the other.
    models = {m: predictions(m, 40) for m in ("all", "first", "second")}
    own = models["all"].y[:, None] == [0, 1]
    wrong = (np.arange(40) % 10 == 0)[:, None]
    models["all"].proba[:] = np.where(own ^ wrong, 0.9, 0.1)
    for name, half in (("first", slice(20)), ("second", slice(20, None))):
        models[name].proba[:] = 0.5
        models[name].proba[half] = np.where(own, 0.999, 0.001)[half]
    costs = dict.fromkeys(models, (1.0, 1.0))

    assert sorted(members_within(models, costs, Budget())) == ["first", "second"]
    monkeypatch.setattr("benchmarks.budget.LEAST_GAIN", -0.01)
    assert members_within(models, costs, Budget())[0] == "all"


def test_of_few_pictures_luck_elects_nobody():
    """Three models of the same strength, one of which was lucky on the few pictures there are."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 500)
    models = {}
    for m in ("a", "b", "c"):
        right = rng.uniform(size=1000) < 0.7
        right[:6] = m == "a"
        proba = np.where(right[:, None] == (y[:, None] == [0, 1]), 0.7, 0.3)
        names = np.arange(1000).astype(str)
        models[m] = Predictions(m, "validation", proba, y, names, np.zeros(1000, dtype=bool))
    costs = dict.fromkeys(models, (1.0, 1.0))
    few = {m: p.subset(np.arange(6)) for m, p in models.items()}
    assert sorted(members_within(few, costs, Budget())) == ["a", "b", "c"]
    # What is no luck is seen on many.
    for p in models.values():
        p.proba[:500] = p.proba[:500] if p.model == "a" else 0.5
    assert members_within(models, costs, Budget())[0] == "a"


def test_the_tighter_of_two_budgets_counts():
    live = Budget(max_ms=10.0, max_mb=60.0, strict=False)
    assert live.within(Budget()) == live
    assert live.within(Budget(max_ms=4.0)) == Budget(max_ms=4.0, max_mb=60.0, strict=False)
    assert live.within(Budget(max_ms=40.0, max_mb=8.0)).max_mb == 8.0
    assert Budget().within(Budget(max_mb=5.0)) == Budget(max_mb=5.0)


def test_what_was_not_timed_fits_no_budget_of_time(validation):
    (result, *_) = load_results(RESULTS / "fer2013")
    untimed = replace(result, machine={**result.machine, "ms_per_face": None})
    assert not Budget(max_ms=1e9).allows(*cost_of(untimed))
    assert Budget(max_mb=1e9).allows(*cost_of(untimed))
    assert Budget(max_ms=1.0).excess(*cost_of(untimed)) is None  # nothing to tell


def test_nothing_fits(validation):
    with pytest.raises(DataError, match="no model fits"):
        members_within(validation, COSTS, Budget(max_ms=0.1))
    assert members_within(validation, COSTS, Budget(max_ms=0.1, strict=False)) == ["weak"]
    # What is too much counts, not what is fast.
    costs = {"slow": (20.0, 2.0), "quick": (1.0, 500.0), "weak": (0.5, 400.0)}
    assert members_within(validation, costs, Budget(max_mb=1, strict=False)) == ["slow"]


def test_choosing_members_on_test_pictures_is_refused(validation):
    validation["slow"] = predictions("slow", 38, part="test")
    with pytest.raises(ProtocolError):
        members_within(validation, COSTS, Budget())
