"""The labelled faces that every family, protocol and benchmark works on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.errors import DataError
from fer_core.labels import Scheme

#: Height and width in pixels of every face.
FACE_SIZE = 48


def check_faces(faces: ArrayLike) -> NDArray[np.uint8]:
    """Return `faces` as a contiguous array if they are face crops.

    Raises
    ------
    DataError
        If they are not uint8 of shape (n, 48, 48).
    """
    array = np.asarray(faces)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[1:] != (FACE_SIZE, FACE_SIZE):
        raise DataError(
            f"faces must be a uint8 array of shape (n, {FACE_SIZE}, {FACE_SIZE}). "
            f"Got {array.dtype} {array.shape} instead."
        )
    return np.ascontiguousarray(array)


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """Faces with labels, names and where each one comes from.

    Attributes
    ----------
    name : str
        ``"fer2013"``, ``"demo"`` or the name of a folder.
    faces : uint8 (n, 48, 48)
        Gray faces in FER2013 framing.
    y : int64 (n,)
        Codes in the order of `scheme`.
    scheme : Scheme
        What the codes mean.
    names : str (n,)
        One name a picture, unique: its path inside the dataset, or its row in a csv.
    parts : str (n,)
        The part that the source assigns: ``"training"``, ``"validation"``, ``"test"``,
        FER2013's ``"public_test"`` and ``"private_test"``, or ``""`` where it assigns none.
    groups : int64 (n,)
        Pictures with the same number must stay on one side of a split: the same person.
    found : bool (n,) or None
        Whether a face was found in the picture; None where all are faces. The others keep their
        place with the whole picture as `faces`: splits deal them out like the rest, never fit
        or choose on them, and count them as errors when they are test pictures.
    votes : float32 (n, 10) or None
        FER+ votes in FER+ column order (see `fer_core.datasets.ferplus`), rows of zeros where
        there are none.
    notes : dict of str to object
        Facts that reports should mention: pictures skipped, rows dropped, crops without a face.
    """

    name: str
    faces: NDArray[np.uint8]
    y: NDArray[np.int64]
    scheme: Scheme
    names: NDArray[np.str_]
    parts: NDArray[np.str_]
    groups: NDArray[np.int64]
    found: NDArray[np.bool_] | None = None
    votes: NDArray[np.float32] | None = None
    notes: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.faces)
        if self.faces.dtype != np.uint8 or self.faces.shape[1:] != (FACE_SIZE, FACE_SIZE):
            raise DataError(
                f"dataset '{self.name}': faces must be uint8 of shape (n, {FACE_SIZE}, "
                f"{FACE_SIZE}). Got {self.faces.dtype} {self.faces.shape} instead."
            )
        for attribute in ("y", "names", "parts", "groups", "found", "votes"):
            values = getattr(self, attribute)
            if values is not None and len(values) != n:
                raise DataError(
                    f"dataset '{self.name}': {attribute} must have one entry a face ({n}). "
                    f"Got {len(values)} instead."
                )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}': {len(self)} faces, {self.scheme.name}>"

    def __len__(self) -> int:
        return len(self.faces)

    def subset(self, index: ArrayLike) -> Self:
        """Return the pictures at `index` (integers or a boolean mask), in that order."""
        i = np.asarray(index)
        if len(i) == 0:
            i = i.astype(np.int64)  # an empty list's type is float
        return replace(
            self,
            faces=self.faces[i],
            y=self.y[i],
            names=self.names[i],
            parts=self.parts[i],
            groups=self.groups[i],
            found=None if self.found is None else self.found[i],
            votes=None if self.votes is None else self.votes[i],
        )

    def in_scheme(self, scheme: Scheme) -> Dataset:
        """Return the pictures whose label `scheme` keeps, with codes in its order.

        Raises
        ------
        DataError
            If `scheme` is another than the dataset's, and its classes are not made of the
            dataset's.
        """
        if scheme == self.scheme:
            return self
        if not self.scheme.covers(scheme):
            raise DataError(
                f"dataset '{self.name}': from its classes ({', '.join(self.scheme.labels)}) those "
                f"of scheme '{scheme.name}' ({', '.join(scheme.labels)}) can't be made"
            )
        codes = np.array([group[0] for group in self.scheme.groups])
        y = scheme.encode(codes[self.y])
        kept = self.subset(y >= 0)
        return replace(kept, y=y[y >= 0], scheme=scheme)

    def counts(self) -> dict[str, int]:
        """Return the number of pictures in each class, in the scheme's order."""
        counted = np.bincount(self.y, minlength=len(self.scheme.labels))
        return {label: int(c) for label, c in zip(self.scheme.labels, counted, strict=True)}

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change with any face, label or part."""
        digest = hashlib.sha256()
        for array in (self.faces, self.y):
            digest.update(np.ascontiguousarray(array).data)
        digest.update("\n".join(self.parts).encode())
        return digest.hexdigest()[:16]
