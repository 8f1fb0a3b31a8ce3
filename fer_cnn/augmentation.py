"""Random changes to training faces: one warp, one contrast line, one hole a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.dataset import FACE_SIZE
from fer_core.errors import DataError

#: Largest value of ranges beyond which nothing of a picture is left; shares end at 1.
_MOST = {
    "scale": 0.9,
    "shift": 1,
    "erase": 1,
    "contrast": 1,
    "exposure": 1,
    "crop": FACE_SIZE - 1,
    "degrade": 1,
}


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; all zero changes nothing.

    Attributes
    ----------
    flip : bool
        Mirror half of the faces.
    rotation : float
        Degrees, drawn from [-rotation, rotation].
    scale : float
        Size factor drawn from [1 - scale, 1 + scale].
    shift : float
        Share of the side, drawn from [-shift, shift] in x and in y.
    contrast : float
        Contrast factor about the picture's mean, drawn from [1 - contrast, 1 + contrast].
    brightness : float
        Gray levels added, drawn from [-brightness, brightness].
    erase : float
        Share of the faces in which a rectangle of random place, size (2 to 25 % of the picture)
        and form (1:3 to 3:1) is filled with noise (random erasing, Zhong et al., AAAI 2020).
    shear : float
        Pixels sideways a pixel of height, drawn from [-shear, shear].
    exposure : float
        Factor on all gray levels, drawn from [1 - exposure, 1 + exposure].
    crop : int
        A square smaller by this many pixels, at a random place, is enlarged to the whole picture.
    degrade : float
        Share of the faces that are made as bad as a webcam's or a far one: each of resolution (down
        to a third), light (down to a fifth) and noise (up to 24 gray levels) for half of these.
    """

    flip: bool = False
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    erase: float = 0.0
    shear: float = 0.0
    exposure: float = 0.0
    crop: int = 0
    degrade: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), _MOST.get(field.name)
            if not 0 <= value < math.inf or (most is not None and value > most):
                wanted = "0 or more" if most is None else f"from 0 to {most}"
                raise DataError(
                    f"augmentation: {field.name} must be {wanted}. Got {value} instead."
                )

    def apply(self, faces: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return changed copies of `faces`.

        Parameters
        ----------
        faces : uint8 (n, H, W)
        rng : numpy.random.Generator

        Returns
        -------
        uint8 (n, H, W)
            Pixels that come from outside a picture repeat its edge.
        """
        n, height, width = faces.shape
        # Drawn for the whole batch, always all of them: the same seed then gives the same faces
        # whichever ranges are zero.
        draw = rng.uniform(-1, 1, size=(7, n))
        # A stream of their own: trainings begun before these existed go on with the same faces.
        others, worse = rng.spawn(2)
        more = others.uniform(-1, 1, size=(4, n))
        angle = np.deg2rad(self.rotation) * draw[0]
        cropped = np.array([[width / (width - self.crop)], [height / (height - self.crop)]])
        zoom = (1 + self.scale * draw[1]) * cropped[0]
        mirror = np.where(self.flip & (draw[4] > 0), -1.0, 1.0)
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        # Mirror, rotate, scale and shear about the centre, then shift: one affine map a picture.
        lean = self.shear * more[0]
        linear = np.stack(
            [
                np.stack([mirror * (cos + lean * sin), -sin + lean * cos]),
                np.stack([mirror * sin, cos]),
            ]
        )
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        shift = self.shift * draw[2:4] * np.array([[width], [height]])
        shift = shift + self.crop / 2 * more[2:4] * cropped
        offset = centre[:, None] - np.einsum("ijn,j->in", linear, centre) + shift
        maps = np.concatenate([linear, offset[:, None]], axis=1).transpose(2, 0, 1)
        gain = 1 + self.contrast * draw[5]
        change = self.brightness * draw[6]
        exposure = 1 + self.exposure * more[1]
        result = np.empty_like(faces)
        for i, face in enumerate(faces):
            warped = cv2.warpAffine(
                face,
                maps[i],
                (width, height),
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            if gain[i] != 1 or change[i] != 0 or exposure[i] != 1:
                bias = change[i] + exposure[i] * (1 - gain[i]) * warped.mean()
                factor = exposure[i] * gain[i]
                # convertScaleAbs would fold negative values up instead of clipping them.
                changed = np.clip(warped * np.float32(factor) + np.float32(bias), 0, 255)
                warped = np.rint(changed).astype(np.uint8)
            result[i] = warped
        if self.degrade > 0:
            _degrade(result, self.degrade, worse)
        if self.erase > 0:
            _erase(result, self.erase, rng)
        return result


def _degrade(faces: NDArray[np.uint8], share: float, rng: np.random.Generator) -> None:
    """Make resolution, light and noise of a share of `faces` worse, in place."""
    n, height, width = faces.shape
    draw = rng.random((4, n))
    with_size, with_light, with_noise = rng.random((3, n)) < 0.5
    for i in np.flatnonzero(draw[0] < share):
        face = faces[i]
        if with_size[i]:
            part = 1 - 2 / 3 * draw[1, i]
            small = (max(round(width * part), 1), max(round(height * part), 1))
            face = cv2.resize(face, small, interpolation=cv2.INTER_AREA)
            face = cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR)
        changed = face.astype(np.float32)
        if with_noise[i]:
            changed += np.float32(24 * draw[2, i]) * rng.standard_normal(face.shape, np.float32)
        if with_light[i]:  # after the noise, which would hide a dark face wholly
            changed *= np.float32(0.2 ** draw[3, i])
        faces[i] = np.clip(np.rint(changed), 0, 255)


def _erase(faces: NDArray[np.uint8], share: float, rng: np.random.Generator) -> None:
    """Fill a random rectangle with noise in a share of `faces`, in place."""
    n, height, width = faces.shape
    draw = rng.random((5, n))
    side = np.sqrt(0.02 + 0.23 * draw[1])
    form = 3 ** (draw[2] - 0.5)
    h = np.minimum(np.rint(height * side * form), height).astype(int)
    w = np.minimum(np.rint(width * side / form), width).astype(int)
    top = (draw[3] * (height - h + 1)).astype(int)
    left = (draw[4] * (width - w + 1)).astype(int)
    for i in np.flatnonzero(draw[0] < share):
        hole = faces[i, top[i] : top[i] + h[i], left[i] : left[i] + w[i]]
        hole[...] = rng.integers(0, 256, size=hole.shape)
