"""Stored models: listed in a manifest, checked before they are loaded."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path, PurePosixPath

import numpy as np
from filelock import FileLock

from fer_core.crop import FRAMING_VERSION
from fer_core.ensemble import Ensemble, Model
from fer_core.errors import FerError, ModelStoreError
from fer_core.files import sha256_of, write_atomically
from fer_core.landmarks import PREDICTOR_VARIABLE
from fer_core.lookup import none_such
from fer_core.model_entry import (
    CARD,
    MANIFEST,
    Manifest,
    ModelEntry,
    StoredFile,
    installed_as,
    library_versions,
    model_card,
    probe_faces,
    read_manifest,
    write_manifest,
)
from fer_core.model_loaders import LOADERS
from fer_core.pipeline_files import read_joblib
from fer_core.tta import TTAClassifier

logger = logging.getLogger(__name__)

#: Held while a store is changed.
LOCK = ".lock"

#: Names that are always there in the shipped store.
STANDING_NAMES = ("landmarks", "cnn", "ensemble", "ensemble-live")

#: Largest difference of a probability that another library version may make.
PROBE_TOLERANCE = 0.01

_HERE = Path(__file__).parent
#: In a wheel the shipped models are inside this package, in a checkout beside it.
SHIPPED = _HERE / "shipped" if (_HERE / "shipped").is_dir() else _HERE.parent / "models"


class ModelStore:
    """A folder of models with a manifest.

    Parameters
    ----------
    root : path or None
        The folder; None for the models shipped with fer-ensemble.
    trusted : bool
        Whether pickles from a store other than the shipped one may be loaded. A pickle can run
        any program: say so only of files that you made or whose source you trust.
    """

    def __init__(self, root: str | PathLike[str] | None = None, *, trusted: bool = False) -> None:
        self.root = SHIPPED if root is None else Path(root)
        self.trusted = trusted or root is None

    def entries(self) -> dict[str, ModelEntry]:
        """Return what the manifest says of each model, by name."""
        return dict(read_manifest(self.root).models)

    def names(self) -> list[str]:
        """Return the names that a model can be asked for by, second names last."""
        manifest = read_manifest(self.root)
        return [*manifest.models, *(n for n in manifest.aliases if n not in manifest.models)]

    def entry(self, name: str) -> ModelEntry:
        """Return what the manifest says of the model called `name` (or by that second name).

        Raises
        ------
        ModelStoreError
            If there is none.
        """
        manifest = read_manifest(self.root)
        # A model's own name comes first, so that no second name can stand for another model.
        target = name if name in manifest.models else manifest.aliases.get(name, name)
        if target in manifest.models:
            return manifest.models[target]
        known = self.names()
        if not self.root.is_dir():
            raise ModelStoreError(f"{self.root}: there is no such folder of models")
        if not known:
            if (self.root / "models" / MANIFEST).is_file():
                raise ModelStoreError(
                    f"{self.root}: the models of a benchmark run are in its folder "
                    f"{self.root / 'models'}; name that"
                )
            raise ModelStoreError(
                f"{self.root}: there are no models here yet; make some with "
                "'python -m benchmarks.run', fer_landmarks.train or fer_cnn.train and name their "
                "folder with --models, or install a release of fer-ensemble"
            )
        raise ModelStoreError(f"{self.root}: {none_such(name, 'model', sorted(known))}")

    def load(self, name: str) -> Model:
        """Load the model called `name`, after checking its files.

        Raises
        ------
        ModelStoreError
            If it is not listed, expects faces in another framing, a file is missing or has
            another content, it is a pickle of a store that is not trusted, or the installed
            libraries read it differently.
        """
        entry = self.entry(name)
        if entry.framing not in ("", str(FRAMING_VERSION)):
            raise ModelStoreError(
                f"{self.folder(entry)}: the model '{entry.name}' expects faces in framing "
                f"{entry.framing}, and this version of fer-ensemble crops framing "
                f"{FRAMING_VERSION}; install the version that made it, or train it again"
            )
        self.check_files(entry)
        loader = LOADERS.get(entry.loader)
        if loader is None:
            raise ModelStoreError(
                f"{self.root}: the model '{entry.name}' names the loader '{entry.loader}', which "
                "is none of fer-ensemble's; don't use this store"
            )
        try:
            model: Model = loader(self, entry)
            if entry.looks:
                model = TTAClassifier(model, entry.looks)
            self._check_answers(entry, model)
        except FerError:  # says already what to do
            raise
        except Exception as error:  # unpickling and predicting raise whatever the classes raise
            raise ModelStoreError(_made_with(self, entry, f"can't be loaded ({error})")) from error
        return model

    def add(self, entry: ModelEntry, files: Mapping[str, Path], model: Model) -> ModelEntry:
        """Store a model: copy its files, write its card, list it.

        Parameters
        ----------
        entry : ModelEntry
            `files`, `looks`, `members`, `versions` and `probe` are filled in here.
        files : dict of str to Path
            For each name below the model's folder, the file to copy.
        model : Model
            The model itself, for the probe.

        Returns
        -------
        ModelEntry
            As listed.

        Raises
        ------
        ModelStoreError
            If the model's name can't be that of a folder in the store.
        """
        if entry.name in ("", MANIFEST) or entry.name[0] == "." or set(entry.name) & {*"/\\"}:
            raise ModelStoreError(
                f"{self.root}: a model can't be called '{entry.name}', as its folder here has its "
                f"name; choose one without slashes, without a dot in front, and not {MANIFEST}"
            )
        self.root.mkdir(parents=True, exist_ok=True)
        members = model.spec.members if isinstance(model, Ensemble) else ()
        with tempfile.TemporaryDirectory(dir=self.root, prefix=f".{entry.name}-") as temporary:
            fresh = Path(temporary) / entry.name
            fresh.mkdir()
            stored = []
            for name, source in files.items():
                shutil.copyfile(source, fresh / name)
                target = fresh / name
                stored.append(StoredFile(name, sha256_of(target), target.stat().st_size))
            entry = replace(
                entry,
                files=tuple(stored),
                looks=getattr(model, "looks", ()),
                members={name: self.entry(name).digest for name in members},
                versions=library_versions(),
                probe=np.round(model.predict_proba(probe_faces()), 6).tolist(),
            )
            (fresh / CARD).write_text(model_card(entry), encoding="utf-8")
            with self._changing() as manifest, _replaced(self.root / entry.name, fresh):
                models = {**manifest.models, entry.name: entry}
                aliases = {s: to for s, to in manifest.aliases.items() if s != entry.name}
                write_manifest(self.root, Manifest(models, aliases))
        return entry

    def revise(self, entry: ModelEntry) -> None:
        """Replace what is said of a stored model; its files stay."""
        with self._changing() as manifest:
            with write_atomically(self.folder(entry) / CARD) as temporary:
                temporary.write_text(model_card(entry), encoding="utf-8")
            models = {**manifest.models, entry.name: entry}
            write_manifest(self.root, Manifest(models, manifest.aliases))

    def alias(self, second_name: str, name: str) -> None:
        """Give the model called `name` a second name.

        Raises
        ------
        ModelStoreError
            If there is no model called `name`, or another one is called `second_name`.
        """
        target = self.entry(name).name
        self.check_second_name(second_name, target)
        with self._changing() as manifest:
            aliases = {**manifest.aliases, second_name: target}
            write_manifest(self.root, Manifest(manifest.models, aliases))

    def check_second_name(self, second_name: str, name: str) -> None:
        """Refuse a second name for `name` that is another model's own.

        Raises
        ------
        ModelStoreError
        """
        if second_name != name and second_name in read_manifest(self.root).models:
            raise ModelStoreError(
                f"{self.root}: '{second_name}' is a model of its own here, so '{name}' can't be "
                "called so too"
            )

    def folder(self, entry: ModelEntry) -> Path:
        """Return the folder of a model."""
        return self.root / entry.name

    def check_files(self, entry: ModelEntry) -> None:
        """Compare the files of a model with the manifest.

        Raises
        ------
        ModelStoreError
            If one is missing, has another content, or lies outside the model's folder.
        """
        for file in entry.files:
            path = self.folder(entry) / file.path
            pure = PurePosixPath(file.path)
            if pure.is_absolute() or ".." in pure.parts or "/" in entry.name:
                raise ModelStoreError(f"{path}: lies outside the store; don't use this store")
            if not path.is_file():
                raise ModelStoreError(f"{path}: the file is missing; get the models again")
            if path.stat().st_size != file.size or sha256_of(path) != file.sha256:
                raise ModelStoreError(
                    f"{path}: the content is not what the manifest lists (cut off, damaged or "
                    "changed); get the models again"
                )

    @contextmanager
    def _changing(self) -> Iterator[Manifest]:
        """Give the manifest, and keep other processes from changing it meanwhile."""
        with FileLock(self.root / LOCK):
            yield read_manifest(self.root)

    def _check_answers(self, entry: ModelEntry, model: Model) -> None:
        """Refuse a model that other library versions make answer differently."""
        if not entry.probe or dict(entry.versions) == library_versions():
            return
        difference = np.abs(model.predict_proba(probe_faces()) - np.array(entry.probe)).max()
        if not difference <= PROBE_TOLERANCE:  # nor where an answer is no number
            raise ModelStoreError(_made_with(self, entry, "answers differently here"))


def list_models() -> list[ModelEntry]:
    """Return what the manifest says of the shipped models, sorted by name."""
    return sorted(ModelStore().entries().values(), key=lambda entry: entry.name)


def load(name: str, *, trusted: bool = False) -> Model:
    """Load a shipped model by name, or a pipeline saved with joblib by its path.

    Parameters
    ----------
    name : str
        A name from `list_models`, one of `STANDING_NAMES`, or the path of a ``.joblib`` file.
    trusted : bool
        Needed for a path: no manifest vouches for the file, and a pickle can run any program.

    Raises
    ------
    ModelStoreError
        See `ModelStore.load`; for a path, if it is missing, not trusted or can't be unpickled.
    """
    path = Path(name)
    if path.suffix == ".joblib":
        if not path.is_file():
            raise ModelStoreError(f"{path}: there is no such file")
        if not trusted:
            raise ModelStoreError(
                f"{path}: this file is in no manifest, and loading a pickle can run any program; "
                "if you trust where it comes from, pass trusted=True"
            )
        try:
            return read_joblib(path)
        except Exception as error:  # unpickling raises whatever the classes raise
            raise ModelStoreError(
                f"{path}: can't be loaded ({error}); the file is cut off, or other versions of "
                "scikit-learn or fer-ensemble made it: get it again, install those versions, or "
                "train it again"
            ) from error
    return ModelStore().load(name)


@contextmanager
def _replaced(folder: Path, fresh: Path) -> Iterator[None]:
    """Put `fresh` in the place of `folder`, and back if the block does not succeed.

    The old folder goes beside `fresh`, as a folder can't be replaced in one step.
    """
    old = fresh.with_name(f"{fresh.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if old.exists():
            old.rename(folder)
        raise


def _made_with(store: ModelStore, entry: ModelEntry, problem: str) -> str:
    here, made = library_versions(), dict(entry.versions)
    other = [
        f"{name} {made.get(name, 'not set')} (here {here.get(name, 'none')})"
        for name in {**made, PREDICTOR_VARIABLE: ""}
        if here.get(name) != made.get(name)
    ]
    predictor = here.pop(PREDICTOR_VARIABLE, None) != made.pop(PREDICTOR_VARIABLE, None)
    pins = " ".join(f"{installed_as(p)}=={v}" for p, v in made.items() if here.get(p) != v)
    advice = f"install what it was made with (pip install {pins}) or " if pins else ""
    if predictor:
        advice = f"name the landmark predictor that it was made with in {PREDICTOR_VARIABLE}, or "
    return (
        f"{store.folder(entry)}: the model '{entry.name}' {problem}"
        + (f"; it was made with {', '.join(other)}" if other else "")
        + f"; {advice}train it again"
    )
