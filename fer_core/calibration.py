"""Temperature calibration of probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.errors import DataError

#: Smallest probability that counts: a zero on the true class would cost infinitely much.
_FLOOR = 1e-12
#: Range of temperatures that are considered.
_RANGE = (0.05, 20.0)
#: Standard deviation of log T before any picture is seen: models are too sure or not sure enough
#: by a factor of about two. Without it a handful of pictures, all labelled right, asks for
#: boundless confidence; beside thousands it weighs nothing.
_SPREAD = float(np.log(2))


def check_probabilities(proba: ArrayLike, n_classes: int | None = None) -> NDArray[np.float64]:
    """Return `proba` as float64 (n, k), or say what is wrong with it.

    Raises
    ------
    DataError
        If it is not two-dimensional, has not `n_classes` columns, holds NaN or negative numbers,
        or rows that don't sum to 1 (to 1e-3).
    """
    p = np.asarray(proba, dtype=np.float64)
    if p.ndim != 2 or (n_classes is not None and p.shape[1] != n_classes):
        wanted = "k" if n_classes is None else n_classes
        raise DataError(f"probabilities must have shape (n, {wanted}). Got {p.shape} instead.")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        raise DataError(f"probabilities must be finite numbers; row {row} holds NaN or infinity")
    if (p < 0).any() or (np.abs(p.sum(axis=1) - 1) > 1e-3).any():
        raise DataError("probabilities must be non-negative and each row must sum to 1")
    return p


def apply_temperature(proba: ArrayLike, temperature: float) -> NDArray[np.float32]:
    """Soften (temperature > 1) or sharpen (< 1) probabilities.

    Dividing logits by T is the same as raising probabilities to the power 1/T and normalising,
    so no model has to hand out logits.

    Parameters
    ----------
    proba : float (n, k)
        Rows sum to 1.
    temperature : float
        Above 0.

    Returns
    -------
    float32 (n, k)

    Raises
    ------
    ValueError
        If the temperature is something else.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0. Got {temperature} instead.")
    scaled = np.log(np.maximum(np.asarray(proba, dtype=np.float64), _FLOOR)) / temperature
    scaled -= scaled.max(axis=1, keepdims=True, initial=-np.inf)
    powers = np.exp(scaled)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def log_loss(proba: ArrayLike, y: ArrayLike) -> float:
    """Return the mean negative log probability of the true classes, in nats.

    Parameters
    ----------
    proba : float (n, k)
    y : int (n,)
        Column of the true class of each row.
    """
    p, codes = np.asarray(proba, dtype=np.float64), np.asarray(y)
    likely = np.log(np.maximum(p[np.arange(len(codes)), codes], _FLOOR)).mean()
    return float(0 - likely)  # the negative of zero would be shown as -0.0


def fit_temperature(proba: ArrayLike, y: ArrayLike) -> float:
    """Return the temperature with the least log loss, held near 1 where pictures are few.

    After Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017,
    with a normal prior on its logarithm.

    Parameters
    ----------
    proba : float (n, k)
        Of pictures that the model was not fitted on.
    y : int (n,)
        Column of the true class of each row.

    Raises
    ------
    DataError
        If there are no rows, `proba` are no probabilities, or `y` are no columns of them.
    """
    from scipy.optimize import minimize_scalar

    p = check_probabilities(proba)
    if len(p) == 0:
        raise DataError("a temperature can't be fitted without validation pictures")
    codes = np.asarray(y)
    if codes.shape != (len(p),) or codes.min() < 0 or codes.max() >= p.shape[1]:
        raise DataError(
            f"a temperature needs the true column, 0 to {p.shape[1] - 1}, of {len(p)} rows. "
            f"Got {np.array2string(codes, threshold=8)} instead."
        )
    logs = np.log(np.maximum(p, _FLOOR))
    logs -= logs.max(axis=1, keepdims=True)
    true = logs[np.arange(len(p)), codes]

    def loss(log_t: float) -> float:
        sharpness = np.exp(-log_t)
        totals = np.log(np.exp(logs * sharpness).sum(axis=1))
        return float((totals - true * sharpness).sum() + (log_t / _SPREAD) ** 2 / 2)

    # The loss is smooth and has one minimum in log T.
    found = minimize_scalar(loss, bounds=tuple(np.log(_RANGE)), method="bounded")
    return float(np.exp(found.x))
