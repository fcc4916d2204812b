"""Words of a text in any script: where a span may be cut, and when two texts say the same."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise

# Vowel signs and accents that follow their letter; `\w` leaves them out.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0711-\u074a\u0900-\u0963\u0966-\u0dff\u0f18-\u0f39\u0f71-\u0fbc\u135d-\u135f\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
)
# Scripts written without spaces: each sign is a word, or a name would take its sentence along.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"(?:(?![{_UNSPACED}])[\w{_MARKS}])"
_TOKEN = re.compile(rf"{_LETTER}++|\S")
_JOINED = re.compile(rf"{_LETTER}++(?:[-'\u2019.\u00b7@]{_LETTER}++)*+|\S")
_POSSESSIVE = re.compile(r"['\u2019][sS]\Z")

Cut = Callable[[int, int], tuple[int, int]]


def tokens(text: str) -> list[tuple[int, int]]:
    """Return start and end of each word and each other sign; white space lies between."""
    return [match.span() for match in _TOKEN.finditer(text)]


def at_tokens(text: str) -> Cut:
    """Return a function that widens a span to whole words of letters and digits."""
    return _widening(tokens(text))


def at_words(text: str) -> Cut:
    """Return a function that widens a span to whole words with what is joined to them.

    ``Jean-Luc``, ``O'Brien`` and ``ada.lovelace`` are words; an ``'s`` at their end stays outside.
    """
    spans = []
    for match in _JOINED.finditer(text):
        start, end = match.span()
        ending = _POSSESSIVE.search(text, max(start, end - 2), end)
        if ending is None:
            spans.append((start, end))
        else:
            spans += pairwise((start, ending.start(), ending.start() + 1, end))
    widened = _widening(spans)

    def without_possessive(start: int, end: int) -> tuple[int, int]:
        start, end = widened(start, end)
        ending = _POSSESSIVE.search(text, max(start + 1, end - 2), end)
        return start, end if ending is None else ending.start()

    return without_possessive


def folded(text: str) -> list[str]:
    """Return the words and signs of a text without their letter case."""
    return [text[start:end].casefold() for start, end in tokens(text)]


def _widening(spans: list[tuple[int, int]]) -> Cut:
    starts = [start for start, _ in spans]

    def widened(start: int, end: int) -> tuple[int, int]:
        first = bisect_right(starts, start) - 1
        if first >= 0 and start < spans[first][1]:
            start = spans[first][0]
        last = bisect_right(starts, end - 1) - 1
        if last >= 0 and end < spans[last][1]:
            end = spans[last][1]
        return start, end

    return widened
