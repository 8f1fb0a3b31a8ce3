import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fer_core.errors import DataError
from fer_core.labels import (
    LABELS,
    SCHEMES,
    canonical_label,
    get_scheme,
    is_contempt,
    own_scheme,
    scheme_called,
    scheme_of_labels,
)

probabilities = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.just(7)), elements=st.floats(0.01, 1)
).map(lambda p: p / p.sum(axis=1, keepdims=True))


def test_labels_are_in_fer2013_order():
    assert LABELS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("happy", "happy"),
        (" Happiness ", "happy"),
        ("3_Happiness", "happy"),
        ("03-anger", "angry"),
        ("Surprised", "surprise"),
        ("FEAR", "fear"),
        ("calm", "neutral"),
        ("Suprise", "surprise"),
        ("Natural", "neutral"),
        ("AF", "fear"),
        ("contempt", None),
        ("unhappy", None),
        ("7", None),
    ],
)
def test_spellings(name, label):
    assert canonical_label(name) == label


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("contempt", True), ("7_Contempt", True), (" CONTEMPTUOUS", True), ("content", False)],
)
def test_contempt(name, spelled):
    assert is_contempt(name) is spelled


def test_scheme_classes():
    assert {name: scheme.labels for name, scheme in SCHEMES.items()} == {
        "fer7": LABELS,
        "merged6": ("angry", "fear", "happy", "sad", "surprise", "neutral"),
        "active5": ("angry", "fear", "happy", "sad", "surprise"),
        "basic4": ("happy", "sad", "surprise", "neutral"),
        "valence3": ("positive", "neutral", "negative"),
    }


def test_projection_by_hand():
    proba = np.array([[0.10, 0.05, 0.15, 0.30, 0.10, 0.20, 0.10]])
    merged = SCHEMES["merged6"].project(proba)
    np.testing.assert_allclose(merged, [[0.15, 0.15, 0.30, 0.10, 0.20, 0.10]], atol=1e-6)
    active = SCHEMES["active5"].project(proba)
    np.testing.assert_allclose(active, np.array([[10, 15, 30, 10, 20]]) / 85, atol=1e-6)
    basic = SCHEMES["basic4"].project(proba)
    np.testing.assert_allclose(basic, np.array([[30, 10, 20, 10]]) / 70, atol=1e-6)
    valence = SCHEMES["valence3"].project(proba)
    np.testing.assert_allclose(valence, [[0.5, 0.1, 0.4]], atol=1e-6)


@pytest.mark.parametrize("name", SCHEMES)
@given(proba=probabilities)
def test_projection_gives_probabilities_and_keeps_odds(name, proba):
    scheme = SCHEMES[name]
    projected = scheme.project(proba)
    assert projected.dtype == np.float32
    assert projected.shape == (len(proba), len(scheme.labels))
    np.testing.assert_allclose(projected.sum(axis=1), 1, rtol=1e-5)
    groups = [list(g) for g in scheme.groups]
    first, last = proba[:, groups[0]].sum(axis=1), proba[:, groups[-1]].sum(axis=1)
    np.testing.assert_allclose(projected[:, 0] * last, projected[:, -1] * first, rtol=1e-4)


@pytest.mark.parametrize("name", SCHEMES)
def test_sure_probabilities_project_to_the_encoded_label(name):
    scheme = SCHEMES[name]
    codes = scheme.encode(np.arange(7))
    kept = codes >= 0
    projected = scheme.project(np.eye(7))
    np.testing.assert_array_equal(projected[kept].argmax(axis=1), codes[kept])
    np.testing.assert_allclose(projected[~kept], 1 / len(scheme.labels))


def test_which_schemes_some_labels_make():
    six = scheme_of_labels([label for label in LABELS if label != "neutral"])
    assert [name for name, scheme in SCHEMES.items() if six.covers(scheme)] == ["active5"]
    assert scheme_of_labels(LABELS) is SCHEMES["fer7"]
    assert all(SCHEMES["fer7"].covers(scheme) for scheme in SCHEMES.values())
    assert not own_scheme(["awake", "bored"]).covers(SCHEMES["basic4"])


def test_schemes_are_found_again_by_name_and_labels():
    for scheme in (*SCHEMES.values(), scheme_of_labels(["angry", "happy"]), own_scheme(["a", "b"])):
        assert scheme_called(scheme.name, scheme.labels) == scheme


def test_wrong_width_is_refused():
    with pytest.raises(DataError, match=r"\(n, 7\). Got \(2, 5\) instead"):
        SCHEMES["valence3"].project(np.ones((2, 5)))


def test_unknown_scheme_suggests_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'valence3'"):
        get_scheme("valense3")


def test_own_scheme_has_codes_but_no_projection():
    scheme = own_scheme(["bored", "awake"])
    np.testing.assert_array_equal(scheme.classes, [0, 1])
    with pytest.raises(DataError, match="bored, awake"):
        scheme.project(np.full((1, 7), 1 / 7))


def test_what_is_no_number_stays_none():
    proba = np.full((2, 7), np.nan)
    proba[1] = np.eye(7)[1]  # all on a class that basic4 drops
    projected = SCHEMES["basic4"].project(proba)
    assert np.isnan(projected[0]).all()
    assert projected[1].tolist() == [0.25] * 4
