"""The settings of the named pipelines: data, with where each comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fer_core.errors import DataError
from fer_core.files import write_atomically

#: The settings that `fer_landmarks.make_pipeline` uses.
PACKAGED = Path(__file__).with_name("settings.json")


@dataclass(frozen=True)
class Settings:
    """What a pipeline's parameters are, and why.

    Attributes
    ----------
    params : dict of str to number, str, list or None
        As for ``set_params`` of the pipeline: ``classifier__gamma``.
    source : dict of str to object
        How they were found: by hand or by a search, on which data, how good they were there.
    """

    params: Mapping[str, Any]
    source: Mapping[str, Any] = field(default_factory=dict)


def load_settings(path: str | os.PathLike[str] = PACKAGED) -> dict[str, Settings]:
    """Read a settings file: name of the pipeline to its settings.

    Raises
    ------
    DataError
        If it is not such a file.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except ValueError as error:
        raise _no_settings(path, str(error)) from error
    if not isinstance(content, dict):
        raise _no_settings(path, "it holds no pipelines by name")
    for name, entry in content.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("params"), dict):
            raise _no_settings(path, f"'{name}' has no \"params\" by name")
    return {
        name: Settings(entry["params"], entry.get("source", {})) for name, entry in content.items()
    }


def _no_settings(path: str | os.PathLike[str], why: str) -> DataError:
    example = '{"hog-svm": {"params": {"classifier__C": 1}}}'
    return DataError(
        f"{path}: this is not a file of settings ({why}); python -m fer_landmarks.tune writes one, "
        f"for example {example}"
    )


def save_settings(settings: Mapping[str, Settings], path: str | os.PathLike[str]) -> None:
    """Write a settings file."""
    text = json.dumps({name: asdict(entry) for name, entry in settings.items()}, indent=2)
    with write_atomically(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
