import numpy as np
import pytest

from benchmarks.reliability import chance_calibration_error, expected_calibration_error


def test_calibration_error_by_hand():
    confidence = np.array([0.05, 0.95, 0.95, 0.95])
    correct = np.array([False, True, True, False])
    # One bin of gap 0.05 with weight 1/4, one of gap |0.95 - 2/3| with weight 3/4.
    expected = 0.05 / 4 + (0.95 - 2 / 3) * 3 / 4
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected)


def test_perfect_calibration_has_no_error():
    confidence = np.full(10, 0.5)
    assert expected_calibration_error(confidence, np.arange(10) < 5) == 0


@pytest.mark.parametrize("n", [60, 2000])
def test_one_in_twenty_honest_models_exceeds_the_error_by_chance(n):
    rng = np.random.default_rng(5)
    exceeded = 0
    for _ in range(200):
        confidence = rng.uniform(0.3, 1, n)
        error = expected_calibration_error(confidence, rng.uniform(size=n) < confidence)
        exceeded += error > chance_calibration_error(confidence, seed=int(rng.integers(1000)))
    assert 1 <= exceeded <= 21  # 10 expected; further away in less than one of a thousand tries


def test_more_pictures_leave_less_to_chance():
    few, many = (np.linspace(0.3, 1, n) for n in (100, 10_000))
    assert chance_calibration_error(few) > 5 * chance_calibration_error(many)
