"""Combining, leaving out and agreement, and that they are learned on validation alone."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.agreement import compare_answers
from benchmarks.budget import Budget
from benchmarks.combining import WAYS, compare_ways
from benchmarks.contributions import what_families_add, what_members_add
from benchmarks.pairs import holm
from benchmarks.predictions import Predictions, load_predictions, save_predictions
from benchmarks.results import RunFolder, load_result, load_study, save_result
from benchmarks.studies import write_studies
from benchmarks.study_tables import members_added_table
from fer_core.errors import DataError, ProtocolError
from fer_core.pooling import fit_ensemble

K = 4


def informed(model, y, share, seed, part="validation"):
    """Predictions that know the label of `share` of the pictures and guess on the others."""
    rng = np.random.default_rng(seed)
    known = rng.uniform(size=len(y)) < share
    shown = np.where(known, y, rng.integers(0, K, len(y)))
    sure = np.where(known, rng.uniform(0.5, 0.95, len(y)), rng.uniform(0.3, 0.7, len(y)))
    proba = np.repeat((1 - sure)[:, None] / (K - 1), K, axis=1).astype(np.float32)
    proba[np.arange(len(y)), shown] = sure
    names = np.array([f"{part}{i}" for i in range(len(y))])
    return Predictions(model, part, proba, y, names, np.zeros(len(y), dtype=bool))


@pytest.fixture(scope="module")
def parts():
    """Validation and test predictions of three useful models and one that guesses."""
    shares = {"net": 0.6, "kernel": 0.55, "tree": 0.4, "noise": 0.0}
    found = []
    for seed, (part, n) in enumerate((("validation", 600), ("test", 1500))):
        y = np.random.default_rng(seed).integers(0, K, n)
        found.append(
            {
                m: informed(m, y, share, 10 * seed + i, part)
                for i, (m, share) in enumerate(shares.items())
            }
        )
    return found


def test_ways_to_combine(parts):
    ways = compare_ways(*parts)
    assert list(ways) == list(WAYS)
    learned, alone = ways["learned weights"], ways["best alone"]
    assert learned["accuracy"] > alone["accuracy"] + 0.05
    assert alone["against_learned"]["difference"] < -0.05
    assert alone["against_learned"]["interval"][1] < 0
    assert learned["validation_log_loss"] < ways["plain average of all"]["validation_log_loss"]
    assert learned["against_learned"] is None  # itself
    # What is learned on the others holds on each picture about as well as on test pictures.
    for name in ("learned weights", "stacking"):
        assert ways[name]["validation_log_loss"] == pytest.approx(ways[name]["log_loss"], abs=0.06)


def test_nothing_is_predicted_by_what_has_learned_from_it(parts, monkeypatch):
    """A way that knows by heart what it has seen, and whose pictures it has seen, knows nothing."""
    persons = np.arange(600) // 3
    validation = {m: replace(p, groups=persons) for m, p in parts[0].items()}
    person_of = {row.tobytes(): i for row, i in zip(validation["net"].proba, persons, strict=True)}

    def parrot(learned):
        known = {person_of[row.tobytes()] for row in learned["net"].proba}

        def combine(probas):
            rows = probas["net"]
            seen = np.array([person_of.get(row.tobytes()) in known for row in rows])
            return np.where(seen[:, None], np.eye(K)[[0] * len(rows)], rows).astype(np.float32)

        return combine

    monkeypatch.setattr("benchmarks.combining.WAYS", {"learned weights": parrot})
    found = compare_ways(validation, parts[1])["learned weights"]
    own = validation["net"]
    assert found["validation_accuracy"] == pytest.approx(own.correct.mean(), abs=1e-6)


def test_too_few_pictures_to_cross_fit(parts):
    few = {
        m: p.subset(np.flatnonzero(np.isin(np.arange(600), range(9)))) for m, p in parts[0].items()
    }
    y = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3])
    ways = compare_ways({m: replace(p, y=y) for m, p in few.items()}, parts[1])
    assert all(figures["validation_log_loss"] is None for figures in ways.values())
    assert 0 <= ways["stacking"]["accuracy"] <= 1


def test_validation_pictures_of_one_class(parts):
    validation, test = parts
    alone = {m: p.subset(np.flatnonzero(p.y == 3)) for m, p in validation.items()}
    found = compare_ways(alone, test)
    share = np.mean(next(iter(test.values())).y == 3)
    assert found["stacking"]["accuracy"] == pytest.approx(share, abs=1e-4)


def test_what_members_add(parts):
    found = {f["name"]: f for f in what_members_add(["net", "kernel", "noise"], *parts)}
    assert found["net"]["all"]["difference"] > 0.05
    assert found["net"]["all"]["interval"][0] > 0
    table = members_added_table({"members": list(found.values())})
    shown = [row[[name for name, _ in table.columns].index("p")].value for row in table.rows]
    raw = [row["all"]["p"] for row in found.values()]
    assert shown == pytest.approx(holm(raw))
    assert min(shown) > min(raw) > 0
    low, high = found["noise"]["all"]["interval"]
    assert low <= 0 <= high
    validation, test = parts
    spec = fit_ensemble({m: validation[m].proba for m in ("kernel", "noise")}, validation["net"].y)
    without = spec.combine({m: test[m].proba for m in spec.members}).argmax(axis=1)
    assert found["net"]["accuracy_without"] == pytest.approx(
        (without == test["net"].y).mean(), abs=1e-6
    )


def test_what_families_add(parts):
    families = {"cnn": ["net"], "landmarks": ["kernel", "tree", "noise"]}
    costs = {"net": (2, 5), "kernel": (8, 18), "tree": (1, 1), "noise": (1, 1)}
    found = {f["family"]: f for f in what_families_add(families, *parts, costs, Budget())}
    assert found["landmarks"]["members_without"] == ["net"]
    assert set(found["cnn"]["members_without"]) <= {"kernel", "tree"}
    assert found["landmarks"]["all"]["interval"][0] > 0
    assert found["landmarks"]["log_loss_gain"] > 0
    small = what_families_add(families, *parts, costs, Budget(max_mb=6))
    assert "kernel" not in small[0]["members"]


def test_learning_on_test_pictures_is_refused(parts):
    validation, test = parts
    cheat = {**validation, "kernel": test["kernel"]}
    with pytest.raises(ProtocolError):
        compare_ways(cheat, test)
    with pytest.raises(ProtocolError):
        what_members_add(["net", "kernel"], cheat, test)


def test_agreement_by_hand():
    y = np.array([0, 0, 1, 1, 2, 2])
    first, second = (
        Predictions(m, "test", np.eye(4, dtype=np.float32)[a], y, y.astype(str), y < 0)
        for m, a in (("a", [0, 0, 1, 0, 1, 1]), ("b", [0, 1, 0, 1, 1, 0]))
    )
    found = compare_answers(first, second, "wxyz")
    shares = ("both_right", "only_first", "only_second", "both_wrong_alike", "both_wrong_otherwise")
    assert [found[s] for s in shares] == pytest.approx([n / 6 for n in (1, 2, 1, 1, 1)], abs=1e-6)
    assert found["either_right"] == pytest.approx(4 / 6, abs=1e-6)
    assert found["answers"][1] == [2, 1, 0, 0]
    assert found["differences"][0] == {
        "first": "w", "second": "x", "n": 2, "first_right": 1, "second_right": 1
    }  # fmt: skip
    assert found["classes"]["z"] is None
    assert found["classes"]["w"]["only_first"] == 0.5
    # They agree on 2 of 6; by chance on (3 · 3 + 3 · 3) / 36 of them.
    assert found["kappa"] == pytest.approx((2 / 6 - 0.5) / 0.5, abs=1e-6)


def test_studies_of_a_run(measured_job, tmp_path):
    folder = measured_job.folder
    write_studies(folder)
    first = {p.name: p.read_bytes() for p in folder.study("x").parent.glob("*.json")}
    assert set(first) == {"pairs.json", "ways.json", "contributions.json"}  # of one family
    assert load_study(folder.study("ways"))["models"] == [
        r.name for r in folder.results() if r.name != "ensemble"
    ]
    assert len(load_study(folder.study("pairs"))["pairs"]) == 3
    left = load_result(folder.result("left"))
    save_result(folder.result("twin"), replace(left, model={**left.model, "name": "twin"}))
    surer = (
        replace(part, proba=part.proba**2 / (part.proba**2).sum(axis=1, keepdims=True))
        for part in load_predictions(folder.probabilities("left"))
    )
    save_predictions(folder.probabilities("twin"), *surer)  # the same answers
    write_studies(folder)
    assert len(load_study(folder.study("pairs"))["pairs"]) == 3  # what can't differ is no pair
    for path in (folder.result("twin"), folder.probabilities("twin")):
        path.unlink()
    write_studies(folder)
    assert {p.name: p.read_bytes() for p in folder.study("x").parent.glob("*.json")} == first
    assert "NaN" not in json.dumps(load_study(folder.study("contributions")))


def test_an_ensemble_of_a_model_that_is_gone_is_refused(measured_job, tmp_path):
    folder = RunFolder(shutil.copytree(measured_job.folder.root, tmp_path / "run"))
    gone = load_result(folder.result("ensemble")).model["members"][0]["name"]
    folder.forget(gone)
    with pytest.raises(DataError, match=f"'ensemble' was made of '{gone}', of which no result"):
        write_studies(folder)
