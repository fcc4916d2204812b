"""The best sequence of tags, against every sequence there is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.tasks.tag_path import best_path

LABELS = ("O", "B-PERSON", "I-PERSON", "B-PLACE", "I-PLACE")


def _allowed(path: tuple[int, ...]) -> bool:
    before = "O"
    for index in path:
        label = LABELS[index]
        if label.startswith("I-") and before not in {f"B-{label[2:]}", label}:
            return False
        before = label
    return True


@given(seed=st.integers(0, 10_000), words=st.integers(1, 4))
def test_no_other_allowed_sequence_is_likelier(seed: int, words: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(words, len(LABELS))).astype(np.float32)
    path = tuple(best_path(scores, LABELS).tolist())
    assert _allowed(path)
    every = [p for p in product(range(len(LABELS)), repeat=words) if _allowed(p)]
    best = max(float(scores[range(words), p].sum()) for p in every)
    assert float(scores[range(words), path].sum()) == pytest.approx(best, rel=1e-5, abs=1e-5)


def test_what_keeps_to_the_rule_stays_as_it_is() -> None:
    scores = np.zeros((3, len(LABELS)), dtype=np.float32)
    scores[0, 1] = scores[1, 2] = scores[2, 0] = 1.0
    assert best_path(scores, LABELS).tolist() == [1, 2, 0]


def test_an_inside_tag_takes_the_beginning_that_it_needs() -> None:
    scores = np.log(np.array([[0.45, 0.40, 0.05, 0.05, 0.05], [0.1, 0.05, 0.75, 0.05, 0.05]]))
    assert best_path(scores.astype(np.float32), LABELS).tolist() == [1, 2]
