"""Numbers in words, as speech recognition writes them: five five five, double oh seven."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from edge_runtime.routing.redaction.checks import CARD_SIZES, is_card
from edge_runtime.routing.redaction.findings import Finding
from edge_runtime.routing.redaction.surroundings import kind_before

_ONES = {
    "zero": 0, "oh": 0, "o": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "niner": 9,
}  # fmt: skip
_TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_WORDS = rf"(?:{'|'.join([*_ONES, *_TEENS, *_TENS, *_TIMES])}|[0-9])"
_RUN = re.compile(rf"(?i)(?<![\w'-]){_WORDS}(?:[ ,-]{{1,2}}(?:dash )?{_WORDS}(?![\w'])){{2,}}+")
_WORD = re.compile(r"[a-z]+|[0-9]")
_UNITS = re.compile(
    r"(?i)[ -]{1,2}(?:hundred|thousand|million|billion|percent|point|degrees?|dollars?|euros?|"
    r"minutes?|hours?|o'clock|am|pm|and)\b"
)
_LEAST = {"SECRET": 3, None: 7}  # digits, by what the words before say
_LEAST_NAMED = 5


def find_spoken(text: str) -> Iterator[Finding]:
    """Yield runs of number words that are a number of something, and no counting or amount."""
    for match in _RUN.finditer(text):
        words = _WORD.findall(match.group().lower())
        if all(word.isdigit() for word in words) or _UNITS.match(text, match.end()):
            continue
        numbers = list(_numbers(words))
        digits = "".join(map(str, numbers))
        named = kind_before(text, match.start())
        if len(digits) >= _LEAST.get(named, _LEAST_NAMED) and not _count_up_or_down(numbers):
            is_payment = len(digits) in CARD_SIZES and is_card(digits)
            yield Finding(*match.span(), named or ("CARD" if is_payment else "PHONE"))


def _numbers(words: list[str]) -> Iterator[int]:
    """Yield what the words say one by one: 21 for twenty one, two sevens for double seven."""
    times, tens = 1, 0
    for word in [*words, ""]:
        one = int(word) if word.isdigit() else _ONES.get(word)
        if tens and one:
            yield tens + one
            tens = 0
            continue
        if tens:
            yield tens
        tens = _TENS.get(word, 0)
        number = _TEENS.get(word) if one is None else one
        if number is not None:
            yield from [number] * times
        times = _TIMES.get(word, 1)


def _count_up_or_down(numbers: list[int]) -> bool:
    return {after - before for before, after in pairwise(numbers)} in ({1}, {-1})
