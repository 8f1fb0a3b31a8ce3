import numpy as np
import pytest

from fer_core.errors import DataError
from fer_landmarks import fisher, vocabulary
from fer_landmarks.fisher import load_vocabulary
from fer_landmarks.vocabulary import learn_vocabulary, write_vocabulary


@pytest.fixture(scope="module")
def learnt(faces):
    return learn_vocabulary(faces[:24], 16, 10, step=6)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = lambda name: tmp_path / f"{name}.npz"  # noqa: E731
    monkeypatch.setattr(fisher, "vocabulary_file", place)
    monkeypatch.setattr(vocabulary, "vocabulary_file", place)
    load_vocabulary.cache_clear()
    yield tmp_path
    load_vocabulary.cache_clear()


def test_words_have_the_asked_numbers_and_half_of_the_gaussians_are_kept(learnt, faces):
    assert learnt.means.shape == learnt.variances.shape == (8, 12)
    assert len(learnt.even) + len(learnt.odd) == 10
    assert learnt.words(faces[:2]).shape == (2, 3 * 64, 12)
    np.testing.assert_allclose(learnt.shares.sum(), 0.5, atol=1e-5)
    assert (learnt.variances > 0).all()


def test_it_explains_faces_better_than_one_gaussian(learnt, faces):
    words = learnt.words(faces[24:40]).reshape(-1, 12)
    gaussians = learnt.gaussians
    distance = (words[:, None] - gaussians.means) ** 2 / gaussians.variances
    density = np.log(gaussians.shares) - 0.5 * (distance + np.log(gaussians.variances)).sum(axis=2)
    mixture = np.logaddexp.reduce(density, axis=1).mean()
    one = -0.5 * ((words - words.mean(axis=0)) ** 2 / words.var(axis=0) + np.log(words.var(axis=0)))
    assert mixture > one.sum(axis=1).mean() + 1


def test_places_weigh_as_asked(faces):
    light, heavy = (
        learn_vocabulary(faces[:12], 8, 10, step=6, place_weight=weight) for weight in (1, 3)
    )
    assert heavy.place_weight == pytest.approx(3 * light.place_weight)


def test_seeds_repeat(learnt, faces):
    again = learn_vocabulary(faces[:24], 16, 10, step=6)
    np.testing.assert_array_equal(again.means, learnt.means)
    other = learn_vocabulary(faces[:24], 16, 10, step=6, seed=1)
    assert np.abs(other.means - learnt.means).max() > 0.01


@pytest.mark.parametrize(
    ("n_faces", "gaussians", "components", "reason"),
    [
        (3, 7, 10, "must be even"),
        (3, 0, 10, "must be even"),
        (3, 4, 0, "must be 1 or more"),
        (3, 400, 10, "3 faces have too few histograms"),
        (0, 4, 10, "0 faces have too few histograms"),
    ],
)
def test_impossible_settings_are_refused(faces, n_faces, gaussians, components, reason):
    with pytest.raises(DataError, match=reason):
        learn_vocabulary(faces[:n_faces], gaussians, components)


def test_written_vocabularies_are_read_alike(learnt, faces, folder):
    write_vocabulary(learnt, folder / "mine.npz")
    read = load_vocabulary("mine")
    np.testing.assert_array_equal(read.words(faces[:2]), learnt.words(faces[:2]))
    np.testing.assert_array_equal(read.gaussians.means, learnt.gaussians.means)
    assert (read.step, read.scales) == (learnt.step, learnt.scales)


def test_the_command_writes_one_and_replaces_none_unasked(folder, capsys):
    command = ["mine", "--faces", "30", "--gaussians", "8", "--components", "6"]
    assert vocabulary.main(command) == 0
    assert load_vocabulary("mine").means.shape == (4, 8)
    assert vocabulary.main(command) == 2
    assert "--replace" in capsys.readouterr().err
    assert vocabulary.main([*command, "--replace"]) == 0
