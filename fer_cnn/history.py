"""What the epochs of a training cost and reached, and what follows from that.

The learning rate of a plateau schedule, the best epoch and the end of a training are functions of
the history: a training that was interrupted then goes on with the rate it would have had.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fer_core.files import write_atomically

#: A change of the loss below this counts as none (Keras's ReduceLROnPlateau has the same default).
LEAST_CHANGE = 1e-4

#: Quantities that the best epoch can be chosen by.
MONITORS = ("val_loss", "val_accuracy")


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch cost and reached; NaN where it was not measured.

    Attributes
    ----------
    epoch : int
        From 1.
    loss, accuracy : float
        On the fitting pictures as they were trained on: augmented, with dropout.
    val_loss, val_accuracy : float
        Log loss and accuracy on the validation pictures.
    seconds : float
    rate : float
        Learning rate at the end of the epoch.
    val_precision, val_recall, val_f1, val_auc, val_binary_accuracy : float
        On the validation pictures, each class a yes-or-no question of its own; see
        `fer_cnn.evaluation.measure`.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    rate: float = math.nan
    val_precision: float = math.nan
    val_recall: float = math.nan
    val_f1: float = math.nan
    val_auc: float = math.nan
    val_binary_accuracy: float = math.nan


def best_epoch(history: Sequence[EpochRecord], monitor: str) -> int:
    """Return the number of the best epoch by one of `MONITORS`, the first of equals; 0 for none.

    Where nothing was validated, the last epoch is the best.
    """
    sign = 1 if monitor == "val_loss" else -1
    ranked = [(sign * getattr(record, monitor), record.epoch) for record in history]
    known = [pair for pair in ranked if not math.isnan(pair[0])]
    return min(known)[1] if known else len(history)


def kept_epoch(history: Sequence[EpochRecord], keep: str) -> int:
    """Return the number of the epoch whose weights a recipe's `keep` makes the result."""
    return len(history) if keep == "last" else best_epoch(history, keep)


def plateau_rate(
    history: Sequence[EpochRecord], rate: float, patience: int, factor: float, minimum: float
) -> float:
    """Return the learning rate after `history`, reduced wherever the loss stopped falling.

    Parameters
    ----------
    history : sequence of EpochRecord
    rate : float
        At the beginning.
    patience : int
        Epochs without a lower validation loss after which the rate is multiplied by `factor`.
    factor, minimum : float

    Returns
    -------
    float
    """
    lowest, waited = math.inf, 0
    for record in history:
        if _loss(record) < lowest - LEAST_CHANGE:
            lowest, waited = _loss(record), 0
            continue
        waited += 1
        if waited >= patience:
            rate, waited = max(rate * factor, minimum), 0
    return rate


def stopped_early(history: Sequence[EpochRecord], monitor: str, patience: int, since: int) -> bool:
    """Return whether the last `patience` epochs brought nothing better.

    Parameters
    ----------
    history : sequence of EpochRecord
    monitor : str
        One of `MONITORS`.
    patience : int
    since : int
        Epochs up to this one don't count as waiting.
    """
    return len(history) - max(best_epoch(history, monitor), since) >= patience


def read_history(path: Path) -> list[EpochRecord]:
    """Read the history that a training wrote; older ones have fewer columns."""
    known = {field.name for field in fields(EpochRecord)} - {"epoch"}
    with open(path, newline="") as file:
        return [
            EpochRecord(int(row["epoch"]), **{k: float(v) for k, v in row.items() if k in known})
            for row in csv.DictReader(file)
        ]


def write_history(path: Path, history: Sequence[EpochRecord]) -> None:
    """Write `history` as csv, whole or not at all."""
    with write_atomically(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(EpochRecord)])
        writer.writeheader()
        writer.writerows(asdict(record) for record in history)


def _loss(record: EpochRecord) -> float:
    return record.loss if math.isnan(record.val_loss) else record.val_loss
