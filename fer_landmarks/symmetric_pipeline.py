"""Pipelines whose steps know what mirroring does to what they are given."""

from __future__ import annotations

from typing import Any, Self

from sklearn.pipeline import Pipeline

from fer_landmarks.compress import SymmetricPCA
from fer_landmarks.stage import FaceStage


class SymmetricPipeline(Pipeline):
    """A pipeline from faces to labels that tells its steps how features change with mirroring.

    Whatever parameters are set, each `SymmetricPCA` is given the symmetry of what the step before
    it puts out, and classifiers that take it, ``n_odd``, the number of last features that change
    their sign: a search over parameters can't leave them with that of other features.
    """

    def set_params(self, **params: Any) -> Self:
        """Set parameters of steps, as scikit-learn does, and tell the steps after them."""
        super().set_params(**params)
        if isinstance(self.steps[0][1], FaceStage):  # not of some steps, without faces
            self._wire()
        return self

    def _wire(self) -> None:
        symmetry = self.steps[0][1].symmetry()
        for _, step in self.steps[1:]:
            if isinstance(step, SymmetricPCA):
                step.set_params(symmetry=symmetry)
                symmetry = step.symmetry_out()
                continue
            # Stacked classifiers have it in their members.
            named = [key for key in step.get_params() if key.split("__")[-1] == "n_odd"]
            step.set_params(**dict.fromkeys(named, int((symmetry.sign < 0).sum())))
