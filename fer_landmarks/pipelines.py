"""The named pipelines: one table, and the function that makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import DataError
from fer_core.lookup import look_up
from fer_core.model_entry import LANDMARKS_LICENCE, LICENCE
from fer_core.parts import LabelledPart, require_role
from fer_landmarks import classifiers
from fer_landmarks.compress import SymmetricPCA
from fer_landmarks.descriptor import FaceDescriptor
from fer_landmarks.leave_out import groups_for
from fer_landmarks.settings import load_settings
from fer_landmarks.stage import FaceStage
from fer_landmarks.transformers import AnchoredHistograms, FisherVectors, LandmarkGeometry

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from fer_landmarks.mirroring import MirroredClassifier


@dataclass(frozen=True)
class Recipe:
    """How a named pipeline is made; its settings are in ``settings.json``.

    Attributes
    ----------
    description : str
    parts : tuple of str or FaceStage
        What `FaceDescriptor` puts together.
    classifier : callable
        Takes `random_state`, returns the classifier.
    jittered : bool
        Whether the classifier learns from changed copies of each face, too.
    """

    description: str
    parts: tuple[str | FaceStage, ...]
    classifier: Callable[[Any], Any]
    jittered: bool = False


_GEOMETRY = ("geometry",)
_FUSION = ("geometry", "hog")
_SHAPE = LandmarkGeometry(coordinates_only=True)
_ANCHORED = (_SHAPE, AnchoredHistograms())
_FISHER = ("fisher",)
_SMALL_FISHER = (FisherVectors(vocabulary="fer2013-small"),)

_RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "geometry-svm": Recipe("landmark geometry, RBF SVM", _GEOMETRY, classifiers.rbf_svm),
        "geometry-kernel": Recipe(
            "aligned landmarks, Gaussian-kernel least squares", (_SHAPE,), classifiers.kernel
        ),
        "geometry-mlp": Recipe(
            "aligned landmarks, perceptron with dropout, fitted on changed copies of each face, "
            "too",
            (_SHAPE,),
            classifiers.dropout_perceptron,
            jittered=True,
        ),
        "hog-svm": Recipe("HOG, linear SVM", ("hog",), classifiers.linear_svm),
        "hog-kernel": Recipe("HOG, Gaussian-kernel least squares", ("hog",), classifiers.kernel),
        "lbp-kernel": Recipe(
            "local binary patterns, Gaussian-kernel least squares", ("lbp",), classifiers.kernel
        ),
        "fusion-svm": Recipe("landmark geometry + HOG, RBF SVM", _FUSION, classifiers.rbf_svm),
        "fusion-xgb": Recipe("landmark geometry + HOG, XGBoost", _FUSION, classifiers.boosting),
        "fusion-logistic": Recipe(
            "landmark geometry + HOG, logistic regression", _FUSION, classifiers.logistic
        ),
        "fusion-knn": Recipe(
            "landmark geometry + HOG, nearest neighbours", _FUSION, classifiers.nearest
        ),
        "fusion-forest": Recipe(
            "landmark geometry + HOG, random forest", _FUSION, classifiers.forest
        ),
        "fusion-mlp": Recipe(
            "landmark geometry + HOG, perceptron", _FUSION, classifiers.perceptron
        ),
        "fusion-lda": Recipe(
            "landmark geometry + HOG, linear discriminant analysis",
            _FUSION,
            classifiers.discriminant,
        ),
        "fusion-kernel": Recipe(
            "landmark geometry + HOG, Gaussian-kernel least squares on 4,000 centres",
            _FUSION,
            classifiers.kernel,
        ),
        "fusion-stack": Recipe(
            "landmark geometry + HOG, stack of kernel, LDA and perceptron",
            _FUSION,
            classifiers.stack,
        ),
        "anchored-kernel": Recipe(
            "landmark shape + anchored histograms at three scales, Gaussian-kernel least squares",
            _ANCHORED,
            classifiers.kernel,
        ),
        "anchored-nystroem": Recipe(
            "landmark shape + anchored histograms at three scales, Gaussian-kernel least squares "
            "on 4,000 centres",
            _ANCHORED,
            classifiers.kernel,
        ),
        "fisher-kernel": Recipe(
            "Fisher vectors of gradient histograms, Gaussian-kernel least squares; no landmarks",
            _FISHER,
            classifiers.kernel,
        ),
        "anchored-fisher-kernel": Recipe(
            "landmark shape + anchored histograms at three scales + Fisher vectors, "
            "Gaussian-kernel least squares",
            (*_ANCHORED, *_FISHER),
            classifiers.kernel,
        ),
        "anchored-small-fisher-kernel": Recipe(
            "landmark shape + anchored histograms at three scales + short Fisher vectors, "
            "Gaussian-kernel least squares on centres of one byte a number",
            (*_ANCHORED, *_SMALL_FISHER),
            classifiers.kernel,
        ),
        "anchored-mlp": Recipe(
            "landmark shape + anchored histograms at three scales, perceptron with dropout, fitted "
            "on changed copies of each face, too",
            _ANCHORED,
            classifiers.dropout_perceptron,
            jittered=True,
        ),
        "anchored-fisher-mlp": Recipe(
            "landmark shape + anchored histograms at three scales + Fisher vectors, perceptron "
            "with dropout, fitted on changed copies of each face, too",
            (*_ANCHORED, *_FISHER),
            classifiers.dropout_perceptron,
            jittered=True,
        ),
        "anchored-small-fisher-mlp": Recipe(
            "landmark shape + anchored histograms at three scales + short Fisher vectors, "
            "perceptron with dropout, fitted on changed copies of each face, too",
            (*_ANCHORED, *_SMALL_FISHER),
            classifiers.dropout_perceptron,
            jittered=True,
        ),
    }
)

#: The pipeline that the model store ships as ``landmarks``.
DEFAULT_PIPELINE = "anchored-small-fisher-mlp"
#: One with kernel least squares, which can leave each face out.
KERNEL_PIPELINE = "anchored-kernel"

_SOFT_WEIGHT = "classifier__soft_weight"


def list_pipelines() -> dict[str, str]:
    """Return the named pipelines: name to description."""
    return {name: recipe.description for name, recipe in _RECIPES.items()}


def classifier_of(name: str) -> str:
    """Return which function of `fer_landmarks.classifiers` makes a pipeline's classifier."""
    return look_up(_RECIPES, name, "pipeline").classifier.__name__


