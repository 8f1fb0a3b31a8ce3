"""Large fitted arrays kept in few bits on disk, with nothing lost on the way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fer_landmarks.byte_products import from_bytes, to_bytes


def check_odd(n_odd: int, n_features: int) -> None:
    """Raise `ValueError` if so many of the features can't change their sign by mirroring."""
    if not 0 <= n_odd <= n_features:
        raise ValueError(f"n_odd must be 0 to the {n_features} features. Got {n_odd} instead.")


def check_bits(bits: int) -> None:
    """Raise `ValueError` if `bits` is neither 16 nor 8."""
    if bits not in (16, 8):
        raise ValueError(f"bits must be 16 or 8. Got {bits} instead.")


def packed(values: NDArray[Any], bits: int) -> tuple[NDArray[Any], ...]:
    """Return what to keep of an array: a float16, or codes and scales of rows (`to_bytes`)."""
    return to_bytes(values) if bits == 8 else (values.astype(np.float16),)


def unpacked(kept: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the array that `packed` kept, a float16 as float32."""
    return from_bytes(*kept) if len(kept) > 1 else kept[0].astype(np.float32)


def rounded(values: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """Round to 16 or 8 bits, as float32: half precision, or rows (n, d) of bytes (`to_bytes`)."""
    if bits == 8:
        values = values.astype(np.float32, copy=False)  # scales are of the array's type
    return unpacked(packed(values, bits))


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
        # Parameters that are changed later are for the next fit, on this side of a pickle and that.
        estimator: Any = self
        self.fitted_params_: dict[str, Any] = estimator.get_params(deep=False)
        self._function = self._made()

    def __getstate__(self) -> Any:
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        state.pop("_function", None)
        for name in self._compact:
            if name in state:
                state[name] = _state_of(state[name], self.fitted_params_["bits"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        restored = {
            name: _restored(value) if name in self._compact else value
            for name, value in state.items()
        }
        super().__setstate__(restored)  # type: ignore[misc]
        if any(name in state for name in self._compact):  # fitted
            estimator: Any = self
            now = estimator.get_params(deep=False)
            estimator.set_params(**getattr(self, "fitted_params_", now))
            self._hold()
            estimator.set_params(**now)


def _state_of(value: Any, bits: int) -> Any:
    if isinstance(value, list):
        return [_state_of(item, bits) for item in value]
    kept = packed(value, bits)
    return kept if len(kept) > 1 else kept[0]


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return unpacked(value if isinstance(value, tuple) else (value,))
