"""The picture of who showed what when."""

import os
from array import array

import cv2
import numpy as np
import pytest

from fer_live.timeline import Person, _thin, draw_timeline, read_people

HEAD = "seconds,found,track,p_happy,p_$a_$\n"


@pytest.fixture
def table(tmp_path):
    rows = [f"{i / 10},1,{1 + i % 2},{i / 10},{1 - i / 10}\n" for i in range(9)]
    path = tmp_path / "faces.csv"
    path.write_text(HEAD + "".join(rows) + "0.9,0,,,\n", encoding="utf-8")
    return path


def test_people_are_told_apart_the_longest_seen_first(table):
    labels, people, times = read_people(table)
    assert labels == ("happy", "$a_$")
    assert [person.track for person in people] == [1, 2]
    assert list(people[1].seconds) == [0.1, 0.3, 0.5, 0.7]
    assert list(people[1].probabilities) == pytest.approx([0.1, 0.9, 0.3, 0.7, 0.5, 0.5, 0.7, 0.3])
    assert list(times) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


def test_a_face_is_drawn_where_it_was_and_nowhere_else():
    seconds = [*np.arange(5) * 0.1, 2.0]
    person = Person(1, array("d", seconds), array("f", [0.5, 0.5] * 6))
    times, heights = _thin(person, 0.1)
    at = np.array([0.2, 0.44, 0.46, 1.0, 1.94, 1.96, 2.04, 2.06])
    drawn = np.interp(at, times + np.arange(len(times)) * 1e-9, heights[:, 0])
    np.testing.assert_allclose(drawn, [0.5, 0.5, 0, 0, 0, 0.5, 0.5, 0], atol=1e-3)


def test_names_with_dollar_signs_are_drawn_as_they_are(table, tmp_path):
    assert draw_timeline(table, tmp_path / "timeline.png", "a$b_$c.mp4") == 2
    assert cv2.imread(str(tmp_path / "timeline.png")) is not None


def test_a_name_that_is_no_text_is_drawn_escaped(table, tmp_path):
    assert draw_timeline(table, tmp_path / "timeline.png", os.fsdecode(b"pics\xff")) == 2
