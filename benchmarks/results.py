"""The folder of a run, and its result files: one JSON a model and dataset."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.copies import copy_pairs
from fer_core.datasets.dataset import Dataset
from fer_core.errors import DataError
from fer_core.files import write_atomically
from fer_core.splits import Split

#: Changes whenever a reader of older files would misread new ones.
SCHEMA_VERSION = 1

#: Distributions whose versions can change a figure.
_PACKAGES = (
    "fer-ensemble",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "opencv-python",
    "opencv-python-headless",
    "dlib-bin",
    "xgboost",
    "keras",
    "tensorflow",
    "onnxruntime",
)

#: What must agree for results to stand in one table.
_IDENTITY = ("dataset", "fingerprint", "protocol", "seed", "quick", "classes")


@dataclass(frozen=True)
class Run:
    """What all models of one run share.

    Attributes
    ----------
    dataset, fingerprint : str
        Name of the dataset, and digits that change with any face, label or part.
    protocol, description : str
        How it was divided, as a name and in words.
    seed : int
    quick : bool
        Whether only a part of the pictures was used.
    scheme : str
    classes : tuple of str
    n : dict of str to int
        Pictures to fit, to choose and to measure on, the last without copies, and under
        ``missed`` how many more test pictures there are in which no face was found (absent in
        older results, which have none), and the pairs that `count_copies` counts (absent, too).
    notes : dict
        What the dataset's loader had to say.
    """

    dataset: str
    fingerprint: str
    protocol: str
    description: str
    seed: int
    quick: bool
    scheme: str
    classes: tuple[str, ...]
    n: Mapping[str, int]
    notes: Mapping[str, Any] = field(default_factory=dict)


def describe_run(dataset: Dataset, split: Split, *, seed: int, quick: bool) -> Run:
    """Collect what all models of one run share."""
    return Run(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint(),
        protocol=split.protocol,
        description=split.description,
        seed=seed,
        quick=quick,
        scheme=dataset.scheme.name,
        classes=dataset.scheme.labels,
        n={
            "fitting": len(split.fitting),
            "validation": len(split.validation),
            "test": len(split.test),
            "test_without_copies": int((~split.test.copied).sum()),
            "missed": split.test.n_missed,
            **count_copies(dataset, split),
        },
        notes=dict(dataset.notes),
    )


def count_copies(dataset: Dataset, split: Split) -> dict[str, int]:
    """Count the pairs of pictures of a split that are copies of each other.

    Returns
    -------
    dict of str to int
        ``exact_copies_…`` (the same pixels) and ``near_copies_…`` (others), each
        ``…within_fitting`` (pictures to fit and choose on), ``…within_test`` and ``…across``.
    """
    i, j = copy_pairs(dataset.faces).T
    tested = np.isin(dataset.names, split.test.names)
    fitted = np.isin(dataset.names, [*split.fitting.names, *split.validation.names])
    exact = (dataset.faces[i] == dataset.faces[j]).all(axis=(1, 2))
    places = {
        "within_fitting": fitted[i] & fitted[j],
        "within_test": tested[i] & tested[j],
        "across": (fitted[i] & tested[j]) | (tested[i] & fitted[j]),
    }
    return {
        f"{kind}_copies_{place}": int((where & alike).sum())
        for kind, alike in (("exact", exact), ("near", ~exact))
        for place, where in places.items()
    }


@dataclass(frozen=True)
class Result:
    """One model's figures on one dataset; the content of one JSON file.

    Attributes
    ----------
    model : dict
        ``name``, ``family``, ``description`` and, for an ensemble, its members with temperatures
        and weights.
    run : Run
    versions : dict of str to str
    metrics : dict
        What `benchmarks.metrics.evaluate` returns.
    machine : dict
        Everything that differs between two runs with one seed: times, memory, hardware, and the
        size of the files (compressed, they differ by some bytes).
    """

    model: Mapping[str, Any]
    run: Run
    versions: Mapping[str, str]
    metrics: Mapping[str, Any]
    machine: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.model["name"])


def save_result(path: str | os.PathLike[str], result: Result) -> None:
    """Write one result; equal results give equal bytes."""
    _write_json(path, {"schema_version": SCHEMA_VERSION, **asdict(result)})


def load_result(path: str | os.PathLike[str]) -> Result:
    """Read one result.

    Raises
    ------
    DataError
        If the file is damaged, or of another version.
    """
    content = _read_json(path)
    try:
        run = Run(**{**content["run"], "classes": tuple(content["run"]["classes"])})
        return Result(
            run=run, **{key: content[key] for key in ("model", "versions", "metrics", "machine")}
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: this is not a benchmark result (missing: {error})") from error


@dataclass(frozen=True)
class RunFolder:
    """Where the files of one run are.

    ``run.json`` says what the run is; ``probabilities/<model>.npz`` and ``results/<model>.json``
    are written when a model is finished; ``models/`` is a model store; ``report.html``,
    ``report.md`` and ``figures/`` are made from the others.
    """

    root: Path

    @property
    def models(self) -> Path:
        """The model store."""
        return self.root / "models"

    @property
    def _unfinished(self) -> Path:
        return self.root / ".unfinished"

    @property
    def figures(self) -> Path:
        """The figures of the report."""
        return self.root / "figures"

    def probabilities(self, model: str) -> Path:
        """Return the file of a model's raw probabilities."""
        return self.root / "probabilities" / f"{model}.npz"

    def result(self, model: str) -> Path:
        """Return the file of a model's figures."""
        return self.root / "results" / f"{model}.json"

    def log(self, model: str) -> Path:
        """Return the file that takes what the model's libraries print."""
        return self.root / "logs" / f"{model}.log"

    def workplace(self, model: str) -> Path:
        """Return the folder that keeps the state of a model's long fit."""
        return self.root / "workplaces" / model

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder for unfinished files, on the same disk."""
        self._unfinished.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._unfinished) as temporary:
            yield Path(temporary)

    def tidy(self) -> None:
        """Remove what processes that were stopped have left."""
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def forget(self, model: str) -> None:
        """Remove what is known of a model, so that it is fitted anew."""
        self.result(model).unlink(missing_ok=True)
        shutil.rmtree(self.workplace(model), ignore_errors=True)

    def finished(self, model: str) -> bool:
        """Return whether a model is done: its result is the last thing written."""
        return self.result(model).is_file() and self.probabilities(model).is_file()

    def open(self, run: Run) -> None:
        """Make the folder, or check that what is in it belongs to `run`.

        Raises
        ------
        DataError
            If the folder holds another run, or files that are no run's.
        """
        marker = self.root / "run.json"
        if self.root.exists() and not self.root.is_dir():
            raise DataError(f"{self.root}: this is a file; name a folder with --out")
        if marker.exists():
            self._require_same(_read_json(marker), run)
        elif self.root.exists() and any(self.root.iterdir()):
            raise DataError(
                f"{self.root}: this folder holds other files and no benchmark run; name a new or "
                "empty folder with --out"
            )
        _write_json(marker, {"schema_version": SCHEMA_VERSION, **asdict(run)})
        self.tidy()

    def results(self) -> list[Result]:
        """Read the results of all finished models."""
        return load_results(self.root / "results")

    def _require_same(self, content: Mapping[str, Any], run: Run) -> None:
        wanted = json.loads(json.dumps(asdict(run)))
        for key in _IDENTITY:
            if content.get(key) != wanted[key]:
                raise DataError(
                    f"{self.root}: this folder holds a run with another {key} "
                    f"({content.get(key)}, now {wanted[key]}); results of both can't stand in one "
                    "table: name another folder with --out or delete this one"
                )


def load_results(folder: Path) -> list[Result]:
    """Read all results in a folder, best accuracy first.

    Raises
    ------
    DataError
        If one can't be read, or they are not all of one run.
    """
    results = [load_result(path) for path in sorted(folder.glob("*.json"))]
    for result in results[1:]:
        for key in _IDENTITY:
            if getattr(result.run, key) != getattr(results[0].run, key):
                raise DataError(
                    f"{folder}: the results of '{results[0].name}' and '{result.name}' are of runs "
                    f"with another {key}; they can't stand in one table"
                )
    return sorted(results, key=lambda r: (-main_figures(r)["accuracy"], r.name))


def main_figures(result: Result) -> Mapping[str, Any]:
    """Return the figures on all test pictures in the dataset's own scheme."""
    figures: Mapping[str, Any] = result.metrics[result.run.scheme]["all"]
    return figures


def accuracy_with_missed(result: Result) -> float:
    """Return the accuracy over all test pictures; those without a found face are errors."""
    n = result.run.n["test"]
    right: float = main_figures(result)["accuracy"] * n
    return right / (n + result.run.n.get("missed", 0))


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that can change a figure."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    with write_atomically(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: the file can't be read ({error}); delete it and run again with --resume"
        ) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{path}: written by another version of the benchmark (layout {version}, this one "
            f"reads {SCHEMA_VERSION}); name another folder with --out or delete this one"
        )
    return content
