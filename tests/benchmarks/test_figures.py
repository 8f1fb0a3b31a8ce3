import io

import numpy as np
import pytest

from benchmarks.figures import drawn, matrix_figure


@pytest.mark.parametrize("label", ["cost $x_$ up", "b$a\\q$c", "$5", "un$"])
def test_labels_of_anybody_are_drawn_as_they_are(label):
    figure = matrix_figure(np.eye(2), [["1", "0"], ["0", "1"]], [drawn(label)] * 2, ["a", "b"])
    figure.savefig(io.BytesIO())  # a formula that can't be read ends here
    shown = figure.axes[0].get_xticklabels()[0]
    assert shown._preprocess_math(shown.get_text()) == (label, False)


def test_long_labels_are_cut():
    assert drawn("a" * 24) == "a" * 24
    assert drawn("a" * 25) == "a" * 23 + "…"
    assert drawn("abcdef", most=4) == "abc…"
