"""The named pipelines: one table, and the function that makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fer_core.errors import DataError
from fer_core.lookup import look_up
from fer_landmarks import classifiers
from fer_landmarks.anchored import AnchoredHistograms
from fer_landmarks.compress import SymmetricPCA
from fer_landmarks.descriptor import FaceDescriptor
from fer_landmarks.geometry import LandmarkGeometry
from fer_landmarks.stage import FaceStage

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from fer_landmarks.mirroring import MirroredClassifier


@dataclass(frozen=True)
class Recipe:
    """How a named pipeline is made.

    Attributes
    ----------
    description : str
    parts : tuple of str or FaceStage
        What `FaceDescriptor` puts together.
    components : (int, int)
        Even and odd components kept of each group of features, see `SymmetricPCA`.
    classifier : callable
        Takes `random_state` and the number of odd components, returns the classifier.
    merged : (int, int) or None
        Even and odd components kept of all groups together, by a second analysis.
    """

    description: str
    parts: tuple[str | FaceStage, ...]
    components: tuple[int, int]
    classifier: Callable[[Any, int], Any]
    merged: tuple[int, int] | None = None


_GEOMETRY = ("geometry",)
_FUSION = ("geometry", "hog")
_SHAPE = LandmarkGeometry(coordinates_only=True)
_ANCHORED = (_SHAPE, AnchoredHistograms())

_RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "geometry-svm": Recipe(
            "landmark geometry, RBF SVM", _GEOMETRY, (128, 64), classifiers.rbf_svm
        ),
        "geometry-kernel": Recipe(
            "aligned landmarks, Gaussian-kernel least squares",
            (_SHAPE,),
            (68, 68),
            classifiers.kernel,
        ),
        "hog-svm": Recipe("HOG, linear SVM", ("hog",), (400, 400), classifiers.linear_svm),
        "hog-kernel": Recipe(
            "HOG, Gaussian-kernel least squares", ("hog",), (160, 80), classifiers.full_kernel
        ),
        "lbp-kernel": Recipe(
            "local binary patterns, Gaussian-kernel least squares",
            ("lbp",),
            (256, 128),
            classifiers.kernel,
        ),
        "fusion-svm": Recipe(
            "landmark geometry + HOG, RBF SVM", _FUSION, (192, 96), classifiers.rbf_svm
        ),
        "fusion-xgb": Recipe(
            "landmark geometry + HOG, XGBoost", _FUSION, (128, 64), classifiers.boosting
        ),
        "fusion-logistic": Recipe(
            "landmark geometry + HOG, logistic regression", _FUSION, (192, 96), classifiers.logistic
        ),
        "fusion-knn": Recipe(
            "landmark geometry + HOG, nearest neighbours", _FUSION, (128, 64), classifiers.nearest
        ),
        "fusion-forest": Recipe(
            "landmark geometry + HOG, random forest", _FUSION, (128, 64), classifiers.forest
        ),
        "fusion-mlp": Recipe(
            "landmark geometry + HOG, perceptron", _FUSION, (192, 96), classifiers.perceptron
        ),
        "fusion-lda": Recipe(
            "landmark geometry + HOG, linear discriminant analysis",
            _FUSION,
            (192, 96),
            classifiers.discriminant,
        ),
        "fusion-kernel": Recipe(
            "landmark geometry + HOG, Gaussian-kernel least squares on 4,000 centres",
            _FUSION,
            (192, 96),
            classifiers.kernel,
        ),
        "fusion-stack": Recipe(
            "landmark geometry + HOG, stack of kernel, LDA and perceptron",
            _FUSION,
            (192, 96),
            classifiers.stack,
        ),
        "anchored-kernel": Recipe(
            "landmark shape + anchored histograms at three scales, Gaussian-kernel least squares",
            _ANCHORED,
            (192, 96),
            classifiers.full_kernel,
            merged=(160, 80),
        ),
        "anchored-nystroem": Recipe(
            "landmark shape + anchored histograms at three scales, Gaussian-kernel least squares "
            "on 4,000 centres",
            _ANCHORED,
            (192, 96),
            classifiers.kernel,
            merged=(160, 80),
        ),
    }
)

#: The pipeline that the model store ships as ``landmarks``.
DEFAULT_PIPELINE = "anchored-kernel"


def list_pipelines() -> dict[str, str]:
    """Return the named pipelines: name to description."""
    return {name: recipe.description for name, recipe in _RECIPES.items()}


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
        do so by themselves, faster.
    class_weight : dict, "balanced" or None
        For classifiers that take it.
    predictor, n_jobs, cache
        Of the descriptor, see `fer_landmarks.stage.FaceStage`.
    **params
        Further parameters as for ``set_params``, such as ``classifier__gamma=0.25``.

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
    from sklearn.pipeline import Pipeline

    recipe = look_up(_RECIPES, name, "pipeline")
    descriptor = FaceDescriptor(recipe.parts, predictor=predictor, n_jobs=n_jobs, cache=cache)
    compress = SymmetricPCA(*recipe.components, descriptor.symmetry())
    steps: list[tuple[str, Any]] = [("descriptor", descriptor), ("compress", compress)]
    symmetry = compress.symmetry_out()
    if recipe.merged is not None:
        merge = SymmetricPCA(*recipe.merged, symmetry)
        steps.append(("merge", merge))
        symmetry = merge.symmetry_out()
    n_odd = int((symmetry.sign < 0).sum())
    pipeline = Pipeline([*steps, ("classifier", recipe.classifier(random_state, n_odd))])
    if class_weight is not None:
        params = {**_class_weight_params(name, pipeline, class_weight), **params}
    pipeline.set_params(**params)
    if not mirror:
        return pipeline
    from fer_landmarks.mirroring import MirroredClassifier

    return MirroredClassifier(pipeline)


def _class_weight_params(name: str, pipeline: Any, class_weight: Any) -> dict[str, Any]:
    found = [key for key in pipeline.get_params() if key.rpartition("__")[2] == "class_weight"]
    if not found:
        raise DataError(
            f"the classifier of pipeline '{name}' takes no class_weight; leave it out, or use "
            f"another pipeline, for example '{DEFAULT_PIPELINE}'"
        )
    return dict.fromkeys(found, class_weight)
