import math

import pytest

from fer_cnn.history import (
    EpochRecord,
    best_epoch,
    plateau_rate,
    read_history,
    stopped_early,
    write_history,
)


def history(*losses, accuracies=None):
    accuracies = accuracies or [0.5] * len(losses)
    return [
        EpochRecord(i, loss=1.0, accuracy=0.5, val_loss=loss, val_accuracy=accuracy, seconds=1.0)
        for i, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True), start=1)
    ]


def test_the_rate_falls_as_keras_lets_it_fall():
    import keras

    losses = [2.0, 1.5, 1.6, 1.55, 1.4, 1.4, 1.39995, 1.41, 1.5, 1.6, 1.7, 1.2, 1.3]
    callback = keras.callbacks.ReduceLROnPlateau(patience=2, factor=0.5, min_lr=1e-4)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-3))
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        ours = plateau_rate(history(*losses[: epoch + 1]), 1e-3, 2, 0.5, 1e-4)
        assert ours == pytest.approx(float(model.optimizer.learning_rate), rel=1e-5)
    assert ours == pytest.approx(1e-4)


def test_without_validation_the_fitted_loss_decides():
    records = history(math.nan, math.nan, math.nan)
    assert plateau_rate(records, 1.0, 2, 0.1, 0.0) == pytest.approx(0.1)
    assert best_epoch(records, "val_loss") == 3


def test_the_best_epoch_is_the_first_of_equals():
    records = history(2.0, 1.0, 1.5, 1.0, accuracies=[0.1, 0.3, 0.6, 0.6])
    assert best_epoch(records, "val_loss") == 2
    assert best_epoch(records, "val_accuracy") == 3
    assert best_epoch([], "val_loss") == 0


def test_stops_when_nothing_better_came_for_long():
    records = history(2.0, 1.0, 1.5, 1.2)
    assert stopped_early(records, "val_loss", 2, since=0)
    assert not stopped_early(records, "val_loss", 3, since=0)
    assert not stopped_early(records, "val_loss", 2, since=3)


def test_written_and_read_back(tmp_path):
    records = history(2.0, math.nan)
    write_history(tmp_path / "history.csv", records)
    again = read_history(tmp_path / "history.csv")
    assert [r.epoch for r in again] == [1, 2]
    assert again[0].val_loss == 2.0
    assert math.isnan(again[1].val_loss)


def test_reads_histories_with_fewer_columns(tmp_path):
    (tmp_path / "h.csv").write_text(
        "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n1,1.5,0.4,1.6,0.3,12.5\n"
    )
    (record,) = read_history(tmp_path / "h.csv")
    assert (record.val_accuracy, record.seconds) == (0.3, 12.5)
    assert math.isnan(record.val_f1)
