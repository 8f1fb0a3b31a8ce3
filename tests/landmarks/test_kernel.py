import pickle

import numpy as np
import pytest
from sklearn.metrics import log_loss

from fer_landmarks.kernel import KernelLeastSquares, cholesky_in_place, gaussian_kernel


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def blobs(rng):
    y = rng.integers(0, 3, 300)
    return (rng.normal(size=(300, 6)) + 2 * np.eye(6)[y]).astype(np.float32), y


def slow_kernel(x, centers, gamma):
    return np.array([[np.exp(-gamma * ((a - c) ** 2).sum()) for c in centers] for a in x])


def test_kernel_follows_the_definition(rng):
    x, c = rng.normal(size=(2, 7, 4)).astype(np.float32)
    np.testing.assert_allclose(gaussian_kernel(x, c, 0.3), slow_kernel(x, c, 0.3), rtol=1e-4)


def test_invariant_kernel_is_the_mean_over_both_sides(rng):
    x, c = rng.normal(size=(2, 7, 4)).astype(np.float32)
    mirrored = c * np.array([1, 1, 1, -1], np.float32)
    expected = (slow_kernel(x, c, 0.3) + slow_kernel(x, mirrored, 0.3)) / 2
    np.testing.assert_allclose(gaussian_kernel(x, c, 0.3, n_odd=1), expected, rtol=1e-4)


@pytest.mark.parametrize("block", [7, 20, 64])
def test_blocked_factorisation_is_cholesky(rng, block):
    a = rng.normal(size=(60, 60))
    matrix = np.asfortranarray(a @ a.T + np.eye(60))
    expected = np.linalg.cholesky(matrix)
    np.testing.assert_allclose(np.tril(cholesky_in_place(matrix, block)), expected, atol=1e-9)


def test_all_centers_solve_kernel_ridge_regression(blobs):
    from sklearn.kernel_ridge import KernelRidge

    x, y = blobs
    ours = KernelLeastSquares(gamma=0.7, ridge=0.2).fit(x, y)
    centred = x - x.mean(axis=0)
    scale = 1 / np.sqrt((centred**2).sum(axis=1).mean())
    prior = np.bincount(y) / len(y)
    theirs = KernelRidge(alpha=0.2, kernel="rbf", gamma=0.7 * scale**2)
    theirs.fit(centred, np.eye(3)[y] - prior)
    np.testing.assert_allclose(
        ours.decision_function(x), theirs.predict(centred) + prior, atol=3e-3
    )


def test_as_many_centers_as_faces_give_the_full_solution(blobs):
    x, y = blobs
    full = KernelLeastSquares(ridge=0.1).fit(x, y).decision_function(x)
    almost = KernelLeastSquares(ridge=0.1, n_centers=299, random_state=0).fit(x, y)
    np.testing.assert_allclose(almost.decision_function(x), full, atol=0.02)


def test_odd_features_stand_for_mirrored_faces(blobs):
    """Fitting on each face and its mirror image gives what the invariant kernel gives."""
    x, y = blobs
    sign = np.array([1, 1, 1, 1, -1, -1], np.float32)
    doubled = np.concatenate([x, x * sign])
    # Two copies of a face pull twice as hard, and each shares its weight with the other.
    plain = KernelLeastSquares(gamma=0.4, ridge=0.1).fit(doubled, np.concatenate([y, y]))
    invariant = KernelLeastSquares(gamma=0.4, ridge=0.05, n_odd=2).fit(x, y)
    expected = plain.decision_function(x)
    np.testing.assert_allclose(invariant.decision_function(x), expected, atol=0.02)
    np.testing.assert_array_equal(invariant.predict(x * sign), invariant.predict(x))


@pytest.mark.parametrize("n_centers", [None, 60])
def test_left_out_scores_are_those_of_a_fit_without_the_face(blobs, n_centers):
    x, y = blobs
    x = KernelLeastSquares()._normalise(x)
    model = KernelLeastSquares(gamma=0.5, ridge=0.1)
    model._set_centers(x if n_centers is None else x[:n_centers])
    solve = model._solve_all if n_centers is None else model._solve_centers
    targets, weight = np.eye(3)[y] - 1 / 3, np.ones(len(x))
    _, left_out = solve(x, targets, weight, np.array([100, 200]), [np.array([0]), np.array([1])])
    keep = np.arange(len(x)) != 100
    if n_centers is None:
        model._set_centers(x[keep])
        weights, _ = model._solve_all(
            x[keep], targets[keep], weight[keep], np.array([0]), [np.array([0])]
        )
    else:
        weights, _ = model._solve_centers(
            x[keep], targets[keep], weight[keep], np.array([0]), [np.array([0])]
        )
    np.testing.assert_allclose(left_out[0], (model._kernel(x[100:101]) @ weights)[0], atol=1e-3)


