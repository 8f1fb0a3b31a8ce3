"""Ways to let test pictures into fitting, choosing, calibrating or weighting; each is refused.

Two more are tried in test_splits (a split that shares pictures between its parts) and in test_run
(saved probabilities of test pictures in place of those of validation pictures).
"""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.candidates import Network
from benchmarks.combining import compare_ways
from benchmarks.measuring import weigh
from benchmarks.predictions import on_test, on_validation
from benchmarks.unsure import measure_sure_answers
from fer_core.errors import ProtocolError


@pytest.fixture
def proba(job):
    n = len(job.split.test)
    return np.full((n, 7), 1 / 7, dtype=np.float32)


def test_fitting_on_the_test_part(job, linear):
    with pytest.raises(ProtocolError, match="TestPart"):
        linear("m").fit(job.split.test, job.split.validation, Path())


def test_fitting_on_revealed_test_pictures(job, linear):
    with pytest.raises(ProtocolError, match="Dataset"):
        linear("m").fit(job.split.test.reveal(), job.split.validation, Path())


def test_watching_a_training_on_the_test_part(job):
    with pytest.raises(ProtocolError, match="TestPart"):
        Network("cnn", "tiny", seed=0).fit(job.split.fitting, job.split.test, Path())


def test_weighting_on_test_predictions(job, proba):
    validation = on_validation("a", proba[: len(job.split.validation)], job.split.validation)
    with pytest.raises(ProtocolError, match="test predictions of 'b'"):
        weigh({"a": validation, "b": on_test("b", proba, job.split.test)})


def test_stacking_on_test_predictions(job, proba):
    test = {m: on_test(m, proba, job.split.test) for m in "ab"}
    with pytest.raises(ProtocolError, match="test predictions of 'a'"):
        compare_ways(test, test)


def test_choosing_a_threshold_on_test_predictions(job, proba):
    test = on_test("a", proba, job.split.test)
    with pytest.raises(ProtocolError, match="test predictions of 'a'"):
        measure_sure_answers(test, test, job.scheme, [job.scheme], 0.9)


def test_calling_test_pictures_validation(job, proba):
    with pytest.raises(ProtocolError, match="validation part"):
        on_validation("a", proba, job.split.test)


def test_fitting_on_the_validation_part(job, linear):
    with pytest.raises(ProtocolError, match="validation part"):
        linear("m").fit(job.split.validation, job.split.validation, Path())


def test_a_test_part_holds_no_labels(job):
    assert not hasattr(job.split.test, "y")
