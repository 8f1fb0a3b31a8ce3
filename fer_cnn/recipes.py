"""Recipes: everything that a training is made of, in one readable table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fer_cnn.augmentation import Augmentation
from fer_core.lookup import look_up


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
        Peak of the schedule: linear warm-up over the first `warmup` share of the steps, then half
        a cosine down to zero (Loshchilov and Hutter, 2017).
    warmup : float
    weight_decay : float
        Decoupled, as AdamW has it; not on biases or normalisation.
    label_smoothing : float
    augmentation : Augmentation
    options : dict of str to object
        Passed to the architecture's builder.
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
    augmentation: Augmentation = field(default_factory=Augmentation)
    options: Mapping[str, Any] = field(default_factory=dict)


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="compact",
                description="8 convolutions, 1.2 M parameters, for two CPU cores",
                architecture="compact",
                epochs=24,
                label_smoothing=0.05,
                augmentation=Augmentation(
                    flip=True, rotation=8, scale=0.08, shift=0.06, contrast=0.15, brightness=15
                ),
            ),
            Recipe(
                name="tiny",
                description="4 convolutions, 0.1 M parameters, for demonstrations",
                architecture="tiny",
                epochs=12,
                batch_size=32,
                augmentation=Augmentation(flip=True, shift=0.04),
            ),
        )
    }
)


def get_recipe(name: str) -> Recipe:
    """Return the recipe called `name`.

    Raises
    ------
    DataError
        If there is none; the message suggests the nearest name.
    """
    return look_up(RECIPES, name, "recipe")
