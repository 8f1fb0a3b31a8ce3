"""Tests for fer_core.tta."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError
from fer_core.tta import LOOKS, Look, TTAClassifier


class Brightness:
    """Two classes by the mean of the left and the right half; remembers what it was asked."""

    classes_ = np.array([0, 1])

    def __init__(self):
        self.asked = []

    def predict_proba(self, faces):
        self.asked.append(len(faces))
        left = faces[:, :, :24].mean(axis=(1, 2), dtype=np.float32) / 255
        return np.column_stack([left, 1 - left]).astype(np.float32)


def faces(n=3):
    return np.random.default_rng(0).integers(0, 256, size=(n, 48, 48), dtype=np.uint8)


def test_a_look_moves_and_repeats_the_edge():
    face = faces(1)

    moved = Look(dx=2, dy=-3).of(face)[0]

    assert np.array_equal(moved[:-3, 2:], face[0, 3:, :-2])
    assert (moved[-3:, 2:] == face[0, -1, :-2]).all()


def test_faces_may_lie_in_memory_as_they_like():
    turned = np.asfortranarray(faces())
    np.testing.assert_array_equal(Look(dx=2).of(turned), Look(dx=2).of(faces()))


def test_a_look_turns_anticlockwise_and_zooms_about_the_centre():
    face = np.zeros((1, 48, 48), dtype=np.uint8)
    face[0, 22:26, 34:42] = 255  # right of the centre

    turned = Look(rotation=90).of(face)[0]
    zoomed = Look(zoom=0.5).of(face)[0]

    assert turned[6:14, 22:26].mean() > 250  # above it
    assert zoomed[23:25, 29:32].mean() > 200
    assert zoomed[:, 34:].max() == 0


def test_answers_are_the_mean_over_looks():
    model, given = Brightness(), faces()

    answers = TTAClassifier(model).predict_proba(given)

    each = [Brightness().predict_proba(look.of(given)) for look in LOOKS]
    np.testing.assert_allclose(answers, np.mean(each, axis=0), atol=1e-6)
    assert answers.dtype == np.float32
    assert not np.allclose(answers, each[0])


def test_the_face_itself_is_the_first_look():
    given = faces()

    alone = TTAClassifier(Brightness(), LOOKS[:1])

    assert np.array_equal(alone.predict_proba(given), Brightness().predict_proba(given))
    assert np.array_equal(alone.predict(given), Brightness().predict_proba(given).argmax(axis=1))


def test_many_faces_are_asked_about_in_batches():
    model, given = Brightness(), faces(130)

    answers = TTAClassifier(model).predict_proba(given)

    assert model.asked == [640, 640, 20]
    np.testing.assert_allclose(
        answers[-1:], TTAClassifier(Brightness()).predict_proba(given[-1:]), atol=1e-6
    )


def test_no_faces_give_no_answers():
    assert TTAClassifier(Brightness()).predict_proba(faces(0)).shape == (0, 2)


def test_other_pictures_are_refused():
    with pytest.raises(DataError, match="48"):
        TTAClassifier(Brightness()).predict_proba(np.zeros((2, 40, 48), dtype=np.uint8))


def test_threads_are_bounded_where_the_model_can():
    class Threaded(Brightness):
        threads = None

        def use_threads(self, threads):
            self.threads = threads

    threaded = Threaded()
    TTAClassifier(threaded).use_threads(1)
    TTAClassifier(Brightness()).use_threads(1)

    assert threaded.threads == 1


def test_shipped_landmark_models_can_be_asked():
    from fer_core.model_store import ModelStore

    given = load_demo().faces[:2]
    model = ModelStore().load("hog-svm")

    answers = TTAClassifier(model, LOOKS[:3]).predict_proba(given)

    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-4)


def test_a_stored_model_keeps_its_looks(tmp_path: Path):
    from fer_core.model_store import ModelStore

    source = ModelStore()
    entry = source.entry("cnn-compact")
    (name,) = (file.path for file in entry.files if file.path.endswith(".onnx"))
    model = TTAClassifier(source.load(entry.name), LOOKS[:2])
    store = ModelStore(tmp_path)

    stored = store.add(entry, {name: source.folder(entry) / name}, model)
    loaded = ModelStore(tmp_path).load(entry.name)

    given = load_demo().faces[:4]
    assert stored.looks == ModelStore(tmp_path).entry(entry.name).looks == LOOKS[:2]
    assert isinstance(loaded, TTAClassifier)
    assert np.array_equal(loaded.predict_proba(given), model.predict_proba(given))
    assert "2 looks" in (tmp_path / entry.name / "README.md").read_text()
