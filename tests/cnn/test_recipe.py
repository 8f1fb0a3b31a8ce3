import json
import math
from dataclasses import replace

import pytest

from fer_cnn.architectures import ARCHITECTURES
from fer_cnn.augmentation import Augmentation
from fer_cnn.recipe import (
    Recipe,
    differing_settings,
    read_settings,
    training_settings,
    with_settings,
)
from fer_cnn.recipes import RECIPES, SCRATCH, get_recipe
from fer_core.errors import DataError, FerError
from fer_core.labels import SCHEMES, get_scheme

#: Published projects, and what they published, by recipe.
PUBLISHED = {
    "seven-class": 0.66,
    "active-five": 0.5817,
    "active-five-resnet50": 0.6530,
    "active-five-vgg16": 0.6808,
    "active-five-mobilenet": 0.6823,
    "active-five-vggface": 0.7494,
    "six-class": 0.69,
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_name_what_exists(name):
    recipe = get_recipe(name)
    assert recipe.name == name
    assert recipe.architecture in ARCHITECTURES
    assert recipe.scheme in SCHEMES
    assert recipe.description
    assert bool(recipe.note) or not recipe.published


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures_stand_beside_their_recipes(name):
    assert PUBLISHED[name] in get_recipe(name).published.values()


def test_recipes_are_what_their_projects_say():
    deepfer = get_recipe("deepfer-vgg16")
    assert (deepfer.epochs, deepfer.batch_size, deepfer.learning_rate) == (100, 64, 1e-4)
    assert (deepfer.optimizer, deepfer.schedule, deepfer.class_weights) == (
        "adam",
        "plateau",
        True,
    )
    assert deepfer.augmentation == Augmentation(flip=True, rotation=10, shift=0.1, scale=0.1)
    four = get_recipe("four-class").augmentation
    assert (four.exposure, four.shear, four.flip) == (1.0, 0.3, True)
    assert get_recipe("seven-class").batch_size == 128
    assert get_recipe("seven-class-sparse").labels == "sparse"
    labels = {name: set(get_scheme(get_recipe(name).scheme).labels) for name in RECIPES}
    assert labels["four-class"] == {"happy", "neutral", "sad", "surprise"}
    assert labels["active-five-vggface"] == {"angry", "fear", "happy", "sad", "surprise"}
    assert "disgust" not in labels["six-class"]
    assert len(labels["six-class"]) == 6


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith(SCRATCH)])
def test_recipes_from_scratch_are_others_without_their_weights(name):
    recipe, of = get_recipe(name), get_recipe(name.removesuffix(SCRATCH))
    assert (recipe.weights, recipe.head_epochs, recipe.published) == ("none", 0, {})
    assert of.weights == "imagenet"
    assert recipe.epochs < of.epochs
    same = {"weights": of.weights, "head_epochs": of.head_epochs, "epochs": of.epochs}
    assert training_settings(recipe) | same | {"name": of.name} == training_settings(of)


def test_settings_of_older_versions_are_those_of_the_defaults():
    # As version 0.1 wrote them.
    stored = {
        "name": "compact",
        "description": "other words",
        "architecture": "compact",
        "epochs": 60,
        "batch_size": 128,
        "learning_rate": 0.003,
        "warmup": 0.2,
        "weight_decay": 0.02,
        "label_smoothing": 0.05,
        "augmentation": {
            "flip": True,
            "rotation": 8,
            "scale": 0.08,
            "shift": 0.06,
            "contrast": 0.15,
            "brightness": 15,
        },
        "options": {"dropout": 0.4},
    }
    recipe = Recipe(
        "compact",
        "",
        "compact",
        60,
        label_smoothing=0.05,
        augmentation=Augmentation(
            flip=True, rotation=8, scale=0.08, shift=0.06, contrast=0.15, brightness=15
        ),
        options={"dropout": 0.4},
    )
    assert not differing_settings(stored, recipe)
    assert differing_settings(stored, replace(recipe, mixup=0.2))
    assert differing_settings(stored, replace(recipe, epochs=61)) == ["epochs 60, now 61"]
    crop = replace(recipe.augmentation, crop=4)
    assert differing_settings(stored, replace(recipe, augmentation=crop))


@pytest.mark.parametrize("name", RECIPES)
def test_settings_come_back_from_json(name):
    recipe = get_recipe(name)
    assert not differing_settings(json.loads(json.dumps(training_settings(recipe))), recipe)


