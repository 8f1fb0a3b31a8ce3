import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fer_landmarks.kernel import KernelLeastSquares
from fer_landmarks.leave_out import groups_for, left_out_of_hat, members_of, sample_rows


def test_whole_groups_are_drawn_until_there_are_enough():
    groups = np.repeat(np.arange(10), 5)
    rows, members = sample_rows(np.arange(50) % 3, 12, groups, np.random.RandomState(0))
    assert len(rows) == 15
    assert len(members) == 3
    assert (np.diff(rows) > 0).all()
    assert {len(set(groups[rows[positions]])) for positions in members} == {1}
    assert len(np.unique(groups[rows])) == 3


def test_alone_or_each_in_a_group_the_same_rows_are_drawn():
    drawn = [
        sample_rows(np.arange(50) % 3, 12, g, np.random.RandomState(3))
        for g in (None, np.arange(50) * 7)
    ]
    assert drawn[0][0].tolist() == drawn[1][0].tolist()
    assert len(drawn[0][0]) == 12
    assert [m.tolist() for m in drawn[0][1]] == [[i] for i in range(12)]


def test_all_of_them_stay_in_order():
    rows, members = sample_rows(
        np.array([0, 0, 1, 0, 1, 1]), None, ["b", "a", "b", "c", "a", "b"], np.random.RandomState(0)
    )
    assert rows.tolist() == list(range(6))
    assert [m.tolist() for m in members] == [[0, 2, 5], [1, 4], [3]]
    assert [m.tolist() for m in members_of(np.array([4, 9, 4]))] == [[0, 2], [1]]


def test_groups_of_other_length_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        sample_rows(np.arange(6) % 2, None, np.arange(5), np.random.RandomState(0))


def test_only_classifiers_that_leave_out_get_groups():
    assert set(groups_for(KernelLeastSquares(), np.arange(3))) == {"groups"}
    assert groups_for(LogisticRegression(), np.arange(3)) == {}


def test_who_alone_shows_a_class_is_left_out_picture_by_picture():
    codes, groups = np.array([0, 0, 1, 1, 1, 2, 2]), np.array([7, 7, 7, 8, 8, 9, 9])
    _, members = sample_rows(codes, None, groups, np.random.RandomState(0))
    assert [m.tolist() for m in members] == [[0], [1], [2], [3, 4], [5], [6]]
    everybody = sample_rows(codes, None, np.zeros(7), np.random.RandomState(0))[1]
    assert len(everybody) == 7


@pytest.mark.parametrize("size", [4, 40])
def test_residuals_without_a_group_are_those_of_a_fit_without_it(size):
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=(60, 8)), rng.normal(size=(60, 2)), rng.uniform(0.5, 2, 60)

    def solved(rows):
        own = x[rows] * weight[rows, None]
        return np.linalg.solve(own.T @ x[rows] + np.eye(8), own.T @ y[rows])

    everything = np.arange(60)
    gram = (x * weight[:, None]).T @ x + np.eye(8)
    reach = np.linalg.solve(np.linalg.cholesky(gram), x.T)
    group, others = everything[:size], everything[size:]
    residuals = y - x @ solved(everything)
    found = left_out_of_hat(reach, weight, residuals, [group, others])
    np.testing.assert_allclose(found[group], y[group] - x[group] @ solved(others), atol=1e-8)
    np.testing.assert_allclose(found[others], y[others] - x[others] @ solved(group), atol=1e-8)
