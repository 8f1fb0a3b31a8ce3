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

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit all steps, as scikit-learn does, each told the symmetry of what it is given."""
        if isinstance(self.steps[0][1], FaceStage):
            self._wire()
        fitted: Self = super().fit(X, y, **params)
        return fitted

    def set_params(self, **params: Any) -> Self:
        """Set parameters of steps, as scikit-learn does, and tell the steps after them."""
        super().set_params(**params)
        if isinstance(self.steps[0][1], FaceStage):  # not of some steps, without faces
            self._wire()
            told = self.get_params()
            for key, value in params.items():
                if key.split("__")[-1] == "n_odd" and told[key] != value:
                    raise ValueError(
                        f"{key} follows from the steps before it, which put out {told[key]} such "
                        f"features; set theirs. Got {value} instead."
                    )
        return self

    def _wire(self) -> None:
        symmetry, analysed = self.steps[0][1].symmetry(), False
        for _, step in self.steps[1:]:
            if step in (None, "passthrough"):
                continue
            if isinstance(step, SymmetricPCA):
                step.set_params(symmetry=symmetry)
                symmetry, analysed = step.symmetry_out(), True
                continue
            # Stacked classifiers have it in their members. It counts the last features, where
            # analyses put those that change their sign: features as described lie otherwise.
            named = [key for key in step.get_params() if key.split("__")[-1] == "n_odd"]
            n_odd = int((symmetry.sign < 0).sum()) if analysed else 0
            step.set_params(**dict.fromkeys(named, n_odd))
