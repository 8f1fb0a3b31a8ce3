"""The features as scikit-learn transformers, one each."""

from __future__ import annotations

from fer_core.crop import CROP_SIDE
from fer_landmarks.anchored import INNER_POINTS, SCALES, AnchoredFeatures
from fer_landmarks.fisher import DEFAULT_VOCABULARY, FisherFeatures
from fer_landmarks.geometry import GeometryFeatures
from fer_landmarks.hog import HogFeatures
from fer_landmarks.lbp import LbpFeatures
from fer_landmarks.stage import FaceStage


class LandmarkGeometry(FaceStage):
    """Aligned landmark coordinates, distances and angles, see `landmark_geometry`.

    Parameters
    ----------
    coordinates_only : bool
        Leave distances and angles out.
    predictor, n_jobs, cache, looks
        See `FaceStage`.
    """

    def __init__(
        self,
        *,
        coordinates_only: bool = False,
        predictor: str | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
        looks: int = 1,
    ) -> None:
        super().__init__(predictor=predictor, n_jobs=n_jobs, cache=cache, looks=looks)
        self.coordinates_only = coordinates_only

    def features(self) -> GeometryFeatures:
        """Return the features that the parameters ask for."""
        return GeometryFeatures(self.coordinates_only)


class AnchoredHistograms(FaceStage):
    """Gradient histograms around landmarks at several scales, see `anchored_histograms`.

    Parameters
    ----------
    points : tuple of int
        The landmarks described; a set that mirroring keeps.
    scales : tuple of (spacing, sigma)
    side : int
    predictor, n_jobs, cache, looks
        See `FaceStage`.
    """

    def __init__(
        self,
        *,
        points: tuple[int, ...] = INNER_POINTS,
        scales: tuple[tuple[float, float], ...] = SCALES,
        side: int = CROP_SIDE,
        predictor: str | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
        looks: int = 1,
    ) -> None:
        super().__init__(predictor=predictor, n_jobs=n_jobs, cache=cache, looks=looks)
        self.points = points
        self.scales = scales
        self.side = side

    def features(self) -> AnchoredFeatures:
        """Return the features that the parameters ask for."""
        return AnchoredFeatures(self.points, self.scales, self.side)


class DenseHog(FaceStage):
    """Histograms of oriented gradients over the whole crop, see `dense_hog`.

    Parameters
    ----------
    cell : int
    engine : {"opencv", "skimage"}
    predictor, n_jobs, cache
        See `FaceStage`; no landmarks are used.
    """

    def __init__(
        self,
        *,
        cell: int = 8,
        engine: str = "opencv",
        predictor: str | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
    ) -> None:
        super().__init__(predictor=predictor, n_jobs=n_jobs, cache=cache)
        self.cell = cell
        self.engine = engine

    def features(self) -> HogFeatures:
        """Return the features that the parameters ask for."""
        return HogFeatures(self.cell, self.engine)


class LbpHistograms(FaceStage):
    """Histograms of uniform local binary patterns, see `lbp_histograms`.

    Parameters
    ----------
    cell : int
    predictor, n_jobs, cache
        See `FaceStage`; no landmarks are used.
    """

    def __init__(
        self,
        *,
        cell: int = 8,
        predictor: str | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
    ) -> None:
        super().__init__(predictor=predictor, n_jobs=n_jobs, cache=cache)
        self.cell = cell

    def features(self) -> LbpFeatures:
        """Return the features that the parameters ask for."""
        return LbpFeatures(self.cell)


class FisherVectors(FaceStage):
    """Fisher vectors of gradient histograms all over the crop, see `fisher_vectors`.

    Parameters
    ----------
    vocabulary : str
        Name of one that the package has or `fer_landmarks.vocabulary` has learnt.
    predictor, n_jobs, cache
        See `FaceStage`; no landmarks are used.
    """

    def __init__(
        self,
        *,
        vocabulary: str = DEFAULT_VOCABULARY,
        predictor: str | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
    ) -> None:
        super().__init__(predictor=predictor, n_jobs=n_jobs, cache=cache)
        self.vocabulary = vocabulary

    def features(self) -> FisherFeatures:
        """Return the features that the parameters ask for."""
        return FisherFeatures(self.vocabulary)
