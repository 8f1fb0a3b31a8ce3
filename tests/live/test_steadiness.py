"""Words that don't flicker."""

import numpy as np
import pytest

from fer_live.steadiness import Steadiness, SteadyExpression

#: Nothing is smoothed, so that what is asked for is what leads.
HOW = Steadiness(smoothing_seconds=0.0, margin=0.1, hold_seconds=0.5)


def leading_by(lead):
    """Return probabilities in which the second class leads the first by so much."""
    return np.array([0.4 - lead / 2, 0.4 + lead / 2, 0.2], dtype=np.float32)


def shown(leads, step=0.1):
    face = SteadyExpression(leading_by(-0.2), 0.0)
    words = []
    for i, lead in enumerate(leads, start=1):
        face.update(leading_by(lead), i * step, HOW)
        words.append(face.shown)
    return words


def test_a_clear_lead_changes_the_word_at_once():
    assert shown([0.15]) == [1]
    assert shown([0.15, -0.15, 0.15]) == [1, 0, 1]


def test_a_small_lead_has_to_last():
    # First ahead at 0.1 s, so shown from 0.6 s on.
    assert shown([0.05] * 7) == [0, 0, 0, 0, 0, 1, 1]


def test_waiting_begins_anew_when_the_old_word_leads_again():
    assert shown([0.05] * 4 + [-0.05] + [0.05] * 6) == [0] * 10 + [1]


def test_a_state_goes_on_waiting():
    face = SteadyExpression(leading_by(-0.2), 0.0)
    face.update(leading_by(0.05), 0.1, HOW)
    again = SteadyExpression.from_state(face.state())
    again.update(leading_by(0.05), 0.6, HOW)
    assert again.shown == 1


def test_smoothing_follows_time_and_not_frames():
    how = Steadiness(smoothing_seconds=0.25)
    new = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    faces = [SteadyExpression(np.array([1.0, 0.0, 0.0], dtype=np.float32), 0.0) for _ in range(2)]
    faces[0].update(new, 0.25, how)
    for i in range(1, 6):
        faces[1].update(new, i * 0.05, how)
    for face in faces:
        assert face.probabilities[1] == pytest.approx(1 - np.exp(-1), abs=1e-5)
