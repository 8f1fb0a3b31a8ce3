from dataclasses import replace

import numpy as np
import pytest

from benchmarks.candidates import Fitted
from benchmarks.networks import networks_table, training_note
from benchmarks.results import load_result
from fer_cnn import RECIPES


def test_only_measured_trainings_are_told():
    assert training_note(Fitted(None, 1.0, {"soft labels": "votes"})) == {}
    figures = {"delta": 0.1, "validation AUC": np.nan, "seconds an epoch": 20.0}
    fitted = Fitted(None, 1.0, {"recipe": "tiny"}, figures)
    assert training_note(fitted) == {"training": {"recipe": "tiny", "delta": 0.1}}


@pytest.fixture
def results(measured_job):
    return [load_result(measured_job.folder.result(name)) for name in ("left", "ensemble")]


def test_a_row_a_network_beside_what_others_published(results):
    assert networks_table(results, {}) is None
    left, ensemble = results
    training = {
        "recipe": "active-five-resnet50",
        "weights": "imagenet",
        "epochs": 30,
        "fitting accuracy (augmented)": 0.75,
        "validation accuracy": 0.65,
        "delta": 0.1,
    }
    five = replace(left, model={**left.model, "training": training})
    shipped = replace(left, model={**left.model, "training": {"recipe": "gone"}})
    table = networks_table([shipped, ensemble], {"active5": [five]})
    names = [name for name, _ in table.columns]
    gone, native = (dict(zip(names, (c.text for c in row), strict=True)) for row in table.rows)
    assert (native["classes"], native["delta"]) == ("active5", "+10.0")
    assert native["published"] == "test accuracy 0.653"
    without = left.metrics["fer7"]["without_copies"]["accuracy"]
    assert native["without copies"] == f"{without:.3f}"
    assert native["ensemble"] == f"{ensemble.metrics['active5']['all']['accuracy']:.3f}"
    assert (gone["classes"], gone["published"], gone["fitting"]) == ("fer7", "n/a", "n/a")


def test_recipes_that_were_not_trained_have_a_row_where_asked_for(results):
    _, ensemble = results
    wanted = [RECIPES["deepfer-vgg16"], RECIPES["active-five-vgg16"]]
    table = networks_table([ensemble], {}, wanted)
    names = [name for name, _ in table.columns]
    deepfer, five = (dict(zip(names, (c.text for c in row), strict=True)) for row in table.rows)
    assert (deepfer["network"], deepfer["starts from"]) == ("cnn-deepfer-vgg16", "imagenet")
    assert "validation F1 0.63" in deepfer["published"]
    assert (deepfer["test"], deepfer["s / epoch"]) == ("n/a", "n/a")
    assert five["ensemble"] == f"{ensemble.metrics['active5']['all']['accuracy']:.3f}"