def make_pipeline(
    name: str = DEFAULT_PIPELINE,
    random_state: Any = None,
    *,
    mirror: bool = False,
    class_weight: Any = None,
    predictor: str | None = None,
    n_jobs: int | None = None,
    cache: bool = False,
    **params: Any,
) -> Pipeline | MirroredClassifier:
    """Make a named pipeline, not fitted.

    Its steps are ``descriptor`` (takes faces uint8 (n, 48, 48)), ``compress``, in some ``merge``,
    and ``classifier``.

    Parameters
    ----------
    name : str
        One of `list_pipelines`.
    random_state : int, RandomState or None
    mirror : bool
        Wrap it in a `MirroredClassifier`, which fits on mirrored faces too and averages over
        both when it predicts. Pipelines with kernel least squares (``-kernel``, ``-nystroem``)
        and perceptrons with dropout learn from both by themselves, faster, and are only asked
        about both.
    class_weight : dict, "balanced" or None
        For classifiers that take it.
    predictor, n_jobs, cache
        Of the descriptor, see `fer_landmarks.stage.FaceStage`.
    **params
        Further parameters as for ``set_params``, such as ``classifier__gamma=0.25``, in place of
        those in ``settings.json``.

    Returns
    -------
    Pipeline or MirroredClassifier

    Raises
    ------
    DataError
        If there is no such pipeline, or its classifier takes no `class_weight`.

    Examples
    --------
    >>> from fer_landmarks import make_pipeline
    >>> list(make_pipeline("hog-svm", random_state=0).named_steps)
    ['descriptor', 'compress', 'classifier']
    """
    from fer_landmarks.jitter import JitteredPipeline
    from fer_landmarks.symmetric_pipeline import SymmetricPipeline

    recipe = look_up(_RECIPES, name, "pipeline")
    packaged = load_settings()[name].params
    descriptor = FaceDescriptor(recipe.parts, predictor=predictor, n_jobs=n_jobs, cache=cache)
    steps: list[tuple[str, Any]] = [("descriptor", descriptor)]
    named = {key.partition("__")[0] for key in packaged}
    steps += [(step, SymmetricPCA()) for step in ("compress", "merge") if step in named]
    steps.append(("classifier", recipe.classifier(random_state)))
    pipeline = (
        JitteredPipeline(steps, random_state=random_state)
        if recipe.jittered
        else SymmetricPipeline(steps)
    )
    params = {**packaged, **params}
    if class_weight is not None:
        params = {**_class_weight_params(name, pipeline, class_weight), **params}
    pipeline.set_params(**params)
    if not mirror:
        return pipeline
    from fer_landmarks.mirroring import MirroredClassifier

    # What knows which features are odd is invariant already; twins would give each other away.
    return MirroredClassifier(pipeline, training="classifier__n_odd" not in pipeline.get_params())


