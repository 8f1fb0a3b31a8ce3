import json
from dataclasses import replace

import numpy as np
import pytest

from fer_cnn.architectures import build
from fer_cnn.checkpoint import CHECKPOINT, HISTORY, SETTINGS
from fer_cnn.curves import plot_history
from fer_cnn.history import read_history
from fer_cnn.training import train
from fer_core.errors import DataError, FerError


def weights(training):
    return np.concatenate([w.ravel() for w in training.model.get_weights()])


def test_goes_on_after_a_stop_as_if_it_had_not_been(striped, quick_recipe, tmp_path):
    faces, y = striped
    whole = train(quick_recipe, faces, y, 3, seed=5, out=tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(record):
        if record.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        train(quick_recipe, faces, y, 3, seed=5, out=tmp_path / "cut", on_epoch=kill)
    resumed = train(quick_recipe, faces, y, 3, seed=5, out=tmp_path / "cut")
    assert [r.epoch for r in resumed.history] == [1, 2, 3]
    np.testing.assert_allclose(
        [r.loss for r in resumed.history], [r.loss for r in whole.history], rtol=1e-4
    )
    np.testing.assert_allclose(weights(resumed), weights(whole), atol=1e-4)


def test_a_kill_between_history_and_checkpoint_repeats_that_epoch(striped, quick_recipe, tmp_path):
    faces, y = striped
    train(replace(quick_recipe), faces, y, 3, out=tmp_path)
    older = (tmp_path / CHECKPOINT).read_bytes()
    lines = (tmp_path / HISTORY).read_text().splitlines(keepends=True)
    (tmp_path / HISTORY).write_text("".join([*lines, lines[-1].replace("3,", "4,", 1)]))
    again = train(quick_recipe, faces, y, 3, out=tmp_path)
    assert len(again.history) == 3
    assert (tmp_path / CHECKPOINT).read_bytes() == older


def test_learns_and_logs_validation(striped, quick_recipe, tmp_path):
    faces, y = striped
    done = train(quick_recipe, faces, y, 3, validation=(faces, y), out=tmp_path)
    assert done.finished
    assert done.history[-1].val_accuracy > 0.9
    assert done.history[-1].loss < done.history[0].loss / 2
    proba = np.asarray(done.model.predict(faces, verbose=0))
    assert (proba.argmax(1) == y).mean() == pytest.approx(done.history[-1].val_accuracy)
    assert read_history(tmp_path / HISTORY) == done.history
    plot_history(done.history, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_stops_at_a_checkpoint_when_time_is_over(striped, quick_recipe, tmp_path):
    faces, y = striped
    first = train(quick_recipe, faces, y, 3, out=tmp_path, max_minutes=1e-9)
    assert not first.finished
    assert len(first.history) < quick_recipe.epochs


def test_time_for_no_epoch_is_said(striped, quick_recipe, tmp_path):
    faces, y = striped

    def interrupt(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(quick_recipe, faces, y, 3, out=tmp_path, on_epoch=interrupt)
    with pytest.raises(DataError, match="no epoch can be trained in that time"):
        train(quick_recipe, faces, y, 3, out=tmp_path, max_minutes=1e-9)


def test_another_training_in_the_folder_is_refused(striped, quick_recipe, tmp_path):
    faces, y = striped
    train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)
    for changes, seed in (({}, 1), ({"network_seed": 1}, 0)):
        with pytest.raises(FerError, match=r"another training \(different: seed\)"):
            train(replace(quick_recipe, epochs=1, **changes), faces, y, 3, seed=seed, out=tmp_path)
    assert json.loads((tmp_path / SETTINGS).read_text())["seed"] == 0


def test_a_network_that_is_built_otherwise_now_is_not_gone_on_with(
    striped, quick_recipe, tmp_path, monkeypatch
):
    faces, y = striped
    train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)
    monkeypatch.setattr("fer_cnn.checkpoint.build", lambda *_, **__: build("compact", 3))
    with pytest.raises(FerError, match="an older version of fer-ensemble built this network"):
        train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)


