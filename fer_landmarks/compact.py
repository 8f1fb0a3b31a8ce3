"""Large fitted arrays kept in half precision on disk, with nothing lost on the way."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray


def to_half_precision(values: ArrayLike) -> NDArray[np.float32]:
    """Round to what a float16 can hold, as float32."""
    return np.asarray(values).astype(np.float16).astype(np.float32)


class HalfPrecisionState:
    """Mixin: pickles the arrays named in `_half_precision` as float16.

    They are rounded by `to_half_precision` when they are fitted, so that a model predicts the
    same before and after a round trip, and what is measured is what is shipped.
    """

    _half_precision: ClassVar[tuple[str, ...]] = ()

    def __getstate__(self) -> Any:
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        for name in self._half_precision:
            if name in state:
                state[name] = _cast(state[name], np.float16)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        restored = {
            name: _cast(value, np.float32) if name in self._half_precision else value
            for name, value in state.items()
        }
        super().__setstate__(restored)  # type: ignore[misc]


def _cast(value: Any, dtype: type) -> Any:
    if isinstance(value, list):
        return [_cast(item, dtype) for item in value]
    return value.astype(dtype)
