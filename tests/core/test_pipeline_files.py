import json

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fer_core.errors import ModelStoreError
from fer_core.pipeline_files import (
    JOBLIB_FILE,
    SKOPS_FILE,
    read_joblib,
    read_skops,
    save_joblib,
    save_skops,
)

X = np.random.default_rng(0).normal(size=(60, 5))


@pytest.fixture(scope="module")
def pipeline():
    forest = RandomForestClassifier(5, random_state=0)
    return make_pipeline(StandardScaler(), forest).fit(X, np.arange(60) % 3)


def test_both_forms_answer_as_the_pipeline_did(pipeline, tmp_path):
    for save, read in ((save_skops, read_skops), (save_joblib, read_joblib)):
        copy = read(save(pipeline, tmp_path))
        np.testing.assert_array_equal(copy.predict_proba(X), pipeline.predict_proba(X))
    assert list(joblib.load(tmp_path / JOBLIB_FILE).named_steps) == list(pipeline.named_steps)


def test_skops_refuses_types_of_no_pipeline_of_ours(tmp_path):
    skops.io.dump(make_pipeline(FunctionTransformer(json.loads)), tmp_path / SKOPS_FILE)
    with pytest.raises(ModelStoreError, match=r"names the type json"):
        read_skops(tmp_path / SKOPS_FILE)


def test_version_warnings_become_one_line_in_the_log(pipeline, tmp_path, caplog, recwarn):
    older = make_pipeline(StandardScaler().fit(X))
    state = {**older.named_steps["standardscaler"].__dict__, "_sklearn_version": "0.1"}
    older.named_steps["standardscaler"].__class__ = Older
    older.named_steps["standardscaler"].__dict__ = state
    joblib.dump(older, tmp_path / JOBLIB_FILE)
    with caplog.at_level("INFO"):
        read_joblib(tmp_path / JOBLIB_FILE)
    assert "0.1" in caplog.text
    assert not recwarn.list


class Older(StandardScaler):
    """A scaler whose pickle says that another scikit-learn made it."""

    __module__ = "sklearn.preprocessing._data"
    __qualname__ = "StandardScaler"

    def __reduce__(self):
        return (StandardScaler, (), self.__dict__)


def test_skops_refuses_functions_of_our_own_packages(tmp_path):
    # A pipeline calls what it holds, and this one would read any pickle.
    skops.io.dump(make_pipeline(FunctionTransformer(read_joblib)), tmp_path / SKOPS_FILE)
    with pytest.raises(ModelStoreError, match=r"names the type fer_core\.pipeline_files"):
        read_skops(tmp_path / SKOPS_FILE)


def test_skops_refuses_methods_of_scikit_learn(tmp_path):
    constant = DummyClassifier(strategy="constant", constant="a path").fit(X, ["a path"] * 60)
    skops.io.dump(make_pipeline(FunctionTransformer(constant.predict)), tmp_path / SKOPS_FILE)
    with pytest.raises(ModelStoreError, match="names the type"):
        read_skops(tmp_path / SKOPS_FILE)
