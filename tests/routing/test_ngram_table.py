"""Evidence comes from the longest n-gram that ends at each character."""

import numpy as np
import pytest

from edge_runtime.routing.ngram_table import LANGUAGES, STEPS, NgramTable, default_table, runs

_CLEAR = 10  # nats


def _key(text: str) -> int:
    *_, whole = runs(np.frombuffer(text.encode("utf-32-le"), np.uint32))
    return int(whole[0])


def _table(nats: dict[str, float]) -> NgramTable:
    """Return a table in which only German has weights."""
    keyed = sorted((_key(text), value) for text, value in nats.items())
    weights = np.zeros((len(keyed), len(LANGUAGES)), np.int8)
    weights[:, 1] = [round(value * STEPS) for _, value in keyed]
    return NgramTable(np.array([key for key, _ in keyed], np.uint32), weights)


def test_the_longest_ngram_counts() -> None:
    table = _table({"b": 1, "ab": 2, " ab": 4})
    assert table.evidence(["ab"])[:, 1] == pytest.approx([4])
    assert table.evidence(["cab"])[:, 1] == pytest.approx([2])
    assert table.evidence(["cb"])[:, 1] == pytest.approx([1])
    assert table.evidence(["cc"])[:, 1] == pytest.approx([0])


def test_each_word_has_its_own_evidence_and_sees_the_words_before_it() -> None:
    table = _table({"a b": 3, "a": 1, "b ": -2})
    assert table.evidence(["a", "b"])[:, 1] == pytest.approx([1, 3 - 2])


def test_words_longer_than_an_ngram_and_none_at_all() -> None:
    table = _table({"a": 1})
    assert table.evidence(["a" * 50])[:, 1] == pytest.approx([50])
    assert table.evidence([]).shape == (0, len(LANGUAGES))


def test_english_is_the_measure_of_the_shipped_table() -> None:
    german = LANGUAGES.index("de")
    for words, sign in (("turn on the lights", -1), ("mach das licht an", 1)):
        evidence = default_table().evidence(words.split())
        assert not evidence[:, 0].any()
        assert sign * evidence[:, german].sum() > _CLEAR
