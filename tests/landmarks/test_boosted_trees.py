import pickle

import numpy as np
from sklearn.base import clone

from fer_landmarks.boosted_trees import BoostedTrees

X = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def test_copies_answer_the_same_and_hold_ubjson():
    model = BoostedTrees(n_estimators=5, max_depth=2).fit(X, Y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert copy.score(X, Y) == model.score(X, Y) > 0.6
    # UBJSON opens an object with "{" and names its first key's length as "L" or "i".
    assert model.__getstate__()["_Booster"][:1] == b"{"
    assert model.get_booster() is model._Booster  # the original keeps its trees


def test_unfitted_copies_and_clones():
    model = pickle.loads(pickle.dumps(BoostedTrees(n_estimators=3)))
    assert clone(model).get_params()["n_estimators"] == 3
    assert clone(model).fit(X, Y).predict(X).shape == (80,)
