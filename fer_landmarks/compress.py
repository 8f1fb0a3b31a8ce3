"""Principal components of features and of their mirror images at once."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted, validate_data

from fer_landmarks.compact import CompactState, check_bits, rounded
from fer_landmarks.projection import (
    ByteDirections,
    FloatDirections,
    Projection,
    even_then_odd,
)
from fer_landmarks.symmetry import Symmetry

#: Above so many faces and features, directions are found by random projections (Halko, Martinsson
#: & Tropp, "Finding Structure with Randomness", SIAM Review 53, 2011): eigenvectors of a matrix
#: of 17,000 rows take a quarter of an hour, these a minute.
_EXACT = 5000


class SymmetricPCA(CompactState, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Principal component analysis of each group of features, as if all faces were there twice.

    With every face's mirror image added, each principal component either keeps its value under
    mirroring or changes its sign. So the two halves of the rotated features (see
    `Symmetry.even_odd`) are analysed apart: a quarter of the covariance's entries, half of the
    projection's cost, and no mirrored picture is ever described. Each group comes out with unit
    mean squared norm.

    Parameters
    ----------
    n_even, n_odd : int
        Components per group that mirroring keeps, and whose sign it changes. Fewer where a group
        has fewer such features.
    symmetry : Symmetry or None
        What mirroring does to the features, from `FaceStage.symmetry`. With None, features
        count as unchanged by mirroring, and this is an ordinary analysis with `n_even`
        components.
    bits : {16, 8}
        To how many directions are rounded. With 8, features are rounded, too, both halves of
        each group of a face by a scale of their own; the model is half as large, and where it is
        served one face is projected several times as fast.

    Attributes
    ----------
    mean_ : list of float32 (d_even,)
        Per group. The odd halves' mean is zero.
    even_components_, odd_components_ : list of float32 (k, d_half)
        Per group; unit rows over the root of the group's mean squared norm.
    n_even_, n_odd_ : int
        Columns of the output that mirroring keeps (first), and whose sign it changes (last).
    """

    _compact: ClassVar[tuple[str, ...]] = ("even_components_", "odd_components_")

    def __init__(
        self,
        n_even: int = 384,
        n_odd: int = 128,
        symmetry: Symmetry | None = None,
        bits: int = 16,
    ) -> None:
        self.n_even = n_even
        self.n_odd = n_odd
        self.symmetry = symmetry
        self.bits = bits

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Find the components of features X (n, d)."""
        check_bits(self.bits)
        x = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        self.mean_, self.even_components_, self.odd_components_ = [], [], []
        for columns, symmetry in self._symmetry().parts():
            even, odd = symmetry.even_odd(x[:, columns])
            mean = even.mean(axis=0)
            even -= mean
            u, even_variance = _components(even, self.n_even)
            v, odd_variance = _components(odd, self.n_odd)
            total = even_variance + odd_variance
            scale = 1 / np.sqrt(total) if total > 0 else 1.0
            self.mean_.append(mean)
            self.even_components_.append(rounded(u * scale, self.bits))
            self.odd_components_.append(rounded(v * scale, self.bits))
        self.n_even_ = sum(len(c) for c in self.even_components_)
        self.n_odd_ = sum(len(c) for c in self.odd_components_)
        self._hold()
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Project features.

        Parameters
        ----------
        X : float (n, d)

        Returns
        -------
        float32 (n, n_even_ + n_odd_)
            All groups' even components, then all groups' odd ones.
        """
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float32, reset=False, ensure_min_samples=0)
        return self.projection()(x)

    def projection(self) -> Projection:
        """Return what was fitted as a function of features."""
        check_is_fitted(self)
        projection: Projection = self._function
        return projection

    def _made(self) -> Projection:
        pairs = zip(self.even_components_, self.odd_components_, strict=True)
        matrices = [matrix for pair in pairs for matrix in pair]
        kind = ByteDirections.of if self.bits == 8 else FloatDirections
        return Projection(self._symmetry(), self.mean_, kind(matrices))

    def symmetry_out(self) -> Symmetry:
        """Return what mirroring does to the components: known before fitting if `symmetry` is.

        Raises
        ------
        ValueError
            If `symmetry` is None.
        """
        if self.symmetry is None:
            raise ValueError("symmetry must be given to know that of the components. Got None.")
        widths = [part.widths for _, part in self.symmetry.parts()]
        n_even = sum(min(self.n_even, even) for even, _ in widths)
        n_odd = sum(min(self.n_odd, odd) for _, odd in widths)
        return even_then_odd(n_even, n_odd)

    @property
    def _n_features_out(self) -> int:
        return self.n_even_ + self.n_odd_

    def _symmetry(self) -> Symmetry:
        d = self.n_features_in_
        if self.symmetry is None:
            return even_then_odd(d, 0)
        if len(self.symmetry.order) != d:
            raise ValueError(
                f"X must have one column an entry of symmetry ({len(self.symmetry.order)}). "
                f"Got {d} instead."
            )
        return self.symmetry

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _eigenvectors(
    x: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the `k` largest eigenvalues of x.T @ x and directions (k, d), not of unit length."""
    # The smaller of the two matrices whose eigenvectors tell: between features, between faces.
    fewer_faces = len(x) < x.shape[1]
    matrix = x @ x.T if fewer_faces else x.T @ x
    side = len(matrix)
    variance, vectors = eigh(
        matrix, subset_by_index=(side - k, side - 1), overwrite_a=True, check_finite=False
    )
    variance, vectors = variance[::-1], vectors.T[::-1]
    return variance, vectors @ x if fewer_faces else vectors


def _components(x: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], float]:
    """Return the first k principal directions (k, d) of centred x, and the variance along them.

    Directions without variance are zero.
    """
    n, d = x.shape
    k = min(k, d)
    found = min(k, n)
    directions = np.zeros((k, d), dtype=np.float32)
    if found == 0:
        return directions, 0.0
    if min(n, d) > _EXACT:
        _, singular, vectors = randomized_svd(x, found, n_iter=4, random_state=0)
        variance = singular**2
    else:
        variance, vectors = _eigenvectors(x, found)
    kept = variance > np.finfo(np.float32).eps * max(n, d) * variance[0]
    vectors = vectors[kept]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # Signs are free: make each direction's largest entry positive, so that fits can be compared.
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    directions[: len(vectors)] = vectors * np.where(largest < 0, -1, 1)[:, None]
    return directions, float(variance[kept].sum()) / n
