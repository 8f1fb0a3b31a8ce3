import json

import numpy as np
import pytest

from benchmarks.predictions import load_predictions
from benchmarks.results import load_result, load_results, save_result
from fer_core.errors import DataError
from fer_core.model_store import ModelStore


@pytest.fixture
def finished(measured_job):
    return measured_job


def test_round_trip_gives_equal_bytes(finished, tmp_path):
    path = finished.folder.result("left")
    save_result(tmp_path / "again.json", load_result(path))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_probabilities_are_those_of_the_stored_model(finished):
    model = ModelStore(finished.folder.models, trusted=True).load("left")
    validation, test = load_predictions(finished.folder.probabilities("left"))
    split = finished.split
    assert np.array_equal(model.predict_proba(split.test.faces), test.proba)
    assert list(validation.names) == list(split.validation.names)
    assert np.array_equal(test.copied, split.test.copied)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema_version": 1}'])
def test_damaged_result_is_refused(tmp_path, content):
    path = tmp_path / "m.json"
    path.write_text(content)
    with pytest.raises(DataError, match=str(path)):
        load_result(path)


def test_damaged_probabilities_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    path.write_bytes(b"PK half a file")
    with pytest.raises(DataError, match="saved probabilities"):
        load_predictions(path)


def test_results_of_two_datasets_are_refused(finished, tmp_path):
    content = json.loads(finished.folder.result("left").read_text())
    for name, fingerprint in (("a", "1" * 16), ("b", "2" * 16)):
        content["run"]["fingerprint"] = fingerprint
        content["model"]["name"] = name
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="another fingerprint"):
        load_results(tmp_path)
