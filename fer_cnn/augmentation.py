"""Random changes to training faces: one warp, one contrast line, one mirror a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


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
    """

    flip: bool = False
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0

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
        angle = np.deg2rad(self.rotation) * draw[0]
        zoom = 1 + self.scale * draw[1]
        mirror = np.where(self.flip & (draw[4] > 0), -1.0, 1.0)
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        # Mirror, rotate and scale about the centre, then shift: one affine map a picture.
        linear = np.stack([np.stack([mirror * cos, -sin]), np.stack([mirror * sin, cos])])
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        shift = self.shift * draw[2:4] * np.array([[width], [height]])
        offset = centre[:, None] - np.einsum("ijn,j->in", linear, centre) + shift
        maps = np.concatenate([linear, offset[:, None]], axis=1).transpose(2, 0, 1)
        gain = 1 + self.contrast * draw[5]
        change = self.brightness * draw[6]
        result = np.empty_like(faces)
        for i, face in enumerate(faces):
            warped = cv2.warpAffine(
                face,
                maps[i],
                (width, height),
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            if gain[i] != 1 or change[i] != 0:
                bias = change[i] + (1 - gain[i]) * warped.mean()
                # convertScaleAbs would fold negative values up instead of clipping them.
                warped = np.clip(warped * np.float32(gain[i]) + np.float32(bias), 0, 255)
            result[i] = warped
        return result
