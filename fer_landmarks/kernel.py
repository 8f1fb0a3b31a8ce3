"""Gaussian-kernel least squares, on all faces or on a smaller set of centres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky, solve_triangular
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted, validate_data

from fer_core.calibration import fit_temperature
from fer_landmarks.centers import ByteCenters, FloatCenters
from fer_landmarks.compact import CompactState, check_bits, check_odd, rounded
from fer_landmarks.gaussian import gaussian_kernel, softmax, squared_norms
from fer_landmarks.leave_out import left_out_of_hat, left_out_of_inverse, sample_rows
from fer_landmarks.scores import KernelScores
from fer_landmarks.targets import encode_labels, mixed_targets

#: Rows of a kernel matrix made at a time when fitting, where they feed matrix products.
_BLOCK = 2048

#: Added to the centres' kernel matrix, whose smallest eigenvalues are rounding errors.
_JITTER = 1e-5


def cholesky_in_place(matrix: NDArray[np.float64], block: int = _BLOCK) -> NDArray[np.float64]:
    """Overwrite the lower triangle of a positive definite matrix by its Cholesky factor.

    In place because at 28,000 faces the matrix takes 6.3 GB; by blocks of columns because a fit
    that left it all to OpenBLAS has crashed there at 26,000 faces on two threads.

    Parameters
    ----------
    matrix : float64 (n, n)
        Fortran order saves copies.
    block : int
        Columns at a time.

    Returns
    -------
    float64 (n, n)
        `matrix`; what is above the diagonal means nothing.
    """
    n = len(matrix)
    for start in range(0, n, block):
        stop = min(start + block, n)
        columns = matrix[start:, start:stop]
        columns -= matrix[start:, :start] @ matrix[start:stop, :start].T
        corner = cholesky(matrix[start:stop, start:stop], lower=True, check_finite=False)
        matrix[start:stop, start:stop] = corner
        below = matrix[stop:, start:stop]
        below[...] = solve_triangular(corner, below.T, lower=True, check_finite=False).T
    return matrix


class KernelLeastSquares(CompactState, ClassifierMixin, BaseEstimator):
    """Regularised least squares on one-hot classes with a Gaussian kernel.

    Features are centred and scaled to unit mean squared norm, so that `gamma` means the same for
    all descriptors. On all n training faces as centres this is kernel ridge regression and costs
    n^2 memory and n^3 time; on m of them (the subset of regressors of the Nystroem method
    [1]_) it costs n m and n m^2, uses all n faces still, and the model keeps m of them.
    Probabilities are the softmax of the scores over a temperature that makes the left-out
    training faces (closed form [2]_) most likely.

    Parameters
    ----------
    gamma : float
        The kernel is exp(-gamma d^2).
    ridge : float
        Weight of the function's squared norm.
    n_centers : int or None
        None, or at least n, for all training faces.
    n_odd : int
        How many of the last features change their sign when the face is mirrored (see
        `SymmetricPCA`). If there are any, the kernel is averaged over both: the same solution
        as with each training face there twice, and the same prediction for a face and its
        mirror image, at the cost of neither.
    bits : {16, 8}
        To how many features are rounded, fitted ones and new ones alike. With 8 the model is half
        as large, and where it is served a face is compared with the centres several times as
        fast.
    class_weight : dict, "balanced" or None
    soft_weight : float
        Share of soft labels in the targets, where `fit` is given any.
    n_left_out : int or None
        How many training faces are left out in turn, with their group, to set the temperature;
        None for all, which takes as long again as solving and gives `left_out_proba_`.
    random_state : int, RandomState or None
        Chooses the centres and the faces left out.

    Attributes
    ----------
    classes_ : (k,)
    centers_ : float32 (m, d)
        Centred and scaled.
    center_norms_ : float64 (m,)
        Their squared norms.
    weights_ : (m, k)
        float32; on a subset of centres, where they are large and cancel each other, float64.
    prior_ : float32 (k,)
        What the scores start from: the classes' shares.
    temperature_ : float
    left_out_proba_ : float32 (n, k)
        If `n_left_out` is None: for each training face, the probabilities given by the classifier
        fitted on all others, or on those of other groups.

    References
    ----------
    .. [1] Rudi, Camoriano & Rosasco, "Less is More: Nystroem Computational Regularization",
       NIPS 2015.
    .. [2] Rasmussen & Williams, "Gaussian Processes for Machine Learning", eq. 5.12, 2006.
    """

    _compact: ClassVar[tuple[str, ...]] = ("centers_",)

    def __init__(
        self,
        gamma: float = 0.5,
        ridge: float = 0.1,
        n_centers: int | None = None,
        n_odd: int = 0,
        bits: int = 16,
        class_weight: Any = None,
        soft_weight: float = 0.3,
        n_left_out: int | None = 1000,
        random_state: Any = None,
    ) -> None:
        self.gamma = gamma
        self.ridge = ridge
        self.n_centers = n_centers
        self.n_odd = n_odd
        self.bits = bits
        self.class_weight = class_weight
        self.soft_weight = soft_weight
        self.n_left_out = n_left_out
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        soft_labels: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit to features X (n, d) with labels y (n,).

        `soft_labels` (n, k), probabilities with a column for each class in sorted order, are mixed
        into the one-hot labels by `soft_weight`. Rows that share a number in `groups` (n,), as
        pictures of one person do, are left out together.
        """
        check_bits(self.bits)
        for name in ("n_left_out", "n_centers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1. Got {value} instead.")
        x, labels = validate_data(self, X, y, dtype=np.float32)
        check_odd(self.n_odd, x.shape[1])
        self.__dict__.pop("left_out_proba_", None)  # of another fit
        self.classes_, codes = encode_labels(labels)
        rng = check_random_state(self.random_state)
        n = len(x)
        weight = compute_class_weight(self.class_weight, classes=self.classes_, y=labels)[codes]
        x = self._normalise(x)
        self.prior_ = np.bincount(codes, weights=weight) / weight.sum()
        targets = mixed_targets(codes, len(self.classes_), soft_labels, self.soft_weight)
        targets -= self.prior_
        sample, together = sample_rows(codes, self.n_left_out, groups, rng)
        if self.n_centers is None or self.n_centers >= n:
            self._set_centers(x)
            weights, left_out = self._solve_all(x, targets, weight, sample, together)
        else:
            chosen = np.sort(rng.permutation(n)[: self.n_centers])
            self._set_centers(x[chosen])
            weights, left_out = self._solve_centers(x, targets, weight, sample, together)
        self.weights_ = weights.astype(np.float32) if len(weights) == n else weights
        self.prior_ = self.prior_.astype(np.float32)
        left_out += self.prior_
        self.temperature_ = fit_temperature(softmax(left_out), codes[sample])
        if self.n_left_out is None:
            proba = softmax(left_out / self.temperature_)
            self.left_out_proba_ = proba.astype(np.float32)
        self._hold()
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return scores (n, k), near 1 for the class; for two classes, their difference (n,)."""
        x = self._checked(X)
        scores = self.scores()(x)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return probabilities float32 (n, k), columns in the order of `classes_`."""
        x = self._checked(X)
        return self.scores().probabilities(x)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most likely class (n,)."""
        x = self._checked(X)
        best = self.scores()(x).argmax(axis=1)
        return self.classes_[best]

    def _checked(self, X: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self)
        x: NDArray[np.float32] = validate_data(
            self, X, dtype=np.float32, reset=False, ensure_min_samples=0
        )
        return x

    def scores(self) -> KernelScores:
        """Return what was fitted as a function of features."""
        check_is_fitted(self)
        scores: KernelScores = self._function
        return scores

    def _made(self) -> KernelScores:
        centers = self.centers_.astype(self.weights_.dtype, copy=False)
        kept = (
            ByteCenters.of(centers, self.n_odd)
            if self.bits == 8
            else FloatCenters(centers, self.n_odd, self.center_norms_)
        )
        return KernelScores(
            self.mean_,
            self.scale_,
            kept,
            self.weights_,
            self.prior_,
            self.gamma,
            self.temperature_,
        )

    def _normalise(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        self.mean_ = x.mean(axis=0)
        self.mean_[len(self.mean_) - self.n_odd :] = 0  # of a face and its mirror image
        x = x - self.mean_
        power = float((x**2).sum(axis=1).mean())
        self.scale_ = np.float32(1 / np.sqrt(power) if power > 0 else 1.0)
        x *= self.scale_
        # The centres are stored so; rounding all alike keeps the kernel's diagonal at one.
        return rounded(x, self.bits)

    def _set_centers(self, centers: NDArray[np.float32]) -> None:
        self.centers_ = centers
        self.center_norms_ = squared_norms(centers)

    def _kernel(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        norms = self.center_norms_.astype(np.float32)
        return gaussian_kernel(x, self.centers_, self.gamma, self.n_odd, norms)

    def _solve_all(
        self,
        x: NDArray[np.float32],
        targets: NDArray[np.float64],
        weight: NDArray[np.float64],
        sample: NDArray[np.int64],
        together: Sequence[NDArray[np.int64]],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Solve (K + ridge / weight) a = targets; return a, and left-out scores of `sample`."""
        n = len(x)
        matrix = np.empty((n, n), order="F")
        for start in range(0, n, _BLOCK):
            rows = slice(start, start + _BLOCK)
            matrix[:, rows] = self._kernel(x[rows]).T
        matrix.flat[:: n + 1] += self.ridge / weight
        factor = cholesky_in_place(matrix)
        half = solve_triangular(factor, targets, lower=True, check_finite=False)
        weights = solve_triangular(factor, half, lower=True, trans="T", check_finite=False)
        return weights, targets[sample] - left_out_of_inverse(factor, weights, sample, together)

    def _solve_centers(
        self,
        x: NDArray[np.float32],
        targets: NDArray[np.float64],
        weight: NDArray[np.float64],
        sample: NDArray[np.int64],
        together: Sequence[NDArray[np.int64]],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Solve (K' W K + ridge M) a = K' W targets, M the kernel between centres.

        Whitened by the Cholesky factor of M, where the system is well conditioned.
        """
        m = len(self.centers_)
        x, centers = x.astype(np.float64), self.centers_.astype(np.float64)
        between = gaussian_kernel(centers, centers, self.gamma, self.n_odd)
        between.flat[:: m + 1] += _JITTER
        factor = cholesky(between, lower=True, overwrite_a=True, check_finite=False)

        def whitened(rows: Any) -> NDArray[np.float64]:
            kernel = gaussian_kernel(x[rows], centers, self.gamma, self.n_odd).T
            return solve_triangular(
                factor, kernel, lower=True, overwrite_b=True, check_finite=False
            )

        gram = np.zeros((m, m))
        moments = np.zeros((m, targets.shape[1]))
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            root_weight = np.sqrt(weight[rows])
            z = whitened(rows) * root_weight
            gram += z @ z.T
            moments += z @ (targets[rows] * root_weight[:, None])
        gram.flat[:: m + 1] += self.ridge
        root = cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
        half = solve_triangular(root, moments, lower=True, check_finite=False)
        solution = solve_triangular(root, half, lower=True, trans="T", check_finite=False)
        weights = solve_triangular(factor, solution, lower=True, trans="T", check_finite=False)
        z = whitened(sample)
        reach = solve_triangular(root, z, lower=True, check_finite=False)
        residuals = targets[sample] - z.T @ solution
        return weights, targets[sample] - left_out_of_hat(
            reach, weight[sample], residuals, together
        )
