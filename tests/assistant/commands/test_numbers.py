from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.assistant.commands.numbers import ONES, TENS, spoken_number


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("36", 36), ("20.5", 20.5), ("20,5", 20.5), ("50%", 50), ("-3", -3), ("1/2", 0.5),
        ("half", 0.5), ("an", 1), ("thirty six", 36), ("Thirty-six percent", 36),
        ("one hundred", 100), ("a hundred", 100), ("one hundred and five", 105),
        ("nineteen", 19), ("twenty point five", 20.5), ("two and a half", 2.5),
        ("minus four", -4), ("21 degrees", 21), ("2 and a half", 2.5),
    ],
)  # fmt: skip
def test_a_number_is_read_however_it_is_said(said: str, number: float) -> None:
    found = spoken_number(said)
    assert found == number
    assert isinstance(found, float) == (number != int(number))


@pytest.mark.parametrize("said", ["", "warm", "kitchen", "the", "point five", "twenty warm", "%"])
def test_what_is_no_number_gives_none(said: str) -> None:
    assert spoken_number(said) is None


@given(st.integers(1, 99))
def test_words_and_digits_say_the_same(number: int) -> None:
    words = ONES[number] if number < 20 else f"{TENS[number // 10 - 2]} {ONES[number % 10]}"
    assert spoken_number(words) == number
    assert spoken_number(str(number)) == number


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_none(text: str) -> None:
    found = spoken_number(text)
    assert found is None or isinstance(found, int | float)
