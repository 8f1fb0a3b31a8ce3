"""Imports of optional and heavy libraries, at the moment they are needed."""

import importlib
from types import ModuleType

from fer_core.errors import MissingExtraError


def require(module: str, extra: str | None = None) -> ModuleType:
    """Import `module`, or say which extra to install.

    Parameters
    ----------
    module : str
        Dotted module name, for example ``"tensorflow"``.
    extra : str or None
        The extra of fer-ensemble that brings it; None where the base install does.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingExtraError
        If the module, or something it imports, is not installed or can't be loaded.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        target = f"fer-ensemble[{extra}]" if extra else "fer-ensemble"
        raise MissingExtraError(
            f"{module} could not be imported ({error}); install it with: pip install '{target}'"
        ) from error
