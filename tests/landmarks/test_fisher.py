import numpy as np
import pytest
from scipy.stats import norm

from fer_core.errors import DataError
from fer_landmarks.anchored import anchored_histograms
from fer_landmarks.fisher import (
    FisherFeatures,
    Gaussians,
    fisher_vectors,
    grid_points,
    load_vocabulary,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def slow_gradients(words, means, variances, shares):
    """Gradients of the log-likelihood by means and deviations, word by word."""
    out = np.zeros((2, *means.shape))
    for word in words.astype(np.float64):
        density = np.array(
            [
                share * norm.pdf(word, mean, np.sqrt(variance)).prod()
                for mean, variance, share in zip(means, variances, shares, strict=True)
            ]
        )
        for k, share in enumerate(density / density.sum()):
            distance = (word - means[k]) / np.sqrt(variances[k])
            out[0, k] += share * distance / np.sqrt(shares[k])
            out[1, k] += share * (distance**2 - 1) / np.sqrt(2 * shares[k])
    return out / len(words)


def test_gradients_follow_the_definition(rng):
    means = rng.normal(size=(4, 3)).astype(np.float32)
    variances = rng.uniform(0.5, 2, size=(4, 3)).astype(np.float32)
    shares = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    words = rng.normal(size=(50, 3)).astype(np.float32)
    found = Gaussians(means, variances, shares).gradients(words)
    np.testing.assert_allclose(
        found, slow_gradients(words, means, variances, shares), rtol=1e-3, atol=1e-4
    )


def test_words_that_follow_the_gaussians_have_gradients_of_unit_variance(rng):
    means = np.array([[-30, 0], [30, 0]], np.float32)
    variances = np.array([[1, 4], [2, 9]], np.float32)
    shares = np.array([0.5, 0.5], np.float32)
    gaussians = Gaussians(means, variances, shares)
    found = []
    for _ in range(400):
        own = rng.integers(2, size=200)
        words = means[own] + np.sqrt(variances[own]) * rng.normal(size=(200, 2))
        found.append(gaussians.gradients(words.astype(np.float32)))
    variance = np.stack(found).var(axis=0) * 200
    np.testing.assert_allclose(variance, 1, atol=0.3)


def test_vectors_have_unit_length_and_the_roots_of_the_gradients(faces):
    vocabulary = load_vocabulary()
    vectors = fisher_vectors(faces[:2], vocabulary)
    np.testing.assert_allclose((vectors**2).sum(axis=(1, 2, 3)), 1, atol=1e-4)
    gradients = vocabulary.gaussians.gradients(vocabulary.words(faces[1:2])[0])
    squares = np.sign(vectors[1]) * vectors[1] ** 2
    np.testing.assert_allclose(squares, gradients / np.abs(gradients).sum(), atol=1e-6)


def test_mirrored_faces_have_the_mirrored_vectors(faces):
    features = FisherFeatures()
    none = np.empty((3, 0, 2), np.float32)
    vectors = features.describe(faces[:3], none)
    mirrored = features.describe(faces[:3, :, ::-1].copy(), none)
    np.testing.assert_allclose(features.symmetry().mirror(vectors), mirrored, atol=1e-3)
    assert np.abs(vectors - mirrored).max() > 0.01


def test_words_hold_the_histograms_and_their_places(faces):
    vocabulary = load_vocabulary()
    points = grid_points(vocabulary.step)
    words = vocabulary.words(faces[:1])[0]
    assert words.shape == (len(vocabulary.scales) * len(points), vocabulary.means.shape[1])
    histogram = anchored_histograms(faces[:1], points[None, 40:41], vocabulary.scales)[0, 1]
    expected = vocabulary.of_histograms(histogram.reshape(1, -1), points[40:41])[0]
    np.testing.assert_allclose(words[len(points) + 40], expected, atol=1e-5)


@pytest.mark.parametrize(("step", "count"), [(3, 16), (4, 12), (5, 10)])
def test_grids_are_centred_in_the_crop(step, count):
    points = grid_points(step)
    assert len(points) == count**2
    np.testing.assert_allclose(points.mean(axis=0), 23.5, atol=1e-5)
    np.testing.assert_allclose(points, (47 - points)[::-1], atol=1e-5)
    assert points[1, 0] - points[0, 0] == step


def test_flat_faces_have_finite_vectors():
    flat = np.full((1, 48, 48), 90, np.uint8)
    assert np.isfinite(fisher_vectors(flat, load_vocabulary())).all()


def test_unknown_vocabularies_are_named_with_what_there_is():
    with pytest.raises(
        DataError, match=r"no vocabulary 'mine' .*fer2013.*fer_landmarks.vocabulary"
    ):
        FisherFeatures("mine").names()
