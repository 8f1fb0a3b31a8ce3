import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fer_cnn import tune
from fer_cnn.evaluation import DivergedError
from fer_cnn.history import EpochRecord
from fer_cnn.recipe import read_settings, training_settings, with_settings
from fer_cnn.recipes import RECIPES, TUNED, get_recipe
from fer_cnn.search import Search, Trial, search_space, settings_of, write_best, write_trials
from fer_cnn.train import main as train_main
from fer_cnn.tune import main
from fer_core.datasets.demo import load_demo
from fer_core.datasets.thinning import thinned
from fer_core.errors import DataError, ProtocolError
from fer_core.splits import make_split


@pytest.fixture(scope="module")
def split():
    return make_split(thinned(load_demo(), 200, seed=0))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_s_space_is_of_its_own_settings(name):
    recipe = get_recipe(name)
    tuned = with_settings(recipe, settings_of(search_space(recipe).values), name)
    assert tuned.name == recipe.name


def test_values_become_settings():
    values = {
        "learning_rate": 0.00123456,
        "augmentation.shift": 0.07500000000000001,
        "widths.1": 32,
        "widths.3": 96,
        "widths.2": 64,
        "tuner/epochs": 3,
        "tuner/trial_id": "0001",
    }
    assert settings_of(values) == {
        "learning_rate": 0.001235,
        "augmentation.shift": 0.075,
        "options.widths": [32, 64, 96],
    }


class Networks:
    """In place of training: scores follow from the rate, networks are files."""

    def __init__(self):
        self.calls, self.limit = [], None

    def train(self, recipe, faces, y, n_classes, *, start, out, validation, **_):
        if self.limit is not None and len(self.calls) >= self.limit:
            raise KeyboardInterrupt
        assert len(faces) == len(y)
        earlier = 0 if start is None else int(start.read_text())
        self.calls.append((recipe.learning_rate, earlier, recipe.epochs))
        accuracy = 0.5 - abs(np.log(recipe.learning_rate / 3e-3)) / 10 + 0.01 * recipe.epochs
        record = EpochRecord(1, 1.0, 0.5, 1.0, accuracy, 0.1)
        saved = earlier + recipe.epochs
        model = SimpleNamespace(save=lambda path: path.write_text(str(saved)))
        return SimpleNamespace(finished=True, history=[record], model=model)


def test_a_search_that_is_stopped_goes_on(split, tmp_path, monkeypatch):
    networks = Networks()
    monkeypatch.setattr("fer_cnn.search.train", networks.train)

    def search():
        recipe = get_recipe("tiny")
        return Search(recipe, split.fitting, split.validation, tmp_path, max_epochs=9, seed=3)

    assert not search().run(max_minutes=0)
    assert search().trials() == []
    networks.limit = 7
    with pytest.raises(KeyboardInterrupt):
        search().run()
    first = search().trials()
    assert len(first) == 7
    networks.limit = None
    again = search()
    assert again.run()
    trials = again.trials()
    assert {t.name for t in first} < {t.name for t in trials}
    # Nothing is trained twice.
    assert len(networks.calls) == len(trials)
    assert [t.score for t in trials] == sorted((t.score for t in trials), reverse=True)
    # The better settings went on from their own weights.
    assert {earlier for _, earlier, _ in networks.calls} == {0, 1, 3}
    firsts = {rate for rate, earlier, epochs in networks.calls if (earlier, epochs) == (0, 1)}
    promoted = {rate for rate, earlier, _ in networks.calls if earlier == 1}
    assert promoted < firsts
    distance = {rate: abs(np.log(rate / 3e-3)) for rate in firsts}
    assert max(distance[r] for r in promoted) <= min(distance[r] for r in firsts - promoted)


