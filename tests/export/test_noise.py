"""Noise as people make it: what each kind changes, and what it leaves alone."""

import random

import pytest

from edge_export.train.noise import KINDS, add_noise, spoken_number

TEXT = "Wake me at 7:30 on March 5, and set the lamp to 45% or 21 degrees, please!"
SEEDS = range(40)


def _noisy(kind: str, text: str = TEXT) -> list[str]:
    return [add_noise(text, kind, random.Random(seed)).text for seed in SEEDS]  # noqa: S311


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_some_texts(kind: str) -> None:
    assert set(_noisy(kind)) - {TEXT}


def test_case_changes_nothing_but_letter_case() -> None:
    assert {text.lower() for text in _noisy("case")} == {TEXT.lower()}


def test_typos_leave_first_letters_and_short_words() -> None:
    for noisy in _noisy("typos", "set the kitchen lamp to red"):
        words = noisy.split()
        assert [words[i] for i in (0, 1, 4, 5)] == ["set", "the", "to", "red"]
        assert (words[2][0], words[3][0]) == ("k", "l")


def test_missing_punctuation_keeps_words_times_and_signs() -> None:
    assert set(_noisy("no punctuation")) == {
        "Wake me at 7:30 on March 5 and set the lamp to 45% or 21 degrees please"
    }


def test_openings_come_before_the_text_and_closings_behind_it() -> None:
    assert all(TEXT[:40] in text and not text.startswith(TEXT[0]) for text in _noisy("opening"))
    assert all(text.startswith(TEXT[:-1]) for text in _noisy("closing"))


def test_asides_are_a_second_sentence_around_the_whole_text() -> None:
    text = "dim the lamp"
    assert all(text in noisy and ". " in noisy for noisy in _noisy("aside", text))


def test_speech_writes_numbers_in_words_where_they_stand_alone() -> None:
    for text in _noisy("speech"):
        assert "forty five percent" in text
        assert "march five" in text
        assert "twenty one" in text
        assert "7:30" in text
        assert text == text.lower()
        assert not set(text) & set(",!")


@pytest.mark.parametrize(
    "text", ["3.5 bar", "1.000 euro", "10/11/2024", "€20", "2-3 days", "112233", "mp3", "7pm"]
)
def test_speech_leaves_parts_of_longer_numbers(text: str) -> None:
    numbers = text.split(maxsplit=1)[0]
    assert all(numbers in noisy for noisy in _noisy("speech", text))


@pytest.mark.parametrize(
    ("number", "words"), [(0, "zero"), (12, "twelve"), (20, "twenty"), (45, "forty five")]
)
def test_numbers_are_spoken(number: int, words: str) -> None:
    assert spoken_number(number) == words


def test_all_numbers_below_a_hundred_are_told_apart() -> None:
    assert len({spoken_number(number) for number in range(100)}) == 100
