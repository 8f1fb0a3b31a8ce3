"""What a training keeps: best epoch, averages, phases; and that each resumes exactly."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from fer_cnn import training as training_module
from fer_cnn.augmentation import Augmentation
from fer_cnn.checkpoint import CHECKPOINT
from fer_cnn.recipe import Recipe
from fer_cnn.training import class_weights, train
from fer_core.errors import DataError, FerError


class Killed(Exception):
    pass


def kill_after(epoch):
    def kill(record):
        if record.epoch == epoch:
            raise Killed

    return kill


@pytest.fixture(scope="module")
def everything():
    """A recipe with all that has a state, so small that it trains in seconds."""
    return Recipe(
        name="everything",
        description="",
        architecture="tiny",
        epochs=5,
        batch_size=16,
        learning_rate=0.01,
        augmentation=Augmentation(flip=True, shift=0.04),
        optimizer="adam",
        schedule="plateau",
        plateau_patience=1,
        keep="val_loss",
        class_weights=True,
        average=0.8,
        mixup=0.2,
        head_epochs=2,
    )


@pytest.fixture(scope="module")
def hard(striped):
    """Validation whose labels are half wrong, so that its loss goes up and down."""
    faces, y = striped
    return faces[:30], np.where(np.arange(30) % 2, y[:30], (y[:30] + 1) % 3)


def weights(training):
    return np.concatenate([w.ravel() for w in training.model.get_weights()])


def test_everything_resumes_in_every_phase(striped, hard, everything, tmp_path):
    faces, y = striped
    whole = train(everything, faces, y, 3, validation=hard, out=tmp_path / "whole")
    for epoch in (2, 3):  # between the two phases, in the second
        with pytest.raises(Killed):
            train(
                everything,
                faces,
                y,
                3,
                validation=hard,
                out=tmp_path / "cut",
                on_epoch=kill_after(epoch),
            )
    resumed = train(everything, faces, y, 3, validation=hard, out=tmp_path / "cut")
    for quantity in ("loss", "val_loss", "rate", "val_f1"):
        np.testing.assert_allclose(
            [getattr(r, quantity) for r in resumed.history],
            [getattr(r, quantity) for r in whole.history],
            rtol=1e-3,
            err_msg=quantity,
        )
    np.testing.assert_allclose(weights(resumed), weights(whole), atol=1e-3)
    # The rate fell, began anew with the second phase, and only one best file is left.
    rates = [r.rate for r in whole.history]
    assert rates[0] == pytest.approx(0.01)
    assert rates[2] == pytest.approx(0.001)
    assert len(list((tmp_path / "cut").glob("best-*"))) == 1


def test_the_best_epoch_is_what_is_kept(striped, everything, tmp_path, monkeypatch):
    faces, y = striped
    losses = iter([1.0, 0.4, 0.6, 0.8, 0.9])
    seen = []

    def figures(model, validation):
        seen.append(np.concatenate([w.ravel() for w in model.get_weights()]))
        return {"val_loss": next(losses), "val_accuracy": 0.5}

    monkeypatch.setattr(training_module, "_validate", figures)
    recipe = replace(everything, epochs=20, head_epochs=0, patience=3)
    done = train(recipe, faces, y, 3, validation=(faces, y), out=tmp_path)
    assert len(done.history) == 5  # three epochs without anything better
    np.testing.assert_array_equal(weights(done), seen[1])
    again = train(recipe, faces, y, 3, validation=(faces, y), out=tmp_path)
    np.testing.assert_array_equal(weights(again), seen[1])
    assert done.finished
    assert again.finished


def test_averages_are_validated_and_kept(striped, everything, monkeypatch):
    faces, y = striped
    recipe = replace(everything, epochs=1, head_epochs=0, keep="last", average=0.95)
    seen = []

    def figures(model, validation):
        seen.append(np.asarray(model.get_layer("probabilities").kernel))
        return {"val_loss": 1.0, "val_accuracy": 0.5}

    monkeypatch.setattr(training_module, "_validate", figures)
    averaged = train(recipe, faces, y, 3, validation=(faces, y))
    plain = train(replace(recipe, average=0.0), faces, y, 3, validation=(faces, y))
    kept = np.asarray(averaged.model.get_layer("probabilities").kernel)
    np.testing.assert_allclose(kept, seen[0], atol=1e-6)
    # An average lags behind the weights, which are the same in both trainings.
    assert np.abs(kept - np.asarray(plain.model.get_layer("probabilities").kernel)).max() > 1e-3


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_averages_are_kept_beside_a_training_and_change_nothing_of_it(
    striped, everything, optimizer
):
    faces, y = striped
    recipe = replace(everything, epochs=4, head_epochs=1, keep="last", optimizer=optimizer)
    averaged = train(replace(recipe, average=0.99), faces, y, 3, validation=(faces, y))
    plain = train(replace(recipe, average=0.0), faces, y, 3, validation=(faces, y))
    losses = [r.loss for r in plain.history]
    assert [r.loss for r in averaged.history] == pytest.approx(losses, rel=1e-4)
    lagging = [r.val_loss for r in averaged.history]
    assert lagging != pytest.approx([r.val_loss for r in plain.history], rel=1e-3)


def test_the_head_is_trained_alone_first(striped, everything):
    import keras

    faces, y = striped
    recipe = replace(everything, epochs=2, head_epochs=1, keep="last", average=0.0)
    kernels = []

    def look(model, validation):
        names = ("stage1_conv1", "probabilities")
        kernels.append([np.asarray(model.get_layer(name).kernel) for name in names])
        return {"val_loss": 1.0, "val_accuracy": 0.5}

    keras.utils.set_random_seed(0)
    begin = training_module.build("tiny", 3)
    start = [np.asarray(begin.get_layer(n).kernel) for n in ("stage1_conv1", "probabilities")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module, "_validate", look)
        train(recipe, faces, y, 3, validation=(faces, y))
    np.testing.assert_array_equal(kernels[0][0], start[0])
    assert np.abs(kernels[0][1] - start[1]).max() > 1e-3
    assert np.abs(kernels[1][0] - start[0]).max() > 1e-5


def test_sparse_and_one_hot_labels_are_two_spellings_of_one_training(striped, everything):
    faces, y = striped
    recipe = replace(everything, epochs=1, mixup=0.0, average=0.0, head_epochs=0)
    one_hot = train(recipe, faces, y, 3, validation=(faces, y))
    sparse = train(replace(recipe, labels="sparse"), faces, y, 3, validation=(faces, y))
    np.testing.assert_allclose(
        [r.loss for r in sparse.history], [r.loss for r in one_hot.history], rtol=1e-3
    )
    soft = np.full((len(y), 3), 1 / 3, np.float32)
    with pytest.raises(DataError, match="can't be soft"):
        train(replace(recipe, labels="sparse"), faces, y, 3, soft_labels=soft)


def test_class_weights_are_n_over_k_n_j():
    y = np.array([0, 0, 0, 1, 3, 3])
    np.testing.assert_allclose(class_weights(y, 4), [0.5, 1.5, 0.0, 0.75])


def test_class_weights_reach_the_loss(striped, everything, monkeypatch):
    faces, y = striped
    few = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y != 0)[:8]])
    recipe = replace(everything, epochs=1, mixup=0.0, head_epochs=0, average=0.0)
    passed = {}
    original = training_module.epoch_batches

    def spy(*args, **options):
        passed.update(options)
        return original(*args, **options)

    monkeypatch.setattr(training_module, "epoch_batches", spy)
    train(recipe, faces[few], y[few], 3)
    weight = passed["weights"]
    assert weight.sum() == pytest.approx(len(few))
    assert weight[y[few] == 0].sum() == pytest.approx(len(few) / 3)


def test_a_checkpoint_of_an_older_version_is_refused(striped, quick_recipe, tmp_path):
    faces, y = striped
    train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)
    with zipfile.ZipFile(tmp_path / CHECKPOINT) as archive:
        parts = {n: archive.read(n) for n in archive.namelist() if n != "optimizer.npz"}
    with zipfile.ZipFile(tmp_path / CHECKPOINT, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(FerError, match="older version"):
        train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)


def test_a_checkpoint_names_no_backend(striped, quick_recipe, tmp_path):
    """Keras's own form names the optimiser's class, which other backends can't load."""
    faces, y = striped
    train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)
    with zipfile.ZipFile(tmp_path / CHECKPOINT) as archive:
        assert "keras.src.backend" not in archive.read("config.json").decode()
