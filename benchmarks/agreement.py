"""Where two models agree, where they differ, and who is right then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.metrics import Figures, rounded
from benchmarks.predictions import Predictions

#: Pairs of answers that are listed.
_LISTED = 12


def compare_answers(first: Predictions, second: Predictions, labels: Sequence[str]) -> Figures:
    """Count what two models answer to the same test pictures.

    Parameters
    ----------
    first, second : Predictions
        Of the same pictures.
    labels : sequence of str
        Class names.

    Returns
    -------
    dict
        ``n``; shares of pictures ``both_right``, ``only_first``, ``only_second``,
        ``both_wrong_alike`` and ``both_wrong_otherwise``; ``either_right`` (no way of choosing
        between the two answers could do better); ``kappa`` (Cohen, 1960: agreement of the answers
        beyond chance, None where both give one answer throughout); ``answers`` (counts, rows are
        the first's answers); ``classes`` (the first five shares by true class, None without
        pictures); ``differences`` (the most frequent pairs of different answers, with how often
        either was right).
    """
    from sklearn.metrics import cohen_kappa_score, confusion_matrix

    codes = np.arange(len(labels))
    a, b = first.proba.argmax(axis=1), second.proba.argmax(axis=1)
    right_a, right_b = a == first.y, b == first.y
    cases = {
        "both_right": right_a & right_b,
        "only_first": right_a & ~right_b,
        "only_second": right_b & ~right_a,
        "both_wrong_alike": ~right_a & (a == b),
        "both_wrong_otherwise": ~right_a & ~right_b & (a != b),
    }
    answers = confusion_matrix(a, b, labels=codes)
    several = len(np.unique(np.concatenate([a, b]))) > 1
    k = range(len(labels))
    pairs = [(int(answers[i, j]), i, j) for i in k for j in k if i != j and answers[i, j]]
    listed = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:_LISTED]
    return {
        "first": first.model,
        "second": second.model,
        "n": len(first),
        **{name: rounded(mask.mean()) for name, mask in cases.items()},
        "either_right": rounded((right_a | right_b).mean()),
        "kappa": rounded(cohen_kappa_score(a, b)) if several else None,
        "answers": answers.tolist(),
        "classes": {
            label: {name: rounded(mask[first.y == code].mean()) for name, mask in cases.items()}
            if (first.y == code).any()
            else None
            for code, label in enumerate(labels)
        },
        "differences": [
            {
                "first": labels[i],
                "second": labels[j],
                "n": n,
                "first_right": int((right_a & (a == i) & (b == j)).sum()),
                "second_right": int((right_b & (a == i) & (b == j)).sum()),
            }
            for n, i, j in listed
        ],
    }