def test_temperature_makes_probabilities_honest(rng):
    """Where labels are drawn from known odds, confidence comes out near the share of hits."""
    x = rng.normal(size=(3000, 2)).astype(np.float32)
    y = (rng.random(3000) < 1 / (1 + np.exp(-3 * x[:, 0]))).astype(int)
    model = KernelLeastSquares(n_centers=100, random_state=0).fit(x[:2000], y[:2000])
    proba = model.predict_proba(x[2000:])
    hits = (proba.argmax(axis=1) == y[2000:]).mean()
    assert abs(proba.max(axis=1).mean() - hits) < 0.04


@pytest.mark.parametrize("n_centers", [None, 60])
def test_groups_are_left_out_together(blobs, n_centers):
    x, y = blobs
    x = KernelLeastSquares()._normalise(x)
    model = KernelLeastSquares(gamma=0.5, ridge=0.1)
    model._set_centers(x if n_centers is None else x[:n_centers])
    solve = model._solve_all if n_centers is None else model._solve_centers
    targets, weight = np.eye(3)[y] - 1 / 3, np.linspace(0.5, 2, len(x))
    rows, together = np.array([70, 100, 101, 200]), [np.array([0, 3]), np.array([1, 2])]
    _, left_out = solve(x, targets, weight, rows, together)
    for positions in together:
        keep = ~np.isin(np.arange(len(x)), rows[positions])
        if n_centers is None:
            model._set_centers(x[keep])
        solve = model._solve_all if n_centers is None else model._solve_centers
        weights, _ = solve(x[keep], targets[keep], weight[keep], np.array([0]), [np.array([0])])
        expected = model._kernel(x[rows[positions]]) @ weights
        np.testing.assert_allclose(left_out[positions], expected, atol=1e-3)


@pytest.mark.parametrize("n_centers", [None, 150])
def test_twins_of_a_person_make_nobody_sure(rng, n_centers):
    x = rng.normal(size=(200, 4)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=200) > 0).astype(int)
    unseen = rng.normal(size=(2000, 4)).astype(np.float32)
    truth = (unseen[:, 0] + rng.normal(size=2000) > 0).astype(int)
    twins, labels = np.repeat(x, 2, axis=0), np.repeat(y, 2)
    persons = np.repeat(np.arange(200), 2)
    fits = {"n_centers": n_centers, "random_state": 0}
    alone = KernelLeastSquares(**fits).fit(twins, labels)
    known = KernelLeastSquares(**fits).fit(twins, labels, groups=persons)
    assert known.temperature_ > 1.5 * alone.temperature_
    losses = [log_loss(truth, model.predict_proba(unseen)) for model in (known, alone)]
    assert losses[0] < losses[1] - 0.015
    # One person's pictures can't be left out together: each stands for itself again.
    assert KernelLeastSquares(**fits).fit(twins, labels, groups=np.zeros(400)).temperature_ == (
        alone.temperature_
    )


def test_nothing_left_out_is_refused(blobs):
    with pytest.raises(ValueError, match="n_left_out must be at least 1"):
        KernelLeastSquares(n_left_out=0).fit(*blobs)


def test_what_was_left_out_of_another_fit_is_forgotten(blobs):
    x, y = blobs
    model = KernelLeastSquares(n_left_out=None).fit(x, y)
    assert model.left_out_proba_.shape == (300, 3)
    assert not hasattr(model.set_params(n_left_out=50).fit(x[:60], y[:60]), "left_out_proba_")


def test_class_weight_moves_the_border(rng):
    x = rng.normal(size=(400, 2)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=400) > 1.2).astype(int)
    shares = [
        KernelLeastSquares(class_weight=w, n_centers=50, random_state=0).fit(x, y).predict(x).mean()
        for w in (None, "balanced")
    ]
    assert shares[0] < y.mean() < shares[1]


