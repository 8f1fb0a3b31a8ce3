from dataclasses import replace

import numpy as np
import pytest

from fer_core.datasets.demo import load_demo
from fer_core.datasets.ferplus import VOTE_COLUMNS
from fer_core.errors import DataError, ProtocolError
from fer_core.soft_labels import (
    read_soft_labels,
    require_source,
    soft_labels_from_votes,
    soft_labels_of,
    write_soft_labels,
)
from fer_core.splits import make_split

LABELS = ("calm", "happy", "sad")


@pytest.fixture
def stored(tmp_path):
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (5, 48, 48)).astype(np.uint8)
    proba = rng.dirichlet(np.ones(3), 5)
    write_soft_labels(tmp_path / "soft.npz", faces, proba, LABELS, "a teacher")
    return tmp_path / "soft.npz", faces, proba


def test_round_trip(stored):
    path, faces, proba = stored
    read, source = read_soft_labels(path, faces, LABELS)
    np.testing.assert_allclose(read, proba, atol=1e-6)
    assert read.dtype == np.float32
    assert source == "a teacher"


def test_other_faces_or_another_order_are_refused(stored):
    path, faces, _ = stored
    for others in (faces[::-1], faces[:4], np.bitwise_xor(faces, 1)):
        with pytest.raises(DataError, match=r"\(a teacher\) are of other pictures"):
            read_soft_labels(path, others, LABELS)


def test_other_classes_are_refused(stored):
    path, faces, _ = stored
    for labels in (("sad", "happy", "calm"), ("calm", "happy")):
        with pytest.raises(DataError, match="are of calm, happy, sad, and the classes here are"):
            read_soft_labels(path, faces, labels)


def test_files_that_are_none_are_refused(stored, tmp_path):
    path, faces, _ = stored
    assert require_source(path) is require_source("votes") is None
    with pytest.raises(DataError, match="no such file"):
        read_soft_labels(tmp_path / "none.npz", faces, LABELS)
    for content in (b"", b"something", path.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is no file of soft labels") as caught:
            read_soft_labels(path, faces, LABELS)
        assert "pickle" not in str(caught.value)


def test_what_are_no_probabilities_is_not_written(stored, tmp_path):
    _, faces, proba = stored
    with pytest.raises(DataError):
        write_soft_labels(tmp_path / "bad.npz", faces, 2 * proba, LABELS, "a teacher")
    assert not (tmp_path / "bad.npz").exists()


@pytest.mark.parametrize("change", [lambda p: p * np.nan, lambda p: p[:-1], lambda p: p[:, 1:]])
def test_what_are_no_probabilities_is_not_read(stored, change):
    path, faces, proba = stored
    with np.load(path) as kept:
        content = dict(kept)
    np.savez(path, **{**content, "proba": change(proba)})
    with pytest.raises(DataError, match="no probabilities of these faces"):
        read_soft_labels(path, faces, LABELS)


@pytest.fixture(scope="module")
def voted():
    """Demo faces, half of each class with ten votes for one column, the rest with none."""
    part = make_split(load_demo()).fitting
    part = part.subset(np.random.default_rng(0).permutation(len(part))[:700])
    votes = np.zeros((len(part), len(VOTE_COLUMNS)), dtype=np.float32)
    rows = np.flatnonzero(np.random.default_rng(0).random(len(part)) < 0.5)
    # Annotators of these people call class c by column c + 2: what votes mean is learnt.
    votes[rows, part.y[rows] + 2] = 10
    return replace(part, votes=votes), votes.sum(axis=1) > 0


def test_what_votes_mean_is_learnt_from_the_labels(voted):
    part, has_votes = voted
    proba = soft_labels_from_votes(part)
    own = proba[np.arange(len(part)), part.y]
    assert own[has_votes].min() > 0.9
    # Nobody voted: every class is as likely as it is frequent.
    np.testing.assert_allclose(proba[~has_votes], 1 / 7, atol=0.05)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(soft_labels_of(part, "votes")[0], proba)


def test_a_models_answer_is_read_beside_the_votes(voted):
    part, has_votes = voted
    answer = np.full((len(part), 7), 0.05, dtype=np.float32)
    answer[np.arange(len(part)), part.y] = 0.7
    own = soft_labels_from_votes(part, answer)[np.arange(len(part)), part.y]
    assert own[~has_votes].min() > 0.9


def test_a_wrong_label_is_judged_by_others(voted):
    part, has_votes = voted
    wrong = np.flatnonzero(has_votes)[0]
    y = part.y.copy()
    y[wrong] = (y[wrong] + 1) % 7
    proba = soft_labels_from_votes(replace(part, y=y))
    assert proba[wrong].argmax() == part.y[wrong]


def test_votes_that_teach_nothing_are_refused(voted):
    part, _ = voted
    with pytest.raises(DataError, match="no votes; add a table of them with --votes"):
        soft_labels_from_votes(replace(part, votes=None))
    few = np.concatenate([np.flatnonzero(part.y != 3), np.flatnonzero(part.y == 3)[:4]])
    with pytest.raises(DataError, match="there are 4 of 'happy'"):
        soft_labels_from_votes(part.subset(few))
    with pytest.raises(ProtocolError):
        soft_labels_from_votes(make_split(load_demo()).validation)
