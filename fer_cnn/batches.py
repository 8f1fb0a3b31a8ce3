"""Batches of augmented faces for one epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_cnn.augmentation import Augmentation
from fer_core.extras import require

Batch = tuple[NDArray[Any], ...]


def epoch_batches(
    faces: NDArray[np.uint8],
    targets: NDArray[Any],
    *,
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
    epoch: int,
    weights: NDArray[np.float32] | None = None,
    mixup: float = 0.0,
) -> Any:
    """Return the batches of one epoch as a Keras `PyDataset`.

    Order, augmentation and mixing follow from `seed` and `epoch` alone, so that a training that
    was interrupted goes on with the batches that it would have seen. The rest that doesn't fill a
    batch waits for the next epoch's shuffle: every step then has one shape.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    targets : float32 (n, k) or int (n,)
        Probabilities of the classes, or codes.
    batch_size : int
    augmentation : Augmentation
    seed, epoch : int
    weights : float32 (n,) or None
        Of each picture in the loss.
    mixup : float
        See `fer_cnn.recipe.Recipe`; needs probabilities.
    """
    keras = require("keras", "train")
    order = np.random.default_rng([seed, epoch]).permutation(len(faces))
    size = min(batch_size, len(faces))

    class EpochBatches(keras.utils.PyDataset):  # type: ignore[name-defined]
        def __len__(self) -> int:
            return len(faces) // size

        def __getitem__(self, i: int) -> Batch:
            chosen = order[i * size : (i + 1) * size]
            rng = np.random.default_rng([seed, epoch, i])
            x, y = augmentation.apply(faces[chosen], rng), targets[chosen]
            batch: Batch = (x, y) if weights is None else (x, y, weights[chosen])
            return mix(batch, mixup, rng) if mixup else batch

    return EpochBatches(workers=1)


def mix(batch: Batch, parameter: float, rng: np.random.Generator) -> Batch:
    """Mix each picture of a batch with another, and its probabilities, weighted, with it.

    Zhang, Cissé, Dauphin and Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018.

    Parameters
    ----------
    batch : uint8 (n, h, w), float32 (n, k) and perhaps float32 (n,)
    parameter : float
        Both parameters of the beta distribution that the shares come from.
    rng : numpy.random.Generator

    Returns
    -------
    tuple of arrays
        As `batch`.
    """
    n = len(batch[0])
    other = rng.permutation(n)
    share = rng.beta(parameter, parameter, size=n).astype(np.float32)

    def mixed(values: NDArray[Any]) -> NDArray[Any]:
        own = share.reshape(n, *[1] * (values.ndim - 1))
        result = own * values + (1 - own) * values[other]
        return (np.rint(result) if values.dtype == np.uint8 else result).astype(values.dtype)

    x, y, *weights = batch
    if not weights:
        return mixed(x), mixed(y)
    # Weights belong to labels: a picture that counts little counts little in the mixture, too.
    weighted = mixed(weights[0][:, None] * y)
    total = weighted.sum(axis=1)
    return mixed(x), weighted / np.maximum(total, np.finfo(np.float32).tiny)[:, None], total
