import numpy as np
import pytest

from fer_core.certainty import Threshold, accuracy_by_coverage, choose_threshold
from fer_core.errors import DataError


def honest(n, seed=0):
    """Answers of two classes that are right exactly as often as their confidence says."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    y = (rng.uniform(size=n) > confidence).astype(int)
    return np.stack([confidence, 1 - confidence], axis=1), y


def test_threshold_of_honest_answers():
    # Right as often as said: those of confidence c and more are right (1 + c) / 2 of the time.
    found = choose_threshold(*honest(200_000), accuracy=0.9)
    assert found.confidence == pytest.approx(0.8, abs=0.02)
    assert found.coverage == pytest.approx(0.4, abs=0.04)
    assert found.accuracy == 0.9


def test_stated_accuracy_holds_as_often_as_said():
    broken = 0
    for seed in range(200):
        found = choose_threshold(*honest(600, seed), accuracy=0.9, level=0.95)
        # The true accuracy above c is (1 + c) / 2.
        broken += found is not None and (1 + found.confidence) / 2 < 0.9
    assert broken <= 18  # 10 expected; more than 18 in one of a hundred tries


def test_fewer_pictures_give_a_more_careful_threshold():
    few = [choose_threshold(*honest(300, seed)) for seed in range(20)]
    many = choose_threshold(*honest(30_000))
    assert np.mean([f.confidence for f in few if f]) > many.confidence


def test_one_wrong_label_among_the_surest_does_not_end_the_search():
    proba, y = honest(3000)
    surest = np.argmax(proba[:, 0])
    y[surest] = 1
    assert choose_threshold(proba, y) is not None


def test_no_threshold_where_the_pictures_cannot_show_it():
    certain = np.tile([0.99, 0.01], (28, 1))
    assert choose_threshold(certain, np.zeros(28, int)) is None  # 29 are needed for 0.9
    assert choose_threshold(np.tile([0.99, 0.01], (29, 1)), np.zeros(29, int)) == Threshold(
        0.99, 0.9, 1.0
    )
    assert choose_threshold(np.tile([0.9, 0.1], (500, 1)), np.arange(500) % 2) is None
    assert choose_threshold(np.empty((0, 2)), []) is None


@pytest.mark.parametrize("accuracy", [0, 1, 90])
def test_refuses_what_is_no_accuracy(accuracy):
    with pytest.raises(DataError, match="between 0 and 1"):
        choose_threshold([[1.0, 0.0]], [0], accuracy)


def test_accuracy_by_coverage_by_hand():
    proba = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    found = accuracy_by_coverage(proba, [0, 1, 1, 1], [0.01, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found, [1, 1, 1, 2 / 3, 3 / 4])


def test_equally_sure_answers_count_with_their_mean():
    proba = np.tile([0.8, 0.2], (4, 1))
    for y in ([0, 0, 1, 1], [1, 1, 0, 0]):
        np.testing.assert_allclose(accuracy_by_coverage(proba, y, [0.25, 0.5, 1]), 0.5)
