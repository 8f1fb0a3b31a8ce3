"""Several descriptors of a face in one stage, with the landmarks found once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.lookup import did_you_mean
from fer_landmarks.anchored import AnchoredHistograms
from fer_landmarks.geometry import LandmarkGeometry
from fer_landmarks.hog import DenseHog
from fer_landmarks.lbp import LbpHistograms
from fer_landmarks.stage import FaceStage
from fer_landmarks.symmetry import Symmetry, join

#: The parts by name.
PARTS: dict[str, type[FaceStage]] = {
    "geometry": LandmarkGeometry,
    "anchored": AnchoredHistograms,
    "hog": DenseHog,
    "lbp": LbpHistograms,
}


class FaceDescriptor(FaceStage):
    """Puts the features of several parts side by side; landmarks are found once for all.

    Parameters
    ----------
    parts : tuple of str or FaceStage
        ``"geometry"``, ``"anchored"``, ``"hog"``, ``"lbp"``, or stages with settings of your own
        (of which `predictor`, `n_jobs` and `cache` are not used).
    predictor, n_jobs, cache
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
    ) -> None:
        super().__init__(predictor=predictor, n_jobs=n_jobs, cache=cache)
        self.parts = parts

    @property
    def uses_landmarks(self) -> bool:  # type: ignore[override]
        """Whether any part reads landmarks."""
        return any(stage.uses_landmarks for stage in self._stages())

    def describe(
        self, faces: NDArray[np.uint8], landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the features (n, d) of all parts, in their order."""
        return np.concatenate([s.describe(faces, landmarks) for s in self._stages()], axis=1)

    @property
    def n_features(self) -> int:
        """How many features a face gets."""
        return sum(stage.n_features for stage in self._stages())

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of all parts' features, in their order."""
        return np.concatenate([stage.get_feature_names_out() for stage in self._stages()])

    def symmetry(self) -> Symmetry:
        """Return the parts' symmetries, each with blocks of its own."""
        return join([stage.symmetry() for stage in self._stages()])

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
