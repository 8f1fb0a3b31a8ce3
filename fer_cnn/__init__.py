"""Deep family: Keras CNNs, their recipes, training, and export to ONNX."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer_cnn.classifier import CNNClassifier as CNNClassifier
    from fer_cnn.recipe import Recipe as Recipe
    from fer_cnn.recipes import RECIPES as RECIPES

__all__ = ["CNNClassifier", "RECIPES", "Recipe"]

_HOME = {"CNNClassifier": "classifier", "RECIPES": "recipes", "Recipe": "recipe"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: scikit-learn takes longer than all the rest."""
    if name not in _HOME:
        raise AttributeError(f"module 'fer_cnn' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"fer_cnn.{_HOME[name]}"), name)
