"""What a recipe is: everything that a training is made of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, get_args

from fer_cnn.architectures import ARCHITECTURES
from fer_cnn.augmentation import Augmentation
from fer_cnn.history import MONITORS
from fer_core.errors import DataError
from fer_core.lookup import did_you_mean, look_up

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["one-cycle", "constant", "plateau"]
Labels = Literal["one-hot", "sparse"]
Keep = Literal["last", "val_loss", "val_accuracy"]
Precision = Literal["float32", "bfloat16"]
Views = Literal["one", "mirror", "crops"]

#: Fields that change nothing about a training: words, and what happens after it.
#: The network's seed is kept beside them, added to the training's.
_WORDS = ("description", "scheme", "views", "quantized", "published", "note", "network_seed")

#: What settings of a type are, in words, and as JSON has them.
_TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "int": ("a whole number", (Integral,)),
    "float": ("a number", (Real,)),
    "bool": ("of type bool", (bool,)),
    "Sequence[int]": ("a list of whole numbers", (list, tuple)),
}

#: What numbers have to be: in words, as a test, and which; all are finite.
_RULES: Mapping[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
    "at least 1": (lambda v: v >= 1, ("epochs", "batch_size", "plateau_patience", "patience")),
    "0 or more": (
        lambda v: v >= 0,
        ("head_epochs", "network_seed", "weight_decay", "mixup", "least_rate"),
    ),
    "positive": (lambda v: v > 0, ("learning_rate", "body_rate")),
    "0 to 1": (lambda v: 0 <= v <= 1, ("soft_weight", "warmup")),
    "at least 0 and below 1": (lambda v: 0 <= v < 1, ("average", "blend", "label_smoothing")),
    "above 0 and below 1": (lambda v: 0 < v < 1, ("plateau_factor",)),
}


@dataclass(frozen=True)
class Recipe:
    """How one network is trained.

    Attributes
    ----------
    name : str
    description : str
        One line for listings and reports.
    architecture : str
        Name in `fer_cnn.architectures.ARCHITECTURES`.
    epochs, batch_size : int
    learning_rate : float
        Peak of the schedule.
    warmup : float
        Share of the steps in which ``one-cycle`` rises.
    weight_decay : float
        Decoupled, as AdamW has it; not on biases or normalisation. Other optimisers ignore it.
    label_smoothing : float
    soft_weight : float
        Share of soft labels in the labels, where there are any; see `fer_cnn.training.train`.
    augmentation : Augmentation
    options : dict of str to object
        Passed to the architecture's builder.
    scheme : str
        Label scheme that the recipe is made for.
    optimizer : {"adamw", "adam", "sgd"}
        ``sgd`` with Nesterov momentum 0.9.
    schedule : {"one-cycle", "constant", "plateau"}
        ``one-cycle``: a linear rise over `warmup`, then half a cosine down to zero (Loshchilov and
        Hutter, 2017). ``plateau``: reduced when the validation loss stops falling.
    plateau_patience : int
        Epochs without a lower loss after which ``plateau`` multiplies the rate by `plateau_factor`.
    plateau_factor, least_rate : float
    patience : int or None
        Stop after so many epochs that brought nothing better; None never stops early.
    keep : {"last", "val_loss", "val_accuracy"}
        Which epoch's weights are the result: the last, or the best by a validation figure.
    class_weights : bool
        Weight each picture by n / (k n_j), for n pictures, k classes, n_j of the picture's class.
    labels : {"one-hot", "sparse"}
        Two spellings of one loss; sparse labels can be neither smoothed nor mixed.
    average : float
        Momentum of an exponential moving average of the weights, which is what is validated and
        kept (Polyak and Juditsky, 1992); 0 keeps the weights themselves.
    mixup : float
        Each picture is mixed with another of the batch in shares drawn from a beta distribution
        with this parameter (Zhang et al., "mixup", ICLR 2018); 0 doesn't mix.
    precision : {"float32", "bfloat16"}
        Of convolutions in training, see `fer_cnn.arithmetic.set_arithmetic`.
    network_seed : int
        Added to a training's seed, so that networks of one architecture differ on one split.
    weights : str
        Of the backbone: see `fer_cnn.weights.load_weights`.
    init : str
        Network to go on from: a ``.keras`` file or the name of a shipped model.
    head_epochs : int
        Epochs in which only the head is trained, before all layers are.
    body_rate : float
        Factor on the learning rate once all layers are trained after that.
    blend : float
        Share of the weights of the network gone on from in the result, which then is good at what
        either is good at (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
    views : {"one", "mirror", "crops"}
        What the served network averages over: the face; and its mirror image; ten crops.
    quantized : bool
        Whether the served network multiplies 8-bit integers, see `fer_cnn.quantize`.
    published : dict of str to float
        Figures that others published for this recipe, by what they are.
    note : str
        Where those figures come from, and what is ours.
    """

    name: str
    description: str
    architecture: str
    epochs: int
    batch_size: int = 128
    learning_rate: float = 3e-3
    warmup: float = 0.2
    weight_decay: float = 0.02
    label_smoothing: float = 0.0
    soft_weight: float = 0.4
    augmentation: Augmentation = field(default_factory=Augmentation)
    options: Mapping[str, Any] = field(default_factory=dict)
    scheme: str = "fer7"
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "one-cycle"
    plateau_patience: int = 3
    plateau_factor: float = 0.5
    least_rate: float = 1e-6
    patience: int | None = None
    keep: Keep = "last"
    class_weights: bool = False
    labels: Labels = "one-hot"
    average: float = 0.0
    mixup: float = 0.0
    precision: Precision = "float32"
    network_seed: int = 0
    weights: str = "none"
    init: str = ""
    head_epochs: int = 0
    body_rate: float = 0.1
    blend: float = 0.0
    views: Views = "one"
    quantized: bool = False
    published: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        for f in fields(self):
            if str(f.type).removesuffix(" | None") in _TYPES:
                what = f"recipe '{self.name}': {f.name}"
                _require_type(getattr(self, f.name), str(f.type), what)
        for name, choices in (
            ("optimizer", get_args(Optimizer)),
            ("schedule", get_args(Schedule)),
            ("labels", get_args(Labels)),
            ("keep", ("last", *MONITORS)),
            ("precision", get_args(Precision)),
            ("views", get_args(Views)),
        ):
            if getattr(self, name) not in choices:
                raise self._wrong(name, f"one of {', '.join(choices)}")
        for rule, (allowed, names) in _RULES.items():
            for name in names:
                value = getattr(self, name)
                if value is not None and not (allowed(value) and math.isfinite(value)):
                    raise self._wrong(name, rule)
        if self.blend and not self.init:
            raise self._wrong("blend", "0 where no network is gone on from")
        if self.labels == "sparse" and (self.label_smoothing or self.mixup):
            raise DataError(
                f"recipe '{self.name}': sparse labels name one class and can be neither smoothed "
                "nor mixed; use one-hot labels"
            )

    def _wrong(self, name: str, rule: str) -> DataError:
        got = getattr(self, name)
        return DataError(f"recipe '{self.name}': {name} must be {rule}. Got {got} instead.")


def training_settings(recipe: Recipe) -> dict[str, Any]:
    """Return what of `recipe` changes a training, as JSON keeps it."""
    settings = {k: v for k, v in asdict(recipe).items() if k not in _WORDS}
    stored: dict[str, Any] = json.loads(json.dumps(settings))
    return stored


def differing_settings(stored: Mapping[str, Any], recipe: Recipe) -> list[str]:
    """Return what differs between `stored`, perhaps by an older version, and `recipe`, in words.

    Settings that didn't exist yet had the effect that their default has.
    """
    default = training_settings(Recipe("", "", "", 1))
    mine = training_settings(recipe)
    theirs = {**default, **{k: v for k, v in stored.items() if k not in _WORDS}}
    theirs["augmentation"] = {**default["augmentation"], **theirs["augmentation"]}
    return [
        f"{name} {theirs.get(name)}, now {mine.get(name)}"
        for name in {**theirs, **mine}
        if theirs.get(name) != mine.get(name)
    ]


def with_settings(recipe: Recipe, settings: Mapping[str, Any], source: str) -> Recipe:
    """Return `recipe` with some settings changed.

    Parameters
    ----------
    recipe : Recipe
    settings : dict of str to object
        Fields of `Recipe`, with ``augmentation.NAME`` and ``options.NAME`` for single values of
        those two.
    source : str
        Where they come from, for messages.

    Raises
    ------
    DataError
        If a field doesn't exist, is of new networks where one is gone on from, or a value is
        refused.
    """
    kinds = {f.name: str(f.type) for f in (*fields(Recipe), *fields(Augmentation))}
    known = {f.name for f in fields(Recipe)} - {"name", *_WORDS, "augmentation", "options"}
    known |= {"views", "quantized"}
    init = settings.get("init", recipe.init)
    changes = {f.name for f in fields(Augmentation)}
    plain, augmentation, options = {}, {}, dict(recipe.options)
    for key, value in settings.items():
        group, _, name = key.rpartition(".")
        if group == "augmentation" and name in changes:
            augmentation[name] = value
        elif init and (group == "options" or key in ("architecture", "weights")):
            raise DataError(
                f"{source}: '{key}' is of new networks, and '{recipe.name}' goes on from the "
                f"network '{init}'; take it out"
            )
        elif group == "options":
            options[name] = value
        elif not group and name in known:
            plain[name] = value
        else:
            everything = [*known, *(f"augmentation.{name}" for name in changes)]
            raise DataError(
                f"{source}: a recipe has no setting '{key}'.{did_you_mean(key, everything)}"
            )
    for name, value in {**plain, **augmentation}.items():
        _require_type(value, kinds[name], f"{source}: '{name}'")
    name = plain.get("architecture", recipe.architecture)
    taken = dict(signature(look_up(ARCHITECTURES, name, "architecture")).parameters)
    taken.pop("n_classes")
    if strange := [option for option in options if option not in taken]:
        raise DataError(
            f"{source}: the architecture '{name}' has no option '{strange[0]}'."
            + did_you_mean(strange[0], taken)
        )
    for option, value in options.items():
        _require_type(value, str(taken[option].annotation), f"{source}: 'options.{option}'")
    changed = replace(recipe.augmentation, **augmentation)
    return replace(recipe, augmentation=changed, options=options, **plain)


def _require_type(value: Any, kind: str, what: str) -> None:
    """Refuse a value of another type than an annotation says; words have choices of their own."""
    if value is None and kind.endswith(" | None"):
        return
    wanted, types = _TYPES.get(kind.removesuffix(" | None"), ("of type str", (str,)))
    right = isinstance(value, types) and not (isinstance(value, bool) and bool not in types)
    if right and isinstance(value, list | tuple):
        right = len(value) > 0 and all(type(element) is int for element in value)
    if not right:
        raise DataError(f"{what} must be {wanted}. Got {value!r} instead.")


def read_settings(path: Path, recipe: str | None = None) -> dict[str, Any]:
    """Read settings that `python -m fer_cnn.tune` found, for the recipe of a name.

    Raises
    ------
    DataError
        If the file is missing, holds no settings, or those of another recipe.
    """
    try:
        content = json.loads(path.read_text())
        settings = dict(content["settings"])
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file of settings") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: holds no settings ({error}); python -m fer_cnn.tune writes such files"
        ) from error
    found = content.get("recipe", recipe)
    if recipe is not None and found != recipe:
        raise DataError(
            f"{path}: these settings were found for the recipe '{found}'; train that, or search "
            f"for '{recipe}'"
        )
    return settings
