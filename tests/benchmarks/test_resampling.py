import numpy as np
import pytest

from benchmarks.resampling import (
    RESAMPLES,
    difference_interval,
    exact_interval,
    interval_if_any,
    resampled_sums,
    share_interval,
)


def test_every_resample_draws_as_many_groups_as_there_are():
    ones = np.ones((30, 1))
    assert (resampled_sums(ones) == 30).all()
    assert resampled_sums(ones).shape == (RESAMPLES, 1)
    sizes = resampled_sums(ones, np.repeat(np.arange(3), [5, 10, 15]))[:, 0]
    assert set(sizes) <= {15, 20, 25, 30, 35, 40, 45}
    assert sizes.mean() == pytest.approx(30, abs=0.5)


def test_resampled_means_spread_as_the_mean_does():
    values = np.random.default_rng(0).normal(size=(500, 1))
    means = resampled_sums(values)[:, 0] / 500
    assert means.std() == pytest.approx(values.std() / np.sqrt(500), rel=0.06)


def test_pairing_narrows_the_interval_of_a_difference():
    rng = np.random.default_rng(0)
    base = rng.uniform(size=2000) < 0.7
    better = base | (rng.uniform(size=2000) < 0.05)
    low, high = difference_interval(better, base)
    assert 0 < low < np.mean(better) - np.mean(base) < high < 0.03
    assert difference_interval(better, rng.permutation(base))[0] < 0
    unseen = 1 - 0.025 ** (1 / 2000)
    assert difference_interval(base, base) == pytest.approx([-unseen, unseen])
    assert difference_interval(better, base, np.zeros(2000)) == [-1, 1]


def test_share_among_some_of_the_pictures():
    hits, among = np.arange(100) % 10 != 0, np.arange(100) < 50
    low, high = share_interval(hits, among)
    assert low < 0.9 < high
    wider = share_interval(hits, among, np.arange(100) // 5)
    assert wider[0] <= low + 0.02
    assert share_interval(hits, among, np.zeros(100)) == [0, 1]
    assert share_interval(hits, np.arange(100) == 1, np.zeros(100))[1] == 1


def test_a_handful_of_pictures_that_all_agree_leaves_room_for_others():
    ones, zeros = np.ones(6, dtype=bool), np.zeros(6, dtype=bool)
    low, high = share_interval(ones)
    assert low == pytest.approx(0.025 ** (1 / 6))
    assert high == 1
    low, high = difference_interval(ones, zeros)
    assert low == pytest.approx(0.025 ** (1 / 6))
    assert high == 1
    assert interval_if_any(np.ones(9)) is None


def test_what_no_picture_of_a_few_speaks_for_is_not_ruled_out():
    # Two equal models that differ on one picture of twelve: nearly every interval holds zero.
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        first, second = rng.choice(3, size=30, p=[0.04, 0.04, 0.92]) == [[0], [1]]
        low, high = difference_interval(first, second)
        held += low <= 0 <= high and high - low > 0.05
    assert held > 190


def test_people_and_not_pictures_are_counted():
    # Thirty pictures of two people say no more of a third one than two pictures would.
    of_two = share_interval(np.ones(30, dtype=bool), groups=np.repeat([0, 1], 15))
    assert of_two == share_interval(np.ones(2, dtype=bool)) == [pytest.approx(0.025**0.5), 1]
    assert exact_interval(0.5, 4)[0] < exact_interval(0.5, 30)[0] < 0.5
