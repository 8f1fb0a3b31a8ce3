"""A perceptron that forgets half of itself at every step, so that it may see each face often."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted, validate_data

from fer_landmarks.compact import CompactState, check_bits, check_odd, rounded
from fer_landmarks.gaussian import softmax
from fer_landmarks.layers import LayerScores
from fer_landmarks.targets import encode_labels, mixed_targets
from fer_landmarks.trained_layer import TrainedLayer

#: Of the running means and variances of batch normalisation.
_MOMENTUM = np.float32(0.9)
_EPSILON = np.float32(1e-5)
#: Share of the steps in which the learning rate rises.
_WARMUP = 0.1
#: Least spread of a feature, as a share of the largest, that is whitened: below it is noise.
_LEAST_SPREAD = 1e-3
#: Rows whose spread is measured at a time.
_BLOCK = 16_384


class DropoutPerceptron(CompactState, ClassifierMixin, BaseEstimator):
    """Perceptron with dropout [1]_, batch normalisation [2]_ and noise, fitted by AdamW [3]_.

    Features are centred, and scaled by a power of their spread. All randomness regularises: with
    many changed copies of each face it learns longer before it knows them by heart.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    epochs : int
        How often each row is seen.
    dropout : float
        Share of hidden units left out at each step.
    input_dropout : float
        Share of features left out at each step.
    noise : float
        Spread of what is added to each feature at each step, in units of all features' spread.
    whitening : float
        Each feature is divided by its spread to this power: 0 leaves small ones small, 1 makes
        all alike.
    learning_rate : float
        Highest rate: it rises over a tenth of the steps and falls to zero as a cosine.
    weight_decay : float
    batch_size : int
    n_odd : int
        How many of the last features change their sign when the face is mirrored (see
        `fer_landmarks.compress.SymmetricPCA`). If there are any, half of the rows are mirrored at
        each step, and answers are averaged over both.
    soft_weight : float
        Share of soft labels in the targets, where `fit` is given any.
    n_networks : int
        How many are fitted, each from other random numbers; probabilities are averaged.
    bits : {16, 8}
        What a fitted weight is rounded to.
    class_weight : dict, "balanced" or None
        How much a row of each class counts, see `sklearn.utils.class_weight.compute_sample_weight`.
    random_state : int, RandomState or None

    Attributes
    ----------
    classes_ : (k,)
    mean_, scale_ : float32 (d,)
        Taken from each feature, and multiplied by.
    weights_ : list of float32 (d, units)
        A matrix a layer, with its batch normalisation in it, one network's after the other's.
    shifts_ : list of float32 (units,)

    References
    ----------
    .. [1] Srivastava et al., "Dropout", JMLR 15, 2014.
    .. [2] Ioffe and Szegedy, "Batch normalization", ICML 2015.
    .. [3] Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    _compact: ClassVar[tuple[str, ...]] = ("weights_",)
    # Of those that were pickled before there was a choice.
    n_networks: int = 1
    class_weight: Any = None

    def __init__(
        self,
        hidden: Sequence[int] = (1024, 512),
        epochs: int = 60,
        dropout: float = 0.5,
        input_dropout: float = 0.2,
        noise: float = 0.15,
        whitening: float = 0.5,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.05,
        batch_size: int = 256,
        n_odd: int = 0,
        soft_weight: float = 0.6,
        n_networks: int = 1,
        bits: int = 16,
        class_weight: Any = None,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.noise = noise
        self.whitening = whitening
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.n_odd = n_odd
        self.soft_weight = soft_weight
        self.n_networks = n_networks
        self.bits = bits
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, soft_labels: ArrayLike | None = None) -> Self:
        """Fit to features X (n, d) with labels y (n,).

        `soft_labels` (n, k), probabilities with a column for each class in sorted order, are mixed
        into the one-hot labels by `soft_weight`.
        """
        shares = {"input_dropout": self.input_dropout, "dropout": self.dropout}
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise ValueError(f"{name} must be at least 0 and below 1. Got {share} instead.")
        for name in ("batch_size", "epochs", "n_networks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Got {getattr(self, name)} instead.")
        check_bits(self.bits)
        if isinstance(self.hidden, Integral) or min(self.hidden, default=1) < 1:
            raise ValueError(
                f"hidden must be sizes of layers, such as (1024, 512). Got {self.hidden} instead."
            )
        x, labels = validate_data(self, X, y, dtype=np.float32)
        check_odd(self.n_odd, x.shape[1])
        self.classes_, codes = encode_labels(labels)
        targets = mixed_targets(
            codes, len(self.classes_), soft_labels, self.soft_weight, np.float32
        )
        weight = compute_sample_weight(self.class_weight, labels).astype(np.float32)[:, None]
        random = check_random_state(self.random_state)
        self._find_scale(x)
        self.weights_: list[NDArray[np.float32]] = []
        self.shifts_: list[NDArray[np.float32]] = []
        for _ in range(self.n_networks):
            rng = np.random.default_rng(random.randint(np.iinfo(np.int32).max))
            self._fold(self._layers(x, targets, weight, rng))
        if not all(np.isfinite(layer).all() for layer in self.weights_):
            raise ValueError(
                f"the training diverged; lower learning_rate. Got {self.learning_rate} instead."
            )
        self._hold()
        return self

    def _layers(
        self,
        x: NDArray[np.float32],
        targets: NDArray[np.float32],
        weight: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> list[TrainedLayer]:
        """Return one fitted network."""
        sizes = [x.shape[1], *self.hidden, targets.shape[1]]
        layers = [
            TrainedLayer.make(n_in, n_out, rng, last=i == len(self.hidden))
            for i, (n_in, n_out) in enumerate(pairwise(sizes))
        ]
        size = min(self.batch_size, len(x))
        n_steps, n = self.epochs * (len(x) // size), 0
        for _ in range(self.epochs):
            order = rng.permutation(len(x))
            for start in range(0, len(x) - size + 1, size):
                rows, n = order[start : start + size], n + 1
                batch = (x[rows] - self.mean_) * self.scale_
                rate = self._rate(n, n_steps)
                self._descend(layers, batch, targets[rows], weight[rows], rng, n, rate)
        return layers

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return probabilities float32 (n, k), columns in the order of `classes_`."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float32, reset=False, ensure_min_samples=0)
        return self.scores().probabilities(x)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most likely class (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def scores(self) -> LayerScores:
        """Return what was fitted as a function of features."""
        check_is_fitted(self)
        scores: LayerScores = self._function
        return scores

    def _made(self) -> LayerScores:
        return LayerScores(
            self.mean_,
            self.scale_,
            self.weights_,
            self.shifts_,
            self.n_odd,
            self.n_networks,
            self.bits,
        )

    def _find_scale(self, x: NDArray[np.float32]) -> None:
        self.mean_ = x.mean(axis=0)
        self.mean_[len(self.mean_) - self.n_odd :] = 0  # of a face and its mirror image
        squares = np.zeros(x.shape[1])
        for start in range(0, len(x), _BLOCK):  # all at once would be another copy of x
            squares += ((x[start : start + _BLOCK] - self.mean_) ** 2).sum(axis=0, dtype=np.float64)
        spread = np.sqrt(squares / len(x)).astype(np.float32)
        largest = spread.max()
        if not largest > 0:  # nothing to tell rows apart by
            self.scale_ = np.ones_like(spread)
            return
        scale = np.maximum(spread, _LEAST_SPREAD * largest) ** -self.whitening
        self.scale_ = (scale / np.sqrt(((spread * scale) ** 2).mean())).astype(np.float32)

    def _rate(self, n: int, n_steps: int) -> float:
        warm = max(1, round(_WARMUP * n_steps))
        if n <= warm:
            return self.learning_rate * n / warm
        return self.learning_rate * (1 + np.cos(np.pi * (n - warm) / (n_steps - warm))) / 2

    def _descend(
        self,
        layers: Sequence[TrainedLayer],
        x: NDArray[np.float32],
        targets: NDArray[np.float32],
        weight: NDArray[np.float32],
        rng: np.random.Generator,
        n: int,
        rate: float,
    ) -> None:
        """Take one step against the cross-entropy's gradient on a batch."""
        if self.n_odd:
            mirrored = rng.random((len(x), 1)) < 0.5
            x = np.where(mirrored, x * _signs(x.shape[1], self.n_odd), x)
        if self.noise:
            x = x + np.float32(self.noise) * rng.standard_normal(x.shape, np.float32)
        x = x * _kept(x.shape, self.input_dropout, rng)
        inputs, normalised, spreads, masks = [x], [], [], []
        for layer in layers[:-1]:
            z = x @ layer.values["weights"]
            mean, variance = z.mean(axis=0), z.var(axis=0)
            layer.mean += (1 - _MOMENTUM) * (mean - layer.mean)
            layer.variance += (1 - _MOMENTUM) * (variance - layer.variance)
            spread = np.sqrt(variance + _EPSILON)
            z = (z - mean) / spread
            x = z * layer.values["scale"] + layer.values["shift"]
            mask = (x > 0) * _kept(x.shape, self.dropout, rng)
            x = x * mask
            inputs.append(x)
            normalised.append(z)
            spreads.append(spread)
            masks.append(mask)
        last = layers[-1]
        proba = softmax(x @ last.values["weights"] + last.values["shift"])
        slope = weight * (proba - targets) / np.float32(len(x))
        slopes = {"weights": inputs[-1].T @ slope, "shift": slope.sum(axis=0)}
        slope = slope @ last.values["weights"].T
        last.step(slopes, rate, self.weight_decay, n)
        for i in reversed(range(len(layers) - 1)):
            layer, z = layers[i], normalised[i]
            slope = slope * masks[i]
            slopes = {"scale": (slope * z).sum(axis=0), "shift": slope.sum(axis=0)}
            slope = slope * layer.values["scale"]
            slope = slope - slope.mean(axis=0) - z * (slope * z).mean(axis=0)
            slope = slope / spreads[i]
            slopes["weights"] = inputs[i].T @ slope
            if i:
                slope = slope @ layer.values["weights"].T
            layer.step(slopes, rate, self.weight_decay, n)

    def _fold(self, layers: Sequence[TrainedLayer]) -> None:
        """Put normalisation into the weights, which is all that answers need."""
        for i, layer in enumerate(layers):
            weights, shift = layer.values["weights"], layer.values["shift"]
            if i < len(layers) - 1:
                scale = layer.values["scale"] / np.sqrt(layer.variance + _EPSILON)
                weights, shift = weights * scale, shift - layer.mean * scale
            self.weights_.append(rounded(weights, self.bits))
            self.shifts_.append(shift.astype(np.float32))


def _signs(n: int, n_odd: int) -> NDArray[np.float32]:
    signs = np.ones(n, np.float32)
    signs[n - n_odd :] = -1
    return signs


def _kept(
    shape: tuple[int, ...], dropped: float, rng: np.random.Generator
) -> NDArray[np.float32] | np.float32:
    """Return factors that leave out a share of values and keep the sum of the others as it was."""
    if not dropped:
        return np.float32(1)
    kept = rng.random(shape, np.float32) >= dropped
    return kept.astype(np.float32) / np.float32(1 - dropped)
