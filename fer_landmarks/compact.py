"""Large fitted arrays kept in few bits on disk, with nothing lost on the way."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_landmarks.byte_products import from_bytes, to_bytes


def to_half_precision(values: ArrayLike) -> NDArray[np.float32]:
    """Round to what a float16 can hold, as float32."""
    return np.asarray(values).astype(np.float16).astype(np.float32)


def check_bits(bits: int) -> None:
    """Raise `ValueError` if `bits` is neither 16 nor 8."""
    if bits not in (16, 8):
        raise ValueError(f"bits must be 16 or 8. Got {bits} instead.")


def rounded(values: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """Round to 16 or 8 bits, as float32: half precision, or rows (n, d) of bytes (`to_bytes`)."""
    if bits == 16:
        return to_half_precision(values)
    return from_bytes(*to_bytes(values.astype(np.float32, copy=False)))


class CompactState:
    """Mixin: pickles the arrays named in `_compact` as float16, or as codes if ``bits`` is 8.

    They are rounded by `rounded` when they are fitted, so that a model predicts the same before
    and after a round trip, and what is measured is what is shipped. What was fitted is also held as
    a function of features, made once after a fit or a round trip and left out of pickles.

    Attributes
    ----------
    bits : {16, 8}
        16 where an estimator has no such parameter, or had none when it was pickled.
    """

    _compact: ClassVar[tuple[str, ...]] = ()
    bits: int = 16
    _function: Any

    @abstractmethod
    def _made(self) -> Any:
        """Return what was fitted as a function of features."""

    def _hold(self) -> None:
        """Make that function; for the end of `fit`."""
        self._function = self._made()

    def __getstate__(self) -> Any:
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        state.pop("_function", None)
        for name in self._compact:
            if name in state:
                state[name] = _packed(state[name], self.bits)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        restored = {
            name: _unpacked(value) if name in self._compact else value
            for name, value in state.items()
        }
        super().__setstate__(restored)  # type: ignore[misc]
        if any(name in state for name in self._compact):  # fitted
            self._hold()


def _packed(value: Any, bits: int) -> Any:
    if isinstance(value, list):
        return [_packed(item, bits) for item in value]
    return to_bytes(value) if bits == 8 else value.astype(np.float16)


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    return from_bytes(*value) if isinstance(value, tuple) else value.astype(np.float32)
