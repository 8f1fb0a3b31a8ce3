"""Look-ups by name whose error says what there is and what was probably meant."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from fer_core.errors import DataError, FerError

Value = TypeVar("Value")


def look_up(
    table: Mapping[str, Value], name: str, kind: str, error: type[FerError] = DataError
) -> Value:
    """Return ``table[name]``.

    Parameters
    ----------
    table : dict of str to object
    name : str
    kind : str
        What the table holds, for the message: ``"pipeline"``.
    error : type
        What to raise.

    Raises
    ------
    FerError
        Of type `error` if there is none of that name; see `none_such`.
    """
    if name in table:
        return table[name]
    raise error(none_such(name, kind, table))


def none_such(name: str, kind: str, known: Iterable[str]) -> str:
    """Return a message that says what is probably meant, and all there is after it."""
    known = list(known)
    return f"there is no {kind} '{name}'.{did_you_mean(name, known)} All known: {', '.join(known)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the name nearest to `name`, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
