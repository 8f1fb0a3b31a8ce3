"""What spoils pictures of faces outside the laboratory: ten kinds, five strengths each.

The idea and the five strengths are those of Hendrycks and Dietterich, "Benchmarking neural network
robustness to common corruptions and perturbations", ICLR 2019; the strengths here are set for
crops of 48 pixels, in pixels of the crop, and reach from barely visible to hardly readable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from fer_core.landmarks import LandmarkPredictor

Face = NDArray[np.uint8]
Points = NDArray[np.float32]
Spoil = Callable[[Face, float, Generator, Points], Face]

#: Strengths of every corruption; 0 is the clean picture.
STRENGTHS = (1, 2, 3, 4, 5)

#: Photons a gray level, a choice: white at full light is noisy by 3 per cent, as with the small
#: sensor of a webcam at high gain.
_PHOTONS = 4

#: iBUG 68 landmarks of the parts that are covered.
MOUTH, EYES = slice(48, 68), slice(36, 48)


@dataclass(frozen=True)
class Corruption:
    """One way of spoiling faces.

    Attributes
    ----------
    name, title : str
        Name in files, and in figures.
    levels : tuple of float
        What the five strengths mean, in `unit`.
    unit : str
        What a level is, for reports.
    spoil : callable
        Takes a face uint8 (h, w), a level, a generator and the face's landmarks float32 (68, 2),
        returns a face of the same shape.
    """

    name: str
    title: str
    levels: tuple[float, ...]
    unit: str
    spoil: Spoil


def corrupted(
    faces: NDArray[np.uint8],
    corruption: Corruption,
    strength: int,
    landmarks: NDArray[np.float32],
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Spoil faces.

    Parameters
    ----------
    faces : uint8 (n, h, w)
    corruption : Corruption
    strength : int
        0 (nothing happens) to 5.
    landmarks : float32 (n, 68, 2)
        Of the clean faces; the parts that are covered lie there.
    seed : int
        Each face has a stream of its own, the same for every strength: a face that is turned
        left by 5 degrees is turned left by 10 as well, and results don't depend on how many
        faces are measured.

    Returns
    -------
    uint8 (n, h, w)
    """
    if strength == 0:
        return faces.copy()
    level = corruption.levels[strength - 1]
    spoiled = [
        corruption.spoil(face, level, np.random.default_rng((seed, i)), points)
        for i, (face, points) in enumerate(zip(faces, landmarks, strict=True))
    ]
    return np.array(spoiled, dtype=np.uint8).reshape(faces.shape)


def face_landmarks(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the landmarks of clean faces, float32 (n, 68, 2)."""
    return LandmarkPredictor().predict_crops(faces)


def _to_bytes(values: ArrayLike) -> Face:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _blur(face: Face, sigma: float, rng: Generator, points: Points) -> Face:
    return _to_bytes(cv2.GaussianBlur(face, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def _noise(face: Face, sigma: float, rng: Generator, points: Points) -> Face:
    return _to_bytes(face + rng.normal(0, sigma, face.shape))


def _jpeg(face: Face, quality: float, rng: Generator, points: Points) -> Face:
    done, content = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    decoded = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    assert done
    assert decoded is not None  # it has just been encoded
    return _to_bytes(decoded)


def _low_light(face: Face, gain: float, rng: Generator, points: Points) -> Face:
    return _to_bytes(rng.poisson(face * gain * _PHOTONS) / _PHOTONS)


def _contrast(face: Face, factor: float, rng: Generator, points: Points) -> Face:
    return _to_bytes(face.mean() + factor * (face - face.mean()))


def _covered(part: slice) -> Spoil:
    def cover(face: Face, share: float, rng: Generator, points: Points) -> Face:
        low, high = points[part].min(axis=0), points[part].max(axis=0)
        # A margin of a tenth of the face: lips and lids reach beyond their landmarks.
        middle, half = (low + high) / 2, (high - low) / 2 + 0.1 * face.shape[0] / 2
        top, left, bottom, right = (
            round(float(v))
            for v in (
                middle[1] - share * half[1],
                middle[0] - share * half[0],
                middle[1] + share * half[1],
                middle[0] + share * half[0],
            )
        )
        out = face.copy()
        out[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = round(face.mean())
        return out

    return cover


def _rotation(face: Face, degrees: float, rng: Generator, points: Points) -> Face:
    height, width = face.shape
    angle = degrees * rng.choice((-1, 1))
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    return _to_bytes(cv2.warpAffine(face, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _small(face: Face, side: float, rng: Generator, points: Points) -> Face:
    small = cv2.resize(face, (int(side), int(side)), interpolation=cv2.INTER_AREA)
    return _to_bytes(cv2.resize(small, face.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _shift(face: Face, pixels: float, rng: Generator, points: Points) -> Face:
    direction = rng.uniform(0, 2 * np.pi)
    move = np.array([[1, 0, pixels * np.cos(direction)], [0, 1, pixels * np.sin(direction)]])
    return _to_bytes(cv2.warpAffine(face, move, face.shape[::-1], borderMode=cv2.BORDER_REPLICATE))


#: All corruptions by name, in the order of reports.
CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        c.name: c
        for c in (
            Corruption("blur", "blur", (0.5, 1, 1.5, 2, 3), "Gaussian, sigma in pixels", _blur),
            Corruption(
                "noise", "noise", (4, 8, 16, 24, 40), "Gaussian, sigma in gray levels", _noise
            ),
            Corruption("jpeg", "JPEG", (50, 30, 15, 8, 4), "quality", _jpeg),
            Corruption(
                "low-light",
                "low light",
                (0.6, 0.4, 0.25, 0.15, 0.08),
                "share of the light left, with its shot noise",
                _low_light,
            ),
            Corruption(
                "contrast", "contrast", (0.6, 0.4, 0.25, 0.15, 0.08), "share left", _contrast
            ),
            Corruption(
                "mouth",
                "mouth covered",
                (0.4, 0.6, 0.8, 1, 1.3),
                "side of the cover over that of the mouth",
                _covered(MOUTH),
            ),
            Corruption(
                "eyes",
                "eyes covered",
                (0.4, 0.6, 0.8, 1, 1.3),
                "side of the cover over that of both eyes",
                _covered(EYES),
            ),
            Corruption("rotation", "rotation", (5, 10, 20, 30, 45), "degrees", _rotation),
            Corruption(
                "small", "small faces", (36, 24, 18, 14, 10), "pixels high, scaled up again", _small
            ),
            Corruption(
                "shift", "shifted crops", (2, 4, 6, 9, 12), "pixels, in any direction", _shift
            ),
        )
    }
)
