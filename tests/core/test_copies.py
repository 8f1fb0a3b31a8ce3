import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_core.copies import copy_groups, find_copies, has_copy_in, join_pairs


def _brute_force(faces, max_rms):
    wide = faces.astype(np.float64)
    return [
        (i, j)
        for i in range(len(faces))
        for j in range(i + 1, len(faces))
        if np.sqrt(((wide[i] - wide[j]) ** 2).mean()) < max_rms
    ]


@given(
    seed=st.integers(0, 2**32 - 1),
    max_rms=st.floats(1, 30),
    contrast=st.sampled_from([2, 20, 255]),
)
@settings(max_examples=30)
def test_no_pair_is_missed_and_none_invented(seed, max_rms, contrast):
    random = np.random.default_rng(seed)
    faces = random.integers(0, contrast + 1, (12, 48, 48), dtype=np.uint8)
    # Smooth and rough noise around the threshold: rough noise hides from averages.
    for i in range(6, 12):
        noise = random.normal(0, max_rms * random.uniform(0.5, 1.5), (48, 48))
        if i % 2:
            noise = np.kron(random.normal(0, max_rms, (12, 12)), np.ones((4, 4)))
        faces[i] = np.clip(faces[i - 6] + noise, 0, 255).round()
    pairs = find_copies(faces, max_rms)
    assert sorted(map(tuple, pairs.tolist())) == _brute_force(faces, max_rms)


def test_copies_across_blocks_are_found(monkeypatch):
    monkeypatch.setattr("fer_core.copies._BLOCK", 16)
    faces = np.random.default_rng(0).integers(0, 256, (100, 48, 48), dtype=np.uint8)
    faces[97], faces[63], faces[17] = faces[2], faces[2] ^ 1, faces[16]
    assert sorted(map(tuple, find_copies(faces).tolist())) == [(2, 63), (2, 97), (16, 17), (63, 97)]


def test_the_threshold_is_in_grey_levels():
    faces = np.full((3, 48, 48), 100, np.uint8)
    faces[1] += 3
    faces[2] += 4
    assert find_copies(faces).tolist() == [[0, 1], [1, 2]]


def test_dark_and_bright_extremes():
    faces = np.zeros((4, 48, 48), np.uint8)
    faces[2:] = 255
    assert sorted(map(tuple, find_copies(faces).tolist())) == [(0, 1), (2, 3)]


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_compare(n):
    assert find_copies(np.zeros((n, 48, 48), np.uint8)).shape == (0, 2)
    assert copy_groups(np.zeros((n, 48, 48), np.uint8)).shape == (n,)


def test_copies_of_copies_share_a_group():
    faces = np.full((4, 48, 48), 100, np.uint8)
    faces[1] += 3
    faces[2] += 6  # a copy of 1, not of 0
    faces[3] += 50
    groups = copy_groups(faces)
    assert groups[0] == groups[1] == groups[2] != groups[3]
    np.testing.assert_array_equal(
        has_copy_in(groups, groups[[2]]),
        [True, True, True, False],
    )


def test_joining_pairs():
    groups = join_pairs(np.array([[0, 3], [3, 4], [1, 2]]), 6)
    assert len(set(groups)) == 3
    assert groups[0] == groups[3] == groups[4]
    assert groups[1] == groups[2]
