import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_core.holdout import stratified_holdout


@st.composite
def _labelled_groups(draw):
    n = draw(st.integers(1, 300))
    n_classes, n_groups = draw(st.integers(1, 7)), draw(st.integers(1, 300))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random.integers(0, n_classes, n), random.integers(0, n_groups, n)


@given(data=_labelled_groups(), share=st.floats(0, 1), seed=st.integers(0, 10))
@settings(max_examples=60)
def test_holdout_takes_whole_groups_and_about_its_share(data, share, seed):
    y, groups = data
    held = stratified_holdout(y, groups, share, seed)
    assert held.dtype == np.bool_
    for group in np.unique(groups):
        assert len(set(held[groups == group])) == 1
    # Never further from the share, over all classes, than taking nothing.
    wanted = share * np.bincount(y)
    assert np.abs(wanted - np.bincount(y[held], minlength=len(wanted))).sum() <= wanted.sum() + 1e-9


@given(y=st.lists(st.integers(0, 6), min_size=1, max_size=300), share=st.floats(0, 1))
@settings(max_examples=60)
def test_holdout_of_single_pictures_is_exact_to_half_a_picture(y, share):
    y = np.array(y)
    held = stratified_holdout(y, np.arange(len(y)), share, 0)
    difference = np.bincount(y[held], minlength=7) - share * np.bincount(y, minlength=7)
    assert np.abs(difference).max() <= 0.5 + 1e-9


def test_nothing_to_hold_out_of():
    empty = np.array([], dtype=np.int64)
    assert stratified_holdout(empty, empty, 0.5, 0).shape == (0,)
