"""Pipelines whose classifier learns from changed copies of each face, too."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, check_random_state

from fer_core.datasets.dataset import check_faces
from fer_core.tta import Look
from fer_landmarks.symmetric_pipeline import SymmetricPipeline

#: Pixels, share of the size and degrees by which a copy may be moved, zoomed and tilted.
_SHIFT, _ZOOM, _ROTATION = 2.0, 0.08, 8.0
#: Copies described at a time: 50,000 features of 26,000 faces are five gigabytes.
_BLOCK = 1024


class JitteredPipeline(SymmetricPipeline):
    """A pipeline that takes faces, and fits its last step on changed copies of them, too.

    The steps before it are fitted on the faces as they are. In the copies, landmarks are found
    anew, so that the classifier learns how much they vary. Its ``cache`` isn't used for them; they
    are described by as many processes as its ``n_jobs`` asks for.

    Parameters
    ----------
    steps, memory, transform_input, verbose
        As for `sklearn.pipeline.Pipeline`.
    copies : int
        Of each face, besides itself.
    random_state : int, RandomState or None
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        copies: int = 12,
        random_state: Any = None,
        transform_input: list[str] | None = None,
        memory: Any = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)
        self.copies = copies
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None, **params: Any) -> Self:
        """Fit on faces uint8 (n, 48, 48) with labels y (n,).

        `params` go to the steps that they name, as ``classifier__soft_labels``. Those of the last
        step have a row a face, or are None.
        """
        faces, labels = check_faces(X), np.asarray(y)
        if self.copies < 0:
            raise ValueError(f"copies must be 0 or more. Got {self.copies} instead.")
        check_consistent_length(faces, labels)
        rng = check_random_state(self.random_state)
        name, classifier = self.steps[-1]
        own = {key: value for key, value in params.items() if key.startswith(f"{name}__")}
        others = {key: value for key, value in params.items() if key not in own}
        describe = Pipeline(self.steps[:-1], memory=self.memory, verbose=self.verbose)
        often = self.copies + 1
        plain = describe.fit_transform(faces, labels, **others)
        # With a memory, fitted ones take the steps' places; the list may be the caller's.
        self.steps: list[tuple[str, Any]] = [*describe.steps, (name, classifier)]
        described = np.empty((often, *plain.shape), dtype=np.asarray(plain).dtype)
        described[0] = plain
        self._describe_copies(describe, faces, rng, described[1:])
        repeated = {
            key.removeprefix(f"{name}__"): None
            if value is None
            else np.concatenate([value] * often)
            for key, value in own.items()
        }
        rows = described.reshape(-1, plain.shape[1])
        if not isinstance(plain, np.ndarray):  # `set_output` asked for a table with names
            rows = type(plain)(rows, columns=plain.columns)
        classifier.fit(rows, np.concatenate([labels] * often), **repeated)
        return self

    def _describe_copies(
        self,
        describe: Pipeline,
        faces: NDArray[np.uint8],
        rng: np.random.RandomState,
        out: NDArray[np.float32],
    ) -> None:
        # Processes in place of the descriptor's threads: those wait for dlib's lock.
        settings = describe.get_params()
        asked = {k: v for k, v in settings.items() if k.endswith("__n_jobs")}
        jobs = max(map(effective_n_jobs, asked.values()), default=1)
        changed = {k: False for k in settings if k.endswith("__cache")} | dict.fromkeys(asked, 1)
        kept = {k: settings[k] for k in changed}
        describe.set_params(**changed)
        blocks = [slice(start, start + _BLOCK) for start in range(0, len(faces), _BLOCK)]
        try:
            with Parallel(jobs if len(blocks) > 1 else 1) as parallel:
                for copy in out:
                    seen = jittered(faces, rng)
                    found = parallel(delayed(describe.transform)(seen[rows]) for rows in blocks)
                    for rows, described in zip(blocks, found, strict=True):
                        copy[rows] = described
        finally:
            describe.set_params(**kept)

    def __getitem__(self, index: Any) -> Any:
        """Return a step, or some of the steps as an ordinary pipeline: they take no faces."""
        if isinstance(index, slice):
            return Pipeline(self.steps, memory=self.memory, verbose=self.verbose)[index]
        return super().__getitem__(index)


def jittered(faces: NDArray[np.uint8], rng: np.random.RandomState) -> NDArray[np.uint8]:
    """Return each face moved, zoomed and tilted at random: uint8 (n, H, W)."""
    draws = rng.uniform(-1, 1, size=(len(faces), 4))
    changed = np.empty_like(faces)
    for i, (dx, dy, zoom, rotation) in enumerate(draws):
        look = Look(_SHIFT * dx, _SHIFT * dy, 1 + _ZOOM * zoom, _ROTATION * rotation)
        changed[i] = look.of(faces[i : i + 1])[0]
    return changed
