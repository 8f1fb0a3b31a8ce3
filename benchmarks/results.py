"""The folder of a run, and its result files: one JSON a model and dataset."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.runs import Run, read_run
from fer_core.errors import DataError
from fer_core.files import write_atomically

#: Changes whenever a reader of older files would misread new ones.
SCHEMA_VERSION = 2
#: Layouts that can be read: the first one lacks figures (see `Result`), and has none that differ.
_READABLE = (1, SCHEMA_VERSION)

#: What must agree for results to stand in one table.
_IDENTITY = ("dataset", "fingerprint", "protocol", "seed", "quick", "classes", "division")
#: What messages call that, where it doesn't say it itself.
_IN_WORDS = {
    "division": "division of the pictures, as other --groups make it",
    "quick": "choice of --quick",
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
        What `benchmarks.evaluation.figures_of` returns. Layout 1 has neither ``sure``,
        ``ece_by_chance``, ``binary_accuracy`` nor ``accuracy_by_coverage``; they come with
        ``python -m benchmarks.report DIR --again``.
    machine : dict
        Everything that differs between two runs with one seed: times, memory, hardware, and the
        size of the files (compressed, they differ by some bytes).
    folds : tuple of dict
        Of cross-validation, the main figures in each fold; empty otherwise.
    """

    model: Mapping[str, Any]
    run: Run
    versions: Mapping[str, str]
    metrics: Mapping[str, Any]
    machine: Mapping[str, Any]
    folds: tuple[Mapping[str, Any], ...] = ()

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
        return Result(
            run=read_run(content["run"]),
            folds=tuple(content.get("folds", ())),
            **{key: content[key] for key in ("model", "versions", "metrics", "machine")},
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: this is not a benchmark result (missing: {error})") from error


@dataclass(frozen=True)
class RunFolder:
    """Where the files of one run are.

    ``run.json`` says what the run is; ``probabilities/<model>.npz`` and ``results/<model>.json``
    are written when a model is finished; ``studies/<name>.json`` compare models; ``models/`` is a
    model store; ``report.html``, ``report.md`` and ``figures/`` are made from the others.
    ``folds/<i>/`` and ``native/<scheme>/`` hold runs of their own.
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

    def study(self, name: str) -> Path:
        """Return the file of a comparison of models."""
        return self.root / "studies" / f"{name}.json"

    def fold(self, i: int) -> RunFolder:
        """Return the folder of a fold of a cross-validation, counted from 1."""
        return RunFolder(self.root / "folds" / str(i))

    def native(self, scheme: str) -> RunFolder:
        """Return the folder of models trained on another label scheme."""
        return RunFolder(self.root / "native" / scheme)

    def natives(self) -> list[RunFolder]:
        """Return the folders of all schemes that models were trained on."""
        return [RunFolder(p.parent) for p in sorted(self.root.glob("native/*/run.json"))]

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
            self._require_same(run)
        elif self.root.exists() and any(self.root.iterdir()):
            raise DataError(
                f"{self.root}: this folder holds other files and no benchmark run; name a new or "
                "empty folder with --out"
            )
        _write_json(marker, {"schema_version": SCHEMA_VERSION, **asdict(run)})
        self.tidy()

    def run(self) -> Run:
        """Read what all models of this run share.

        Raises
        ------
        DataError
            If the folder holds no run, or one of another version.
        """
        marker = self.root / "run.json"
        if not marker.is_file():
            raise DataError(
                f"{self.root}: there is no benchmark run here; make one with python -m "
                f"benchmarks.run --out {self.root}"
            )
        try:
            return read_run(_read_json(marker))
        except TypeError as error:
            raise DataError(f"{marker}: this does not describe a run ({error})") from error

    def names(self) -> list[str]:
        """Return the names of all finished models, in alphabetical order."""
        paths = sorted((self.root / "results").glob("*.json"))
        return [path.stem for path in paths if self.finished(path.stem)]

    def results(self) -> list[Result]:
        """Read the results of all finished models, best accuracy first."""
        return _in_one_table(map(load_result, map(self.result, self.names())), self.root)

    def native_results(self) -> dict[str, list[Result]]:
        """Read the results of models trained on other label schemes, by scheme."""
        return {folder.root.name: folder.results() for folder in self.natives()}

    def require_own(self, result: Result, run: Run) -> None:
        """Refuse a result that is not of `run`, this folder's.

        Raises
        ------
        DataError
        """
        if key := _difference(result.run, run):
            raise DataError(
                f"{self.result(result.name)}: this result is of a run with another "
                f"{_IN_WORDS.get(key, key)} than this folder's; delete it, or move it to a folder "
                "of its own"
            )

    def _require_same(self, run: Run) -> None:
        own = self.run()
        if key := _difference(own, run):
            raise DataError(
                f"{self.root}: this folder holds a run with another {_IN_WORDS.get(key, key)} "
                f"({getattr(own, key)}, now {getattr(run, key)}); results of both can't stand in "
                "one table: name another folder with --out or delete this one"
            )


def _difference(one: Run, other: Run) -> str | None:
    """Return in what part of their identity two runs differ; older ones have no division."""
    pairs = ((key, getattr(one, key), getattr(other, key)) for key in _IDENTITY)
    return next((key for key, a, b in pairs if a != b and (key != "division" or (a and b))), None)


def load_results(folder: Path) -> list[Result]:
    """Read all results in a folder, best accuracy first.

    Raises
    ------
    DataError
        If one can't be read, or they are not all of one run.
    """
    return _in_one_table(map(load_result, sorted(folder.glob("*.json"))), folder)


def _in_one_table(loaded: Iterable[Result], folder: Path) -> list[Result]:
    """Return results of one run, best accuracy first."""
    results = list(loaded)
    for result in results[1:]:
        if key := _difference(result.run, results[0].run):
            raise DataError(
                f"{folder}: the results of '{results[0].name}' and '{result.name}' are of runs "
                f"with another {_IN_WORDS.get(key, key)}; they can't stand in one table"
            )
    # A model comes before an ensemble that is no better.
    return sorted(
        results, key=lambda r: (-main_figures(r)["accuracy"], "members" in r.model, r.name)
    )


def main_figures(result: Result) -> Mapping[str, Any]:
    """Return the figures on all test pictures in the dataset's own scheme."""
    figures: Mapping[str, Any] = result.metrics[result.run.scheme]["all"]
    return figures


def accuracy_with_missed(result: Result) -> float:
    """Return the accuracy over all test pictures; those without a found face are errors."""
    n = result.run.n["test"]
    right: float = main_figures(result)["accuracy"] * n
    return right / (n + result.run.n.get("missed", 0))


def save_study(path: Path, content: Mapping[str, Any]) -> None:
    """Write a comparison of models; equal ones give equal bytes."""
    _write_json(path, {"schema_version": SCHEMA_VERSION, **content})


def load_study(path: Path) -> dict[str, Any] | None:
    """Read what `save_study` wrote; None where there is none.

    Raises
    ------
    DataError
        If the file is damaged, or of another version.
    """
    return _read_json(path) if path.is_file() else None


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
    if version not in _READABLE:
        raise DataError(
            f"{path}: written by another version of the benchmark (layout {version}, this one "
            f"reads {' and '.join(map(str, _READABLE))}); name another folder with --out or delete "
            "this one"
        )
    return content
