"""Several descriptors of a face in one stage, with the landmarks found once."""

from __future__ import annotations

from fer_core.lookup import did_you_mean
from fer_landmarks.features import JoinedFeatures
from fer_landmarks.stage import FaceStage
from fer_landmarks.transformers import (
    AnchoredHistograms,
    DenseHog,
    FisherVectors,
    LandmarkGeometry,
    LbpHistograms,
)

#: The parts by name.
PARTS: dict[str, type[FaceStage]] = {
    "geometry": LandmarkGeometry,
    "anchored": AnchoredHistograms,
    "hog": DenseHog,
    "lbp": LbpHistograms,
    "fisher": FisherVectors,
}


class FaceDescriptor(FaceStage):
    """Puts the features of several parts side by side; landmarks are found once for all.

    Parameters
    ----------
    parts : tuple of str or FaceStage
        ``"geometry"``, ``"anchored"``, ``"hog"``, ``"lbp"``, ``"fisher"``, or stages with
        settings of your own
        (of which `predictor`, `n_jobs` and `cache` are not used).
    predictor, n_jobs, cache, looks
        See `FaceStage`.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_landmarks import FaceDescriptor
    >>> FaceDescriptor(("hog",)).transform(np.zeros((2, 48, 48), np.uint8)).shape
    (2, 900)
    """

    def __init__(
        self,
        parts: tuple[str | FaceStage, ...] = ("geometry", "hog"),
        *,
        predictor: str | None = None,
        n_jobs: int | None = None,
        cache: bool = False,
        looks: int = 1,
    ) -> None:
        super().__init__(predictor=predictor, n_jobs=n_jobs, cache=cache, looks=looks)
        self.parts = parts

    def features(self) -> JoinedFeatures:
        """Return the parts' features side by side."""
        return JoinedFeatures(tuple(stage.features() for stage in self._stages()))

    def _stages(self) -> list[FaceStage]:
        if not isinstance(self.parts, tuple | list) or not self.parts:
            raise ValueError(f"parts must be a non-empty tuple. Got {self.parts!r} instead.")
        return [_stage(part) for part in self.parts]


def _stage(part: str | FaceStage) -> FaceStage:
    if isinstance(part, FaceStage):
        return part
    if part in PARTS:
        return PARTS[part]()
    raise ValueError(
        f"parts must be stages or names among {', '.join(PARTS)}. Got {part!r} instead."
        + did_you_mean(str(part), PARTS)
    )