def takes_soft_labels(pipeline: Any) -> bool:
    """Return whether a pipeline's classifier can learn from soft labels."""
    return _SOFT_WEIGHT in pipeline.get_params()


def soft_weight(pipeline: Any) -> float:
    """Return the share of soft labels in a pipeline's targets; 0 where it takes none."""
    return float(pipeline.get_params().get(_SOFT_WEIGHT, 0.0))


def require_soft_labels(name: str, pipeline: Any) -> None:
    """Raise `DataError` if the pipeline called `name` can't learn from soft labels."""
    if not takes_soft_labels(pipeline):
        raise DataError(
            f"pipeline '{name}' can't learn from soft labels; leave them out, or take one with "
            f"kernel least squares, not mirrored, for example '{KERNEL_PIPELINE}', or "
            f"a perceptron with dropout, for example '{DEFAULT_PIPELINE}'"
        )


def licence_of(pipeline: Any) -> str:
    """Return what to know before using a pipeline, fitted or not."""
    stage = getattr(pipeline, "estimator", pipeline)[0]
    return LANDMARKS_LICENCE if stage.features().uses_landmarks else LICENCE


def fit_pipeline(
    pipeline: Any, fitting: LabelledPart, soft_labels: NDArray[np.float32] | None = None
) -> Any:
    """Fit a pipeline on the fitting part of a split and return it.

    Parameters
    ----------
    pipeline : Pipeline or MirroredClassifier
    fitting : LabelledPart
        n faces.
    soft_labels : float32 (n, k) or None
        Columns in the order of the scheme; only for pipelines that take them, see
        `require_soft_labels`.

    Raises
    ------
    ProtocolError
        If the part is not one to fit on.
    """
    require_role(fitting, "fit")
    own: dict[str, NDArray[Any]] = dict(
        groups_for(getattr(pipeline, "estimator", pipeline)[-1], fitting.groups)
    )
    if soft_labels is not None:
        own["soft_labels"] = soft_labels[:, np.unique(fitting.y)]
    named = {f"classifier__{key}": value for key, value in own.items()}
    return pipeline.fit(fitting.faces, fitting.y, **named)


def _class_weight_params(name: str, pipeline: Any, class_weight: Any) -> dict[str, Any]:
    found = [key for key in pipeline.get_params() if key.rpartition("__")[2] == "class_weight"]
    if not found:
        raise DataError(
            f"the classifier of pipeline '{name}' takes no class_weight; leave it out, or use "
            f"another pipeline, for example '{KERNEL_PIPELINE}'"
        )
    return dict.fromkeys(found, class_weight)
