"""Test-time augmentation: a model's average answer to several looks at each face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.dataset import check_faces

if TYPE_CHECKING:
    from fer_core.ensemble import Model

#: Faces looked at together, which bounds memory.
_BATCH = 64


@dataclass(frozen=True)
class Look:
    """One way to look at a face.

    Attributes
    ----------
    dx, dy : float
        Pixels by which it is moved to the right and down.
    zoom : float
        Size factor about the centre.
    rotation : float
        Degrees, anticlockwise as seen.
    """

    dx: float = 0.0
    dy: float = 0.0
    zoom: float = 1.0
    rotation: float = 0.0

    def of(self, faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return faces as seen so; what comes from outside repeats the edge.

        Parameters
        ----------
        faces : uint8 (n, H, W)

        Returns
        -------
        uint8 (n, H, W)
        """
        if self == Look():
            return faces
        height, width = faces.shape[1:]
        centre = ((width - 1) / 2, (height - 1) / 2)
        change = cv2.getRotationMatrix2D(centre, self.rotation, self.zoom)
        change[:, 2] += np.array([self.dx, self.dy])
        seen = np.empty(faces.shape, dtype=np.uint8)
        for face, target in zip(faces, seen, strict=True):
            cv2.warpAffine(
                face, change, (width, height), dst=target, borderMode=cv2.BORDER_REPLICATE
            )
        return seen


#: The face itself, moved, nearer and farther, and tilted: what a detector's box varies by. Chosen
#: on validation pictures, see docs/experiments.md.
LOOKS = (
    Look(),
    Look(dx=2),
    Look(dx=-2),
    Look(dy=2),
    Look(dy=-2),
    Look(zoom=0.94),
    Look(zoom=1.06),
    Look(zoom=1.12),
    Look(rotation=5),
    Look(rotation=-5),
)


class TTAClassifier:
    """The arithmetic mean of a model's probabilities of several looks at each face.

    After Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural
    networks" (2012), who average ten crops. It takes as many times the model's time as there are
    looks.

    Parameters
    ----------
    model : Model
    looks : sequence of Look
    """

    def __init__(self, model: Model, looks: tuple[Look, ...] = LOOKS) -> None:
        self.model = model
        self.looks = looks
        self.classes_ = np.asarray(model.classes_)

    def use_threads(self, threads: int) -> None:
        """Bound the threads of a model that can be told."""
        if hasattr(self.model, "use_threads"):
            self.model.use_threads(threads)

    def predict_proba(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities.

        Parameters
        ----------
        faces : uint8 (n, 48, 48)

        Returns
        -------
        float32 (n, k)

        Raises
        ------
        DataError
            If `faces` are not uint8 (n, 48, 48).
        """
        faces = check_faces(faces)
        result = np.empty((len(faces), len(self.classes_)), dtype=np.float32)
        for start in range(0, len(faces), _BATCH):
            batch = faces[start : start + _BATCH]
            answers = self.model.predict_proba(np.concatenate([s.of(batch) for s in self.looks]))
            shape = (len(self.looks), len(batch), -1)
            result[start : start + _BATCH] = answers.reshape(shape).mean(axis=0)
        return result

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the most probable code of each face: int64 (n,)."""
        return self.classes_[self.predict_proba(faces).argmax(axis=1)]
