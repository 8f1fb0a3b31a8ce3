"""The parts of a split: those to fit and to choose on, and the one that only measures.

A `LabelledPart` says what its pictures may be used for, and everything that fits asks
`require_role` first. Test pictures come as `TestPart`: faces without labels, to predict on. Only
`TestPart.reveal`, which measuring calls, gives the labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.dataset import Dataset
from fer_core.errors import ProtocolError

Role = Literal["fit", "validation"]


@dataclass(frozen=True, repr=False, eq=False)
class LabelledPart(Dataset):
    """Pictures that may be fitted on (`role` ``"fit"``) or chosen on (``"validation"``).

    Attributes
    ----------
    role : {"fit", "validation"}
    origin : str
        Fingerprint of the part as it was divided, where pictures were dropped or given other
        labels since; empty where it is that part.
    """

    role: Role = "fit"
    origin: str = ""

    def divided(self) -> str:
        """Return the fingerprint of the part as it was divided."""
        return self.origin or self.fingerprint()


@dataclass(frozen=True, repr=False, eq=False)
class TestPart:
    """Test pictures: faces to predict on, their labels only for measuring.

    Attributes
    ----------
    faces : uint8 (n, 48, 48)
    names : str (n,)
    copied : bool (n,)
        Whether a copy of the picture is among those that fit or choose.
    n_missed : int
        How many more test pictures there are in which no face was found. They count as errors:
        accuracy over all pictures is (number right) / (len + n_missed).
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    faces: NDArray[np.uint8]
    names: NDArray[np.str_]
    copied: NDArray[np.bool_]
    _dataset: Dataset
    _missed: Dataset

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def n_missed(self) -> int:
        """Test pictures besides these in which no face was found."""
        return len(self._missed)

    def all_names(self) -> set[str]:
        """Return the names of all test pictures, those without a face among them."""
        return {*self.names.tolist(), *self._missed.names.tolist()}

    def reveal(self) -> Dataset:
        """Return the labelled test pictures, for measuring and for nothing else."""
        return self._dataset


def require_role(part: object, *roles: Role) -> LabelledPart:
    """Return `part` if it may be used as one of `roles`.

    Raises
    ------
    ProtocolError
        If it is the test part, a dataset that no split handed out, or of another role.
    """
    if isinstance(part, LabelledPart) and part.role in roles:
        return part
    got = f"the {part.role} part" if isinstance(part, LabelledPart) else type(part).__name__
    raise ProtocolError(
        f"this step may read only the {' or '.join(roles)} part of a split, so that nothing is "
        f"fitted, chosen, calibrated or weighted on test pictures. Got {got} instead."
    )


def labelled_part(dataset: Dataset, role: Role, origin: str = "") -> LabelledPart:
    """Return a dataset as the part of a split; `origin` as of `LabelledPart`."""
    fields = {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}
    return LabelledPart(**fields, role=role, origin=origin)
