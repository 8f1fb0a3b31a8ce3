from dataclasses import replace

import numpy as np
import pytest

from fer_cnn.architectures import build
from fer_cnn.history import EpochRecord
from fer_cnn.phases import Phase, compile_for, phase_at, phases_of, set_rate
from fer_cnn.recipes import get_recipe


@pytest.fixture(scope="module")
def recipe():
    return replace(get_recipe("tiny"), epochs=5, learning_rate=0.01)


def test_the_head_comes_first_at_the_full_rate(recipe):
    assert phases_of(recipe) == [Phase(0, 5, 0.01, head_only=False)]
    two = replace(recipe, head_epochs=2, body_rate=0.1)
    assert phases_of(two) == [
        Phase(0, 2, 0.01, head_only=True),
        Phase(2, 3, pytest.approx(0.001), head_only=False),
    ]
    assert [phase_at(two, epoch).head_only for epoch in range(6)] == [True] * 2 + [False] * 4
    assert phases_of(replace(recipe, head_epochs=9)) == [Phase(0, 5, 0.01, head_only=True)]


@pytest.mark.parametrize(
    ("optimizer", "kind"), [("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD")]
)
def test_a_phase_trains_its_layers_by_its_optimiser(recipe, optimizer, kind):
    model = build("tiny", 3)
    chosen = replace(recipe, optimizer=optimizer, schedule="constant")
    compile_for(model, chosen, Phase(0, 2, 0.5, head_only=True), steps_per_epoch=4)
    assert {v.path.split("/")[0] for v in model.trainable_variables} == {"probabilities"}
    assert type(model.optimizer).__name__ == kind
    assert float(model.optimizer.learning_rate) == 0.5
    compile_for(model, chosen, Phase(2, 2, 0.25, head_only=False), steps_per_epoch=4)
    assert len(model.trainable_variables) > 2
    assert int(model.optimizer.iterations) == 0


def test_one_cycle_ends_with_its_phase(recipe):
    model = build("tiny", 3)
    compile_for(model, recipe, Phase(2, 5, 0.1, head_only=False), steps_per_epoch=20)
    schedule = model.optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(101)]
    assert np.argmax(rates) == 20  # a fifth of the steps
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0, abs=1e-6)


def test_a_plateau_lowers_the_rate_of_its_own_phase_only(recipe):
    chosen = replace(recipe, schedule="plateau", plateau_patience=1, head_epochs=2)
    losses = [1.0, 1.5, 0.9, 1.2]
    history = [EpochRecord(i + 1, 1.0, 0.5, loss, 0.5, 1.0) for i, loss in enumerate(losses)]
    model = build("tiny", 3)
    for epochs, rate in ((1, 0.01), (2, 0.005), (3, 0.001), (4, 0.0005)):
        phase = phase_at(chosen, epochs - 1)
        compile_for(model, chosen, phase, steps_per_epoch=4)
        set_rate(model, chosen, phase, history[:epochs])
        assert float(model.optimizer.learning_rate) == pytest.approx(rate)


def test_an_average_is_part_of_the_optimiser(recipe):
    model = build("tiny", 3)
    compile_for(model, recipe, Phase(0, 1, 0.1, head_only=False), 4)
    plain = len(model.optimizer.variables)
    compile_for(model, replace(recipe, average=0.9), Phase(0, 1, 0.1, head_only=False), 4)
    assert len(model.optimizer.variables) == plain + len(model.trainable_variables)


def test_the_optimiser_and_the_loss_are_the_recipe_s(recipe):
    import keras

    chosen = replace(
        recipe, optimizer="adamw", schedule="constant", weight_decay=0.25, label_smoothing=0.125
    )
    model = build("tiny", 3)
    compile_for(model, chosen, Phase(0, 2, 0.5, head_only=False), steps_per_epoch=4)
    assert model.optimizer.weight_decay == 0.25
    assert model.loss.label_smoothing == 0.125
    before = {v.path: np.array(v) for v in model.trainable_variables}
    zero = [keras.ops.zeros_like(v) for v in model.trainable_variables]
    model.optimizer.apply(zero, model.trainable_variables)
    for v in model.trainable_variables:
        kept = v.path.rpartition("/")[2] in ("gamma", "beta", "bias")
        expected = before[v.path] * (1 if kept else 1 - 0.5 * 0.25)
        np.testing.assert_allclose(np.array(v), expected, atol=1e-6, err_msg=v.path)