@pytest.mark.parametrize("n_centers", [None, 150])
def test_left_out_probabilities_are_those_of_a_fit_on_all_others(blobs, n_centers):
    x, y = blobs
    model = KernelLeastSquares(
        gamma=0.7, ridge=0.2, n_centers=n_centers, n_left_out=None, random_state=0
    )
    told = model.fit(x, y).left_out_proba_
    assert told.shape == (300, 3)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-5)
    if n_centers is not None:
        return
    # Centring, scale, prior and temperature are those of all faces: the fit itself is compared.
    z = model._normalise(x).astype(np.float64)
    targets = np.eye(3)[y] - model.prior_
    for i in (0, 123, 299):
        others = np.delete(np.arange(300), i)
        kernel = slow_kernel(z, z, 0.7)
        weights = np.linalg.solve(
            kernel[np.ix_(others, others)] + 0.2 * np.eye(299), targets[others]
        )
        scores = (kernel[i, others] @ weights + model.prior_) / model.temperature_
        expected = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(told[i], expected, atol=2e-3)


@pytest.mark.parametrize("n_centers", [None, 30])
def test_soft_labels_are_mixed_into_the_targets(blobs, n_centers):
    x, y = blobs
    settings = {"n_centers": n_centers, "random_state": 0}
    hard = np.eye(len(np.unique(y)))[np.unique(y, return_inverse=True)[1]]
    swapped = hard[:, ::-1]
    plain = KernelLeastSquares(**settings).fit(x, y)
    own = KernelLeastSquares(soft_weight=0.7, **settings).fit(x, y, soft_labels=hard)
    np.testing.assert_allclose(own.weights_, plain.weights_)
    none = KernelLeastSquares(soft_weight=0.0, **settings).fit(x, y, soft_labels=swapped)
    np.testing.assert_allclose(none.weights_, plain.weights_)
    # Scores are linear in the targets: half of each is the mean of both.
    both = KernelLeastSquares(soft_weight=0.5, **settings).fit(x, y, soft_labels=swapped)
    all_ = KernelLeastSquares(soft_weight=1.0, **settings).fit(x, y, soft_labels=swapped)
    mean = (plain.decision_function(x) + all_.decision_function(x)) / 2
    np.testing.assert_allclose(both.decision_function(x), mean, atol=1e-4)
    with pytest.raises(ValueError, match="soft_labels must have shape"):
        KernelLeastSquares().fit(x, y, soft_labels=hard[:, :1])


def test_a_subsets_large_weights_are_summed_without_rounding_noise(blobs):
    x, y = blobs
    x = np.concatenate([x, x + 1e-3]).astype(np.float32)  # twice nearly the same: large weights
    model = KernelLeastSquares(gamma=0.05, ridge=1e-4, n_centers=400, random_state=0)
    model.fit(x, np.tile(y, 2))
    assert np.abs(model.weights_).sum() > 1e3
    together = model.predict_proba(x[:50])
    alone = np.concatenate([model.predict_proba(face[None]) for face in x[:50]])
    np.testing.assert_allclose(alone, together, atol=1e-6)


@pytest.mark.parametrize("n_centers", [None, 60])
def test_eight_bits_answer_as_sixteen_and_survive_a_round_trip(blobs, n_centers):
    x, y = blobs
    settings = {"n_odd": 2, "n_centers": n_centers, "random_state": 0}
    sixteen = KernelLeastSquares(**settings).fit(x, y)
    eight = KernelLeastSquares(bits=8, **settings).fit(x, y)
    proba = eight.predict_proba(x)
    assert 0 < np.abs(proba - sixteen.predict_proba(x)).max() < 0.1
    assert eight.scores() is eight.scores(), "the centres were rounded again"
    stored = pickle.dumps(eight)
    assert len(stored) < len(pickle.dumps(sixteen))
    np.testing.assert_array_equal(pickle.loads(stored).predict_proba(x), proba)
    with pytest.raises(ValueError, match="bits must be 16 or 8"):
        KernelLeastSquares(bits=4).fit(x, y)


def test_one_that_was_kept_before_there_was_a_choice_of_bits_is_read(blobs):
    x, y = blobs
    fitted = KernelLeastSquares().fit(x, y)
    state = fitted.__getstate__()
    del state["bits"]
    old = KernelLeastSquares.__new__(KernelLeastSquares)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.predict_proba(x), fitted.predict_proba(x))


@pytest.mark.parametrize(
    "wrong", [{"n_centers": 0}, {"n_centers": -5}, {"n_odd": -1}, {"n_odd": 99}]
)
def test_numbers_that_mean_nothing_are_refused(wrong, blobs):
    x, y = blobs[:2]
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        KernelLeastSquares(**wrong).fit(x, y)
