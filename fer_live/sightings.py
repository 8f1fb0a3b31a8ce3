"""Faces of one frame before they are labelled: places, landmarks, crops, and how they look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.crop import CROP_SIDE, boxes_from_landmarks, crop_faces
from fer_core.landmarks import LandmarkPredictor


@dataclass(frozen=True, eq=False)
class Sightings:
    """n faces of one frame.

    Attributes
    ----------
    boxes : float32 (n, 4)
        FER2013 boxes in frame pixels, placed by the landmarks.
    scores : float32 (n,)
        The detector's confidence.
    landmarks : float32 (n, 68, 2)
        Frame pixels, x then y.
    crops : uint8 (n, 48, 48)
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    crops: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: Any) -> Sightings:
        """Return the faces at an index array, a slice or a mask."""
        return Sightings(
            self.boxes[chosen], self.scores[chosen], self.landmarks[chosen], self.crops[chosen]
        )

    def looks(self) -> NDArray[np.float32]:
        """Return how the faces look: float32 (n, 2304), rows whose products are correlations.

        Two crops of one face in frames that follow each other correlate by 0.9 and more; of 400
        FER2013 pictures, 95 % of the pairs of different faces by less than 0.46, and squares of
        background by less than 0.32 with any of them.
        """
        pixels = self.crops.reshape(len(self.crops), CROP_SIDE**2).astype(np.float32)
        pixels -= pixels.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(pixels, axis=1, keepdims=True)
        # An even square looks like nothing: it correlates with no face.
        return np.divide(pixels, norms, out=pixels, where=norms > 0)


def look_at(
    gray: NDArray[np.uint8],
    boxes: ArrayLike,
    scores: NDArray[np.float32],
    predictor: LandmarkPredictor,
) -> Sightings:
    """Find landmarks from boxes that lie roughly on faces, and cut the faces out.

    Parameters
    ----------
    gray : uint8 (H, W)
    boxes : float (n, 4)
        FER2013 boxes. The landmarks find a face that lies within about a seventh of its side.
    scores : float32 (n,)
    predictor : LandmarkPredictor
    """
    landmarks = predictor.predict_boxes(gray, boxes)
    placed = boxes_from_landmarks(landmarks)
    return Sightings(placed, scores, landmarks, crop_faces(gray, placed))
