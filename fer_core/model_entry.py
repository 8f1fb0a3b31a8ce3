"""What the model store's manifest says of a model, and the model card made from it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.certainty import Threshold
from fer_core.cleaning import NOTE, describe_cleaning
from fer_core.crop import FRAMING_VERSION
from fer_core.datasets.dataset import FACE_SIZE, Dataset
from fer_core.errors import ModelStoreError
from fer_core.files import write_atomically
from fer_core.landmarks import PREDICTOR_VARIABLE, predictor_hash
from fer_core.parts import LabelledPart
from fer_core.pipeline_files import serving_files
from fer_core.splits import Split
from fer_core.tta import Look

MANIFEST = "manifest.json"
CARD = "README.md"
#: Version of the manifest's layout.
FORMAT = 1

#: What an entry can say reads it, see `fer_core.model_loaders`. Names, and no places: stores that
#: exist have them.
PIPELINE_LOADER = "fer_core.model_store:load_pipeline"
ONNX_LOADER = "fer_core.model_store:load_onnx"
ENSEMBLE_LOADER = "fer_core.model_store:load_ensemble"

#: What an entry calls the fingerprint of the part that it was fitted on as that was divided, where
#: pictures were dropped or relabelled since.
_DIVIDED = "divided"

#: Where an entry's metrics keep what a training itself measured.
TRAINING = "training"

#: What to know before using a model, and one that is given landmarks.
LICENCE = "Code: MIT. The weights come from the training pictures and share their terms."
LANDMARKS_LICENCE = (
    f"{LICENCE} Landmarks come from dlib's 68-point predictor, whose training pictures "
    "(iBUG 300-W) exclude commercial use."
)

#: Packages whose versions can change what a stored model answers.
_RECORDED = (
    "numpy",
    "scikit-learn",
    "dlib-bin",
    "opencv-python",
    "xgboost",
    "keras",
    "onnxruntime",
)


@dataclass(frozen=True)
class StoredFile:
    """A file of a model: its path below the model's folder, SHA-256 and size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class ModelEntry:
    """One model of a store.

    Attributes
    ----------
    name : str
    family : str
        ``"landmarks"``, ``"cnn"`` or ``"ensemble"``.
    loader : str
        One of `fer_core.model_loaders.LOADERS`.
    scheme : str
        Name of the label scheme.
    labels : tuple of str
        Class names in the order of the scheme.
    codes : tuple of int
        Codes of the probability columns.
    files : tuple of StoredFile
    looks : tuple of Look
        At each face, if the model's answers are averaged over several.
    members : dict of str to str
        Of an ensemble: the `digest` of each member that its weights were chosen for.
    framing : str
        Version of the crop that the model expects.
    trained_on : dict
        Dataset, protocol, number of pictures, seed.
    versions : dict
        Versions of the libraries that made it.
    metrics : dict
        Measured figures, by the name of the part they were measured on, and under `TRAINING` what
        a training itself measured.
    licence : str
        What to know before using it.
    thresholds : dict
        By the name of a scheme, what `fer_core.certainty.Threshold` holds: the ``confidence`` from
        which an answer is sure, the ``accuracy`` that it was chosen for, and the ``coverage`` that
        it left on validation pictures. Schemes for which none could be found are missing.
    probe : list of list of float
        Its probabilities of `probe_faces`, to recognise a library that answers differently.
    """

    name: str
    family: str
    loader: str
    scheme: str
    labels: tuple[str, ...]
    codes: tuple[int, ...]
    files: tuple[StoredFile, ...] = ()
    looks: tuple[Look, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)
    framing: str = ""
    trained_on: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    probe: list[list[float]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def serving_size(self) -> int:
        """Bytes of the files that answer, without those for training on."""
        names = serving_files(file.path for file in self.files)
        return sum(file.size for file in self.files if file.path in names)

    @property
    def digest(self) -> str:
        """SHA-256 of what answers: files and looks."""
        names = serving_files(file.path for file in self.files)
        said = [file.sha256 for file in self.files if file.path in names]
        return hashlib.sha256(repr((said, self.looks)).encode()).hexdigest()

    def fitted_on(self, fitting: Dataset) -> bool:
        """Return whether exactly these pictures, with these labels, were fitted on."""
        return bool(self.trained_on.get("fingerprint") == fitting.fingerprint())

    def fitted_on_others_of(self, fitting: LabelledPart) -> bool:
        """Return whether another division of the same dataset was fitted on."""
        told = self.trained_on
        part = told.get(_DIVIDED, told.get("fingerprint"))
        return told.get("dataset") == fitting.name and part != fitting.divided()

    def threshold(self, scheme: str) -> Threshold | None:
        """Return the threshold for answers in a scheme; None where there is none."""
        stored = self.thresholds.get(scheme)
        return Threshold(**stored) if stored else None


def describe_model(
    name: str, family: str, loader: str, split: Split, licence: str, **trained_on: Any
) -> ModelEntry:
    """Return the entry of a model that was fitted on a split.

    Parameters
    ----------
    name, family, loader, licence : str
    split : Split
    **trained_on
        Facts besides dataset, protocol and number of pictures.
    """
    fitting = split.fitting
    return ModelEntry(
        name=name,
        family=family,
        loader=loader,
        scheme=fitting.scheme.name,
        labels=fitting.scheme.labels,
        codes=tuple(np.unique(fitting.y).tolist()),
        framing=str(FRAMING_VERSION),
        trained_on={
            "dataset": fitting.name,
            "protocol": f"{split.protocol}: {split.description}",
            "pictures": len(fitting),
            "fingerprint": fitting.fingerprint(),
            **({_DIVIDED: fitting.origin} if fitting.origin else {}),
            **({NOTE: describe_cleaning(fitting.notes[NOTE])} if NOTE in fitting.notes else {}),
            **trained_on,
        },
        licence=licence,
    )


def joined_licence(licences: Iterable[str]) -> str:
    """Return the sentences of several licences, each once."""
    sentences = (sentence for text in licences for sentence in re.split(r"(?<=\.) ", text))
    return " ".join(dict.fromkeys(sentences))


@dataclass(frozen=True)
class Manifest:
    """The models of a store, and second names for some of them."""

    models: Mapping[str, ModelEntry] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


def read_manifest(root: Path) -> Manifest:
    """Read the manifest of the store at `root`; an absent one is an empty store.

    Raises
    ------
    ModelStoreError
        If the file is damaged or of another format.
    """
    path = root / MANIFEST
    if not path.exists():
        return Manifest()
    try:
        stored = json.loads(path.read_text())
        if stored["format"] != FORMAT:
            raise ModelStoreError(
                f"{path}: has format {stored['format']}, this version of fer-ensemble reads "
                f"format {FORMAT}; install the version that made it, or make the models again"
            )
        models = {name: _entry(name, fields) for name, fields in stored["models"].items()}
        return Manifest(models, dict(stored["aliases"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelStoreError(f"{path}: the manifest is damaged ({error}); get it again") from error


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest of the store at `root`, whole or not at all."""
    models = {name: asdict(entry) for name, entry in sorted(manifest.models.items())}
    for fields in models.values():
        del fields["name"]
        for name in ("looks", "members"):
            if not fields[name]:
                del fields[name]
    stored = {
        "format": FORMAT,
        "aliases": dict(sorted(manifest.aliases.items())),
        "models": models,
    }
    with write_atomically(root / MANIFEST) as path:
        path.write_text(json.dumps(stored, indent=1) + "\n")


def library_versions() -> dict[str, str]:
    """Return the versions of what matters to stored models.

    Those of installed libraries, and the hash of a landmark predictor of one's own, under the name
    of the environment variable that names it.
    """
    found = {}
    for package in _RECORDED:
        if (installed := _version(installed_as(package))) is not None:
            found[package] = installed
    if os.environ.get(PREDICTOR_VARIABLE):
        found[PREDICTOR_VARIABLE] = predictor_hash()
    return found


def installed_as(package: str) -> str:
    """Return a package's name here: ``opencv-python-headless`` is OpenCV under another one."""
    headless = f"{package}-headless"
    return package if _version(headless) is None else headless


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def probe_faces() -> NDArray[np.uint8]:
    """Return four made-up pictures, the same everywhere: uint8 (4, 48, 48)."""
    side = FACE_SIZE // 4
    coarse = np.random.RandomState(0).randint(0, 256, size=(4, side, side)).astype(np.uint8)
    return np.kron(coarse, np.ones((1, 4, 4), dtype=np.uint8))


def model_card(entry: ModelEntry) -> str:
    """Return the model card as Markdown, after Mitchell et al., "Model cards" (2019)."""
    lines = [f"# {entry.name}", ""]
    lines += [f"Family: {entry.family}. Classes ({entry.scheme}): {', '.join(entry.labels)}.", ""]
    if entry.looks:
        lines += [f"The average answer to {len(entry.looks)} looks at each face.", ""]
    for title, facts in (
        ("Trained on", entry.trained_on),
        ("Measured", entry.metrics),
        ("Sure answers", _described_thresholds(entry)),
        ("Made with", entry.versions),
    ):
        if facts:
            lines += [f"## {title}", "", "| | |", "|---|---|"]
            lines += [f"| {key} | {_shown(value)} |" for key, value in facts.items()]
            lines.append("")
    lines += ["## Files", "", "| file | bytes | SHA-256 |", "|---|---|---|"]
    lines += [f"| {file.path} | {file.size:,} | `{file.sha256}` |" for file in entry.files]
    lines += [
        "",
        "## Use",
        "",
        entry.licence,
        "",
        "An expression is not a feeling: the probabilities say what annotators would call the face "
        "in a picture, not what a person feels. Don't use it to judge people; the EU AI Act bans "
        "inferring emotions at work and in education.",
        "",
    ]
    return "\n".join(lines)


def _described_thresholds(entry: ModelEntry) -> dict[str, str]:
    """Return sentences on when an answer is sure, by scheme."""
    return {
        scheme: f"from a confidence of {found['confidence']:.3f} on; chosen on validation pictures "
        f"for an accuracy of {found['accuracy']:.0%}, reached by {found['coverage']:.0%} of them"
        for scheme, found in entry.thresholds.items()
    }


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_shown(v)}" for k, v in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _entry(name: str, fields: dict[str, Any]) -> ModelEntry:
    files = tuple(StoredFile(**file) for file in fields.pop("files"))
    if strange := [file.path for file in files if not isinstance(file.path, str)]:
        raise TypeError(f"no name of a file: {strange[0]!r}")
    looks = tuple(Look(**look) for look in fields.pop("looks", ()))
    labels, codes = tuple(fields.pop("labels")), tuple(fields.pop("codes"))
    for key in ("trained_on", "metrics", "versions"):
        if key in fields:
            fields[key] = dict(fields[key])
    return ModelEntry(name=name, files=files, looks=looks, labels=labels, codes=codes, **fields)
