"""Expression labels in FER2013's order, and the label schemes made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_core.errors import DataError
from fer_core.lookup import look_up

#: Label order of ``fer2013.csv`` (Goodfellow et al., 2013), codes 0..6.
LABELS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

_SPELLINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "angry": ("anger", "angriness", "angrily", "ang", "an"),
        "disgust": ("disgusted", "disgusting", "disg", "dis", "di"),
        "fear": ("fearful", "afraid", "scared", "fea", "fe", "af"),
        "happy": ("happiness", "hapiness", "joy", "joyful", "hap", "ha", "smile", "smiling"),
        "sad": ("sadness", "sa"),
        "surprise": ("surprised", "suprise", "suprised", "surprize", "sur", "su"),
        "neutral": ("neutrality", "natural", "calm", "neu", "ne"),
    }
)
_BY_SPELLING = {s: label for label, more in _SPELLINGS.items() for s in (label, *more)}

#: How data sets (AffectNet, CK+, FER+) write the eighth expression, which no scheme here knows.
_CONTEMPT = frozenset({"contempt", "contemptuous", "contemptous"})


def canonical_label(name: str) -> str | None:
    """Return the FER2013 label that `name` spells, or None if it spells none of them.

    Case, surrounding space and a leading number such as ``"3_"`` or ``"03-"`` don't matter:
    ``canonical_label("3_Happiness") == "happy"``.
    """
    return _BY_SPELLING.get(_cleaned(name))


def is_contempt(name: str) -> bool:
    """Return whether `name` spells contempt, which is none of FER2013's labels."""
    return _cleaned(name) in _CONTEMPT


def _cleaned(name: str) -> str:
    return name.strip().lower().lstrip("0123456789").lstrip(" _-.")


@dataclass(frozen=True)
class Scheme:
    """A set of classes, each one a group of FER2013 labels.

    Attributes
    ----------
    name : str
        Key of the scheme, for example ``"valence3"``.
    labels : tuple of str
        Class names; their order gives the integer codes 0..k-1.
    groups : tuple of tuple of int
        For each class, the FER2013 codes that it joins; codes in no group are dropped.
        Empty for a scheme whose classes are not FER2013 labels (someone's own folders).
    """

    name: str
    labels: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def classes(self) -> NDArray[np.int64]:
        """Integer codes 0..k-1."""
        return np.arange(len(self.labels), dtype=np.int64)

    def encode(self, y: ArrayLike) -> NDArray[np.int64]:
        """Map FER2013 codes to this scheme's codes, -1 where a label is dropped.

        Parameters
        ----------
        y : int (n,)
            FER2013 codes 0..6.

        Returns
        -------
        int64 (n,)
        """
        self._need_groups()
        table = np.full(len(LABELS), -1, dtype=np.int64)
        for code, group in enumerate(self.groups):
            table[list(group)] = code
        return table[np.asarray(y, dtype=np.int64)]

    def covers(self, other: Self) -> bool:
        """Return whether each of these classes is one FER2013 label, and `other` needs no more."""
        own = {code for group in self.groups for code in group}
        single = bool(self.groups) and len(own) == len(self.groups)
        return single and bool(other.groups) and all(own & set(group) for group in other.groups)

    def project(self, proba: ArrayLike) -> NDArray[np.float32]:
        """Turn 7-class probabilities into this scheme's.

        Merged columns are summed, dropped ones removed and the rest renormalised. A row whose
        whole mass lies on dropped classes becomes uniform.

        Parameters
        ----------
        proba : float (n, 7)
            Columns in FER2013's order, rows sum to 1.

        Returns
        -------
        float32 (n, k)
            Rows sum to 1.

        Raises
        ------
        DataError
            If `proba` has not seven columns, or the scheme joins no FER2013 labels.
        """
        self._need_groups()
        p = np.asarray(proba, dtype=np.float64)
        if p.ndim != 2 or p.shape[1] != len(LABELS):
            raise DataError(
                f"projection to scheme '{self.name}' needs probabilities of shape "
                f"(n, {len(LABELS)}). Got {p.shape} instead."
            )
        merged = np.stack([p[:, list(group)].sum(axis=1) for group in self.groups], axis=1)
        mass = merged.sum(axis=1, keepdims=True)
        k = len(self.groups)
        safe = np.where(mass == 0, 1.0, mass)  # what is no number stays none
        return np.where(mass == 0, 1.0 / k, merged / safe).astype(np.float32)

    def _need_groups(self) -> None:
        if not self.groups:
            raise DataError(
                f"scheme '{self.name}' has classes of its own ({', '.join(self.labels)}) "
                "and can't be derived from the seven FER2013 labels"
            )


def _scheme(name: str, **classes: str) -> Scheme:
    groups = tuple(tuple(LABELS.index(w) for w in words.split()) for words in classes.values())
    return Scheme(name, tuple(classes), groups)


#: The five schemes, by name. The names of merged classes keep the bigger class's name.
SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        s.name: s
        for s in (
            Scheme("fer7", LABELS, tuple((i,) for i in range(len(LABELS)))),
            _scheme(
                "merged6",
                angry="angry disgust",
                fear="fear",
                happy="happy",
                sad="sad",
                surprise="surprise",
                neutral="neutral",
            ),
            _scheme(
                "active5", angry="angry", fear="fear", happy="happy", sad="sad", surprise="surprise"
            ),
            _scheme("basic4", happy="happy", sad="sad", surprise="surprise", neutral="neutral"),
            _scheme(
                "valence3",
                positive="happy surprise",
                neutral="neutral",
                negative="angry disgust fear sad",
            ),
        )
    }
)


def get_scheme(name: str) -> Scheme:
    """Return the scheme called `name`.

    Raises
    ------
    DataError
        If there is none; the message suggests the nearest name.
    """
    return look_up(SCHEMES, name, "label scheme")


def scheme_of_labels(labels: Sequence[str]) -> Scheme:
    """Return the scheme of some of FER2013's labels, in its order; ``fer7`` of all of them."""
    if len(labels) == len(LABELS):
        return SCHEMES["fer7"]
    return Scheme("own", tuple(labels), tuple((LABELS.index(label),) for label in labels))


def scheme_called(name: str, labels: Sequence[str]) -> Scheme:
    """Return the scheme in `SCHEMES` of that name and those labels, or one of its own."""
    known = SCHEMES.get(name)
    if known is None and set(labels) <= set(LABELS):
        known = replace(scheme_of_labels(labels), name=name)
    return known if known and known.labels == tuple(labels) else Scheme(name, tuple(labels))


def own_scheme(class_names: Sequence[str]) -> Scheme:
    """Make a scheme for someone's own class names, in the order given."""
    return Scheme("own", tuple(class_names))
