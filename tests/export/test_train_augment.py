"""Training texts that were changed still say where their spans are."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_export.train.noise import KINDS, add_noise, spoken_number

pytestmark = pytest.mark.export
pytest.importorskip("torch")

from edge_export.train.augment import disturb, gather, join_rows, recase  # noqa: E402
from edge_export.train.examples import Example, Span  # noqa: E402

TEXT = "Set the Kitchen light to 45% at half past seven, please!"
NAMED = Example(TEXT, "slots", "home", spans=(Span(8, 15, "area"), Span(25, 27, "brightness")))
MEANT = Example(TEXT, "intent", "home", label="HassLightSet")


def _rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same texts each time


def _named(row: Sequence[Example]) -> list[str]:
    return [row[0].text[s.start : s.end] for example in row for s in example.spans]


def test_a_text_with_several_heads_is_one_row() -> None:
    other = Example("hello", "intent", "clinc", label="greeting")
    assert gather([NAMED, other, MEANT]) == [(NAMED, MEANT), (other,)]


def test_a_text_that_comes_twice_is_two_rows() -> None:
    assert gather([MEANT, NAMED, MEANT]) == [(MEANT, NAMED), (MEANT,)]


@pytest.mark.parametrize("kind", KINDS)
def test_noise_moves_spans_with_the_text(kind: str) -> None:
    for seed in range(20):
        noisy = add_noise(TEXT, kind, _rng(seed))
        area = noisy.text[noisy.offsets[8] : noisy.offsets[15]]
        number = noisy.text[noisy.offsets[25] : noisy.offsets[27]]
        assert area.casefold()[0] == "k"
        assert area.casefold()[-1] == "n"
        assert number in {"45", "forty five"}


@given(text=st.text(max_size=80), kind=st.sampled_from(KINDS), seed=st.integers(0, 99))
def test_noise_keeps_count_of_every_character(text: str, kind: str, seed: int) -> None:
    noisy = add_noise(text, kind, _rng(seed))
    assert len(noisy.offsets) == len(text) + 1
    assert noisy.offsets == sorted(noisy.offsets)
    assert 0 <= noisy.offsets[0] <= noisy.offsets[-1] <= len(noisy.text)
    assert noisy == add_noise(text, kind, _rng(seed))


def test_a_disturbed_row_keeps_its_labels() -> None:
    rows = [disturb((NAMED, MEANT), _rng(seed)) for seed in range(30)]
    assert {row[0].text for row in rows} - {TEXT}
    for row in rows:
        assert row[0].text == row[1].text
        assert [span.label for span in row[0].spans] == ["area", "brightness"]
        assert row[1].label == "HassLightSet"


def test_recasing_keeps_spans() -> None:
    assert _named(recase((NAMED, MEANT), _rng(1))) == ["kitchen", "45"]


def test_joined_rows_keep_the_spans_of_each_head() -> None:
    tagged = [
        (
            Example(f"Ann {i}", "entities", "a", spans=(Span(0, 3, "PERSON"),)),
            Example(f"Ann {i}", "pii", "b", spans=(Span(4, 5, "AGE"),)),
        )
        for i in range(9)
    ]
    joined = list(join_rows(tagged, 1.0, _rng(3)))
    assert len(joined) < len(tagged)
    found = [name for row in joined for name in _named(row)]
    assert sorted(found) == sorted(["Ann"] * 9 + [str(i) for i in range(9)])


def test_numbers_are_spoken() -> None:
    assert [spoken_number(n) for n in (0, 7, 13, 20, 45, 99)] == [
        "zero", "seven", "thirteen", "twenty", "forty five", "ninety nine",
    ]  # fmt: skip