@pytest.mark.parametrize("name", [CHECKPOINT, HISTORY, SETTINGS])
def test_a_damaged_training_says_what_to_do(striped, quick_recipe, tmp_path, name):
    faces, y = striped
    train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(FerError, match=r"is damaged and can't go on.*remove the folder"):
        train(replace(quick_recipe, epochs=1), faces, y, 3, out=tmp_path)


def test_a_training_that_diverges_is_one_sentence(striped, quick_recipe, tmp_path):
    faces, y = striped
    wild = replace(quick_recipe, optimizer="sgd", learning_rate=1e30, schedule="constant")
    with pytest.raises(FerError, match=r"no number.* has diverged; lower the learning rate"):
        train(wild, faces, y, 3, validation=(faces, y), out=tmp_path)


def test_other_validation_pictures_are_another_training(striped, quick_recipe, tmp_path):
    faces, y = striped
    quick = replace(quick_recipe, epochs=1)
    train(quick, faces, y, 3, validation=(faces, y), out=tmp_path)
    with pytest.raises(FerError, match=r"another training \(different: validation\)"):
        train(quick, faces, y, 3, validation=(faces[:9], y[:9]), out=tmp_path)


def test_refuses_labels_and_faces_that_dont_fit(striped, quick_recipe):
    faces, y = striped
    with pytest.raises(DataError, match="0 to 1; got 0 to 2"):
        train(quick_recipe, faces, y, 2)
    with pytest.raises(DataError, match="0 faces"):
        train(quick_recipe, faces[:0], y[:0], 3)


def test_soft_labels_are_learnt_in_their_share(striped, quick_recipe):
    faces, y = striped
    recipe = replace(quick_recipe, epochs=6)
    swapped = np.eye(3, dtype=np.float32)[(y + 1) % 3]
    taught = train(replace(recipe, soft_weight=0.8), faces, y, 3, soft_labels=swapped).model
    proba = np.asarray(taught.predict(faces, verbose=0))
    assert (proba.argmax(1) == (y + 1) % 3).mean() > 0.9
    hard = train(replace(recipe, soft_weight=0.0), faces, y, 3, soft_labels=swapped).model
    assert (np.asarray(hard.predict(faces, verbose=0)).argmax(1) == y).mean() > 0.9


def test_soft_labels_must_be_probabilities_of_every_face(striped, quick_recipe):
    faces, y = striped
    with pytest.raises(DataError, match="must have shape"):
        train(quick_recipe, faces, y, 3, soft_labels=np.ones((len(y), 2), np.float32) / 2)
    with pytest.raises(DataError, match="sum to 1"):
        train(quick_recipe, faces, y, 3, soft_labels=np.ones((len(y), 3), np.float32))
    with pytest.raises(DataError, match=r"soft_weight must be 0 to 1\. Got 1\.5"):
        replace(quick_recipe, soft_weight=1.5)


def test_the_result_is_blended_with_the_network_gone_on_from(striped, quick_recipe, tmp_path):
    faces, y = striped
    start = tmp_path / "start.keras"
    first = train(replace(quick_recipe, epochs=1), faces, y, 3)
    first.model.save(start)
    on = replace(quick_recipe, epochs=1, init=str(start), head_epochs=0)
    plain = train(on, faces, y, 3, validation=(faces, y))
    mixed = train(replace(on, blend=0.25), faces, y, 3, validation=(faces, y))
    expected = 0.75 * weights(plain) + 0.25 * weights(first)
    np.testing.assert_allclose(weights(mixed), expected, atol=1e-5)
    proba = np.asarray(mixed.model.predict(faces, verbose=0))
    assert mixed.blended["val_loss"] == pytest.approx(
        -np.log(proba[np.arange(len(y)), y]).mean(), abs=1e-5
    )
    assert mixed.history[-1].val_loss == plain.history[-1].val_loss != mixed.blended["val_loss"]
    assert plain.blended == {}
    with pytest.raises(DataError, match="has other classes or layers"):
        train(
            replace(on, blend=0.25),
            faces,
            np.minimum(y, 1),
            2,
            on_epoch=lambda record: pytest.fail("trained before it was refused"),
        )
