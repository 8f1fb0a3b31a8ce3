from dataclasses import replace

import numpy as np
import pytest

from fer_cnn.soft_labels import soft_labels_from_votes
from fer_core.datasets.dataset import Dataset
from fer_core.datasets.ferplus import VOTE_COLUMNS
from fer_core.errors import DataError
from fer_core.labels import SCHEMES, own_scheme


@pytest.fixture
def voted():
    votes = np.zeros((3, 10), dtype=np.float32)
    votes[0, [VOTE_COLUMNS.index("anger"), VOTE_COLUMNS.index("disgust")]] = [6, 2]
    votes[0, VOTE_COLUMNS.index("happiness")] = 2
    votes[1, VOTE_COLUMNS.index("contempt")] = 10
    return Dataset(
        name="voted",
        faces=np.zeros((3, 48, 48), dtype=np.uint8),
        y=np.array([0, 3, 6]),
        scheme=SCHEMES["fer7"],
        names=np.array(["a", "b", "c"]),
        parts=np.array(["training"] * 3),
        groups=np.arange(3),
        votes=votes,
    )


def test_shares_of_annotators_or_the_own_label(voted):
    expected = np.eye(7)[[0, 3, 6]]
    expected[0] = [0.6, 0.2, 0, 0.2, 0, 0, 0]
    np.testing.assert_allclose(soft_labels_from_votes(voted), expected, atol=1e-6)


def test_shares_in_another_scheme(voted):
    merged = soft_labels_from_votes(voted.in_scheme(SCHEMES["merged6"]))
    np.testing.assert_allclose(merged[0], [0.8, 0, 0.2, 0, 0, 0], atol=1e-6)
    active = soft_labels_from_votes(voted.in_scheme(SCHEMES["active5"]))
    np.testing.assert_allclose(active[0], [0.75, 0, 0.25, 0, 0], atol=1e-6)


def test_without_votes_about_the_classes_there_are_none(voted):
    with pytest.raises(DataError, match="no votes; add a table of them with --votes"):
        soft_labels_from_votes(replace(voted, votes=None))
    own = replace(voted, scheme=own_scheme(["a", "b", "c", "d", "e", "f", "g"]))
    with pytest.raises(DataError, match="votes are about FER2013's labels"):
        soft_labels_from_votes(own)
