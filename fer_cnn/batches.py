"""Batches of augmented faces for one epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_cnn.augmentation import Augmentation
from fer_core.extras import require


def epoch_batches(
    faces: NDArray[np.uint8],
    targets: NDArray[np.float32],
    *,
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
    epoch: int,
) -> Any:
    """Return the batches of one epoch as a Keras `PyDataset`.

    Order and augmentation follow from `seed` and `epoch` alone, so that a training that was
    interrupted goes on with the batches that it would have seen. The rest that doesn't fill a
    batch waits for the next epoch's shuffle: every step then has one shape.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    targets : float32 (n, k)
        Probabilities of the classes.
    """
    keras = require("keras", "train")
    order = np.random.default_rng([seed, epoch]).permutation(len(faces))
    size = min(batch_size, len(faces))

    class EpochBatches(keras.utils.PyDataset):  # type: ignore[name-defined]
        def __len__(self) -> int:
            return len(faces) // size

        def __getitem__(self, i: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
            chosen = order[i * size : (i + 1) * size]
            rng = np.random.default_rng([seed, epoch, i])
            return augmentation.apply(faces[chosen], rng), targets[chosen]

    return EpochBatches(workers=1)