def test_a_training_that_fails_ends_the_search(split, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise DataError("no weights")

    monkeypatch.setattr("fer_cnn.search.train", fail)
    recipe = get_recipe("tiny")
    with pytest.raises(DataError, match="no weights"):
        Search(recipe, split.fitting, split.validation, tmp_path, max_epochs=2).run()


def test_the_same_pictures_choose_as_in_training(uneven, tmp_path, monkeypatch):
    seen = []

    def watched(fitting, validation):
        seen.append([set(part.names.tolist()) for part in (fitting, validation)])
        raise DataError("seen enough")

    monkeypatch.setattr("fer_core.datasets.options.load_dataset", lambda args: uneven)
    monkeypatch.setattr(
        "fer_cnn.tune.Search", lambda recipe, fit, val, out, **settings: watched(fit, val)
    )
    monkeypatch.setattr(
        "fer_cnn.train.train_and_store",
        lambda recipe, split, out, **settings: watched(split.fitting, split.validation),
    )
    for command in (main, train_main):
        assert command(["tiny", "--scheme", "basic4", "--out", str(tmp_path)]) == 2
    assert seen[0] == seen[1]


def test_a_network_that_knows_the_pictures_which_choose_is_refused(
    uneven, tmp_path, monkeypatch, capsys
):
    named = replace(uneven, name="fer2013")
    monkeypatch.setattr("fer_core.datasets.options.load_dataset", lambda args: named)
    assert main(["strong", "--out", str(tmp_path)]) == 2
    assert "'cnn-compact' to go on from was fitted on other pictures" in capsys.readouterr().err


def test_settings_that_diverge_are_the_worst(split, tmp_path, monkeypatch):
    def diverge(*args, **kwargs):
        raise DivergedError("the loss of epoch 1 is no number")

    monkeypatch.setattr("fer_cnn.search.train", diverge)
    recipe = get_recipe("tiny")
    search = Search(recipe, split.fitting, split.validation, tmp_path, max_epochs=3)
    assert search.run()
    assert {trial.score for trial in search.trials()} == {0.0}


def test_the_head_alone_is_trained_in_the_first_rounds(split, tmp_path, monkeypatch):
    networks, heads, rates = Networks(), [], {}

    def train(recipe, *args, **kwargs):
        heads.append((recipe.epochs, recipe.head_epochs))
        rates.setdefault(heads[-1], set()).add(recipe.learning_rate)
        return networks.train(recipe, *args, **kwargs)

    monkeypatch.setattr("fer_cnn.search.train", train)
    recipe = replace(get_recipe("tiny"), epochs=18, head_epochs=4, body_rate=0.25)
    Search(recipe, split.fitting, split.validation, tmp_path, max_epochs=9).run()
    # Two of nine epochs: the first round of one, and one of the next that goes on from it.
    assert set(heads) == {(1, 2), (2, 1), (6, 0), (3, 2), (9, 2)}
    # The body's first epochs are no others in a round of their own.
    assert {4 * rate for rate in rates[6, 0]} <= rates[1, 2] | rates[3, 2]


def test_networks_gone_on_from_have_no_new_layers_to_choose():
    for name in ("strong", "fine-tune"):
        space = search_space(get_recipe(name)).values
        assert not [key for key in space if key.startswith(("options.", "widths."))]
        with pytest.raises(DataError, match=r"'options\.dropout' is of new networks"):
            with_settings(get_recipe(name), {"options.dropout": 0.1}, "mine.json")


@pytest.mark.slow
def test_command_line_searches(tmp_path, capsys):
    options = ["tiny", "--faces", "60", "--max-epochs", "2", "--out", str(tmp_path)]
    assert main(options) == 0
    assert "best: validation accuracy" in capsys.readouterr().out
    best = with_settings(get_recipe("tiny"), read_settings(tmp_path / "tiny" / "best.json"), "b")
    assert best.learning_rate > 0
    assert main(options) == 0


def test_test_pictures_are_refused(split, tmp_path):
    with pytest.raises(ProtocolError):
        Search(get_recipe("tiny"), split.fitting, split.test.reveal(), tmp_path, max_epochs=2)


def test_results_are_a_table_and_settings_that_recipes_read(tmp_path):
    trials = [
        Trial("0002", 0.5, 1, 3, {"learning_rate": 0.01, "options.widths": [8, 16, 8]}),
        Trial("0001", 0.4, 0, 1, {"learning_rate": 0.02}),
    ]
    write_trials(tmp_path / "t.csv", trials)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0] == "trial,validation accuracy,first epoch,epochs,learning_rate,options.widths"
    assert lines[1] == '0002,0.5,1,3,0.01,"[8, 16, 8]"'
    write_best(tmp_path / "b.json", get_recipe("four-class"), trials[0], {"dataset": "demo"})
    found = with_settings(get_recipe("four-class"), read_settings(tmp_path / "b.json"), "b.json")
    assert found.learning_rate == 0.01
    assert found.options["widths"] == [8, 16, 8]
    assert json.loads((tmp_path / "b.json").read_text())["found on"] == {"dataset": "demo"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compcat"], "Did you mean 'compact'"),
        (["tiny", "--max-epochs", "0"], "--max-epochs must be at least 1"),
        (["tiny", "--votes", "v.csv"], "labels alone"),
        (["tiny", "--max-minutes", "0"], "no trial was finished"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, words, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_another_search_in_the_folder_is_refused(tmp_path, capsys):
    common = ["tiny", "--max-minutes", "0", "--out", str(tmp_path)]
    main(common)
    assert main([*common, "--max-epochs", "4"]) == 2
    assert "holds another search (different: max epochs)" in capsys.readouterr().err


def test_a_search_of_other_settings_is_refused(tmp_path, monkeypatch, capsys):
    argv = ["tiny", "--max-minutes", "0", "--out", str(tmp_path)]
    for rate in (0.1, 0.2):
        recipe = replace(get_recipe("tiny"), learning_rate=rate)
        monkeypatch.setattr(tune, "get_recipe", lambda name, recipe=recipe: recipe)
        assert main(argv) == 2
    assert "holds another search (different: settings before)" in capsys.readouterr().err


def test_of_equal_trials_the_longest_is_best_in_any_order(split, tmp_path):
    search = Search(get_recipe("tiny"), split.fitting, split.validation, tmp_path, max_epochs=3)

    def trial(name, epochs):
        values = {"tuner/epochs": epochs, "learning_rate": 0.1}
        settings = SimpleNamespace(values=values)
        return SimpleNamespace(
            trial_id=name, status="COMPLETED", score=0.5, hyperparameters=settings
        )

    known = [trial("0002", 3), trial("0000", 1), trial("0001", 3)]
    for order in (known, known[::-1]):
        search._tuner = SimpleNamespace(
            oracle=SimpleNamespace(trials={t.trial_id: t for t in order})
        )
        assert [t.name for t in search.trials()] == ["0001", "0002", "0000"]


def test_a_search_of_other_pictures_is_refused(tmp_path, monkeypatch, capsys):
    faces = load_demo()
    argv = ["tiny", "--max-minutes", "0", "--out", str(tmp_path)]
    for y in (faces.y, np.roll(faces.y, 1)):
        monkeypatch.setattr(
            "fer_core.datasets.options.load_dataset", lambda args, y=y: replace(faces, y=y)
        )
        assert main(argv) == 2
    assert "holds another search (different: fingerprints)" in capsys.readouterr().err


def test_tuned_recipes_are_those_settings():
    tuned, settings = get_recipe("four-class-tuned"), read_settings(TUNED / "four-class.json")
    assert tuned.architecture == get_recipe("four-class").architecture
    assert tuned.learning_rate == settings["learning_rate"]
    assert tuned.options["widths"] == settings["options.widths"]
    assert tuned.augmentation.shear == settings["augmentation.shear"]
    assert training_settings(tuned) != training_settings(get_recipe("four-class"))
