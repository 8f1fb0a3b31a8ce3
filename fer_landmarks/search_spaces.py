"""Where the best settings of each classifier are searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from fer_landmarks.symmetry import Symmetry


class Range(Protocol):
    """Values that a parameter may take."""

    def suggest(self, trial: Any, name: str) -> Any:
        """Return the value that an Optuna trial takes next."""


@dataclass(frozen=True)
class Real:
    """Numbers between two, of which three digits count."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: Any, name: str) -> float:
        """Return the value that an Optuna trial takes next."""
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.3g}")


@dataclass(frozen=True)
class Whole:
    """Whole numbers between two."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def suggest(self, trial: Any, name: str) -> int:
        """Return the value that an Optuna trial takes next."""
        found: int = trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)
        return found


@dataclass(frozen=True)
class OneOf:
    """A few values."""

    options: tuple[Any, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        """Return the value that an Optuna trial takes next."""
        return trial.suggest_categorical(name, list(self.options))


_KERNEL: Mapping[str, Range] = {"gamma": Real(0.1, 4, log=True), "ridge": Real(0.003, 1, log=True)}
_DISCRIMINANT: Mapping[str, Range] = {"estimator__shrinkage": Real(1e-4, 0.5, log=True)}
_PERCEPTRON: Mapping[str, Range] = {
    "estimator__mlpclassifier__hidden_layer_sizes": Whole(64, 512, log=True),
    "estimator__mlpclassifier__alpha": Real(1e-3, 10, log=True),
    "estimator__mlpclassifier__learning_rate_init": Real(2e-4, 5e-3, log=True),
}

#: Of each function in `fer_landmarks.classifiers`, the parameters searched. What a setting does to
#: the model's size (centres, trees, leaves) is a choice of its own and is not searched.
CLASSIFIER_SPACES: Mapping[str, Mapping[str, Range]] = MappingProxyType(
    {
        "linear_svm": {"estimator__C": Real(0.003, 30, log=True)},
        "rbf_svm": {
            "estimator__C": Real(0.3, 30, log=True),
            # Groups of features have unit mean squared norm, so this range suits all pipelines.
            "estimator__gamma": Real(0.1, 4, log=True),
        },
        "logistic": {"estimator__logisticregression__C": Real(1e-4, 1, log=True)},
        "nearest": {
            "estimator__n_neighbors": Whole(5, 80, log=True),
            "estimator__weights": OneOf(("uniform", "distance")),
            "estimator__metric": OneOf(("euclidean", "cosine")),
        },
        "forest": {
            "estimator__max_features": Real(0.02, 0.4, log=True),
            "estimator__min_samples_leaf": Whole(1, 16, log=True),
            "estimator__criterion": OneOf(("gini", "entropy")),
        },
        "boosting": {
            "estimator__learning_rate": Real(0.03, 0.3, log=True),
            "estimator__max_depth": Whole(3, 9),
            "estimator__min_child_weight": Real(1, 30, log=True),
            "estimator__subsample": Real(0.5, 1),
            "estimator__colsample_bytree": Real(0.1, 0.8),
            "estimator__reg_lambda": Real(0.1, 30, log=True),
        },
        "perceptron": _PERCEPTRON,
        "dropout_perceptron": {
            "learning_rate": Real(3e-4, 3e-3, log=True),
            "weight_decay": Real(0.005, 0.5, log=True),
            "dropout": Real(0.3, 0.7),
            "input_dropout": Real(0, 0.5),
            "noise": Real(0, 0.4),
            "whitening": Real(0.2, 0.8),
        },
        "discriminant": _DISCRIMINANT,
        "kernel": _KERNEL,
        "stack": {
            **{f"estimator__kernel__{key}": value for key, value in _KERNEL.items()},
            **{f"estimator__discriminant__{key}": value for key, value in _DISCRIMINANT.items()},
            **{f"estimator__perceptron__{key}": value for key, value in _PERCEPTRON.items()},
            "estimator__final_estimator__C": Real(1e-3, 10, log=True),
        },
    }
)

#: Components kept of a group: fewest, most, and the step.
_COMPONENTS = (32, 416, 32)


def search_space(classifier: str, step: str, features: Symmetry) -> dict[str, Range]:
    """Return the parameters of a pipeline that are searched.

    Parameters
    ----------
    classifier : str
        A key of `CLASSIFIER_SPACES`.
    step : str
        The analysis in front of it, of which the numbers of components are searched too.
    features : Symmetry
        Of the features that come into that step, which bounds those numbers.
    """
    space: dict[str, Range] = {
        f"classifier__{key}": value for key, value in CLASSIFIER_SPACES[classifier].items()
    }
    low, most, by = _COMPONENTS
    widths = [part.widths for _, part in features.parts()]
    for i, key in enumerate(("n_even", "n_odd")):
        widest = max(width[i] for width in widths)
        space[f"{step}__{key}"] = Whole(low, low + by * ((min(most, widest) - low) // by), by)
    return space