def test_words_and_serving_change_no_training():
    recipe = get_recipe("tiny")
    other = replace(recipe, description="new", note="new", views="crops", published={"a": 1.0})
    assert not differing_settings(training_settings(recipe), other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "adamax"}, "optimizer must be one of adamw, adam, sgd. Got adamax"),
        ({"schedule": "step"}, "schedule must be one of"),
        ({"keep": "val_auc"}, "keep must be one of last, val_loss, val_accuracy"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"body_rate": 0.0}, "body_rate must be positive"),
        ({"head_epochs": -1}, "head_epochs must be 0 or more"),
        ({"network_seed": -1}, "network_seed must be 0 or more"),
        ({"warmup": 1.5}, "warmup must be 0 to 1"),
        ({"blend": 0.5}, "blend must be 0 where no network is gone on from"),
        ({"mixup": -0.2}, "mixup must be 0 or more"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more"),
        ({"label_smoothing": 3.0}, "label_smoothing must be at least 0 and below 1"),
        ({"plateau_factor": 3.0}, "plateau_factor must be above 0 and below 1"),
        ({"learning_rate": math.inf}, "learning_rate must be positive. Got inf"),
        ({"least_rate": math.nan}, "least_rate must be 0 or more. Got nan"),
        ({"average": 1.0}, "average must be at least 0 and below 1"),
        ({"labels": "sparse", "mixup": 0.2}, "can be neither smoothed nor mixed"),
    ],
)
def test_wrong_values_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        replace(get_recipe("tiny"), **changes)


def test_early_stopping_can_be_turned_off():
    recipe = get_recipe("deepfer-vgg16")
    assert recipe.patience is not None
    assert with_settings(recipe, {"patience": None}, "here").patience is None
    with pytest.raises(DataError, match="'epochs' must be a whole number"):
        with_settings(recipe, {"epochs": None}, "here")


def test_single_settings_are_changed():
    recipe = with_settings(
        get_recipe("four-class"),
        {"learning_rate": 0.5, "augmentation.shear": 0.1, "options.dense": 64},
        "here",
    )
    assert recipe.learning_rate == 0.5
    assert recipe.augmentation == replace(get_recipe("four-class").augmentation, shear=0.1)
    assert recipe.options == {"dense": 64}


@pytest.mark.parametrize("key", ["learningrate", "augmentation.blur", "description", "note.x"])
def test_settings_that_dont_exist_are_refused(key):
    with pytest.raises(DataError, match=f"here: a recipe has no setting '{key}'"):
        with_settings(get_recipe("tiny"), {key: 1}, "here")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"options.widht": 2}, r"no option 'widht'\. Did you mean 'width'"),
        ({"options.n_classes": 2}, "'mobilenet-v2' has no option 'n_classes'"),
        ({"epochs": "many"}, "here: 'epochs' must be a whole number. Got 'many'"),
        ({"epochs": 2.5}, r"'epochs' must be a whole number\. Got 2\.5"),
        ({"batch_size": 64.0}, r"'batch_size' must be a whole number\. Got 64\.0"),
        ({"patience": True}, "'patience' must be a whole number. Got True"),
        ({"learning_rate": "high"}, "'learning_rate' must be a number. Got 'high'"),
        ({"augmentation.crop": 48}, "crop must be from 0 to 47. Got 48"),
        ({"augmentation.scale": float("nan")}, "scale must be from 0 to 0.9. Got nan"),
        ({"augmentation.contrast": 1.5}, "contrast must be from 0 to 1. Got 1.5"),
        ({"augmentation.rotation": -1}, "rotation must be 0 or more. Got -1"),
        ({"options.dropout": "high"}, "here: 'options.dropout' must be a number. Got 'high'"),
        ({"augmentation.flip": 1}, "'flip' must be of type bool"),
        ({"options.dense": ["a"]}, "'options.dense' must be a list of whole numbers"),
        ({"options.dense": []}, "'options.dense' must be a list of whole numbers"),
        ({"learning_rat": 1.0}, "no setting 'learning_rat'. Did you mean 'learning_rate'"),
        ({"init": "cnn", "options.dropout": 0.1}, "'options.dropout' is of new networks"),
        ({"init": "cnn", "architecture": "compact"}, "'architecture' is of new networks"),
        ({"weights": "imagenet", "init": "cnn"}, "'weights' is of new networks"),
        ({"architecture": 3}, "'architecture' must be of type str"),
    ],
)
def test_settings_that_nothing_takes_are_refused(settings, words):
    with pytest.raises(DataError, match=words):
        with_settings(get_recipe("active-five-mobilenet"), settings, "here")


def test_how_a_network_is_served_can_be_set():
    recipe = with_settings(get_recipe("compact"), {"quantized": False, "views": "one"}, "here")
    assert (recipe.quantized, recipe.views) == (False, "one")
    assert get_recipe("compact").quantized


def test_files_without_settings_are_one_sentence(tmp_path):
    with pytest.raises(FerError, match="no such file of settings"):
        read_settings(tmp_path / "none.json")
    for content in ("{}", "[", "[1]", '{"settings": 3}'):
        (tmp_path / "s.json").write_text(content)
        with pytest.raises(FerError, match=r"s\.json: holds no settings"):
            read_settings(tmp_path / "s.json")


def test_settings_of_another_recipe_are_refused(tmp_path):
    path = tmp_path / "best.json"
    path.write_text('{"recipe": "tiny", "settings": {"learning_rate": 0.01}}')
    assert read_settings(path, "tiny") == read_settings(path) == {"learning_rate": 0.01}
    with pytest.raises(DataError, match="found for the recipe 'tiny'; train that, or search for"):
        read_settings(path, "compact")
