"""How people really write and speak: slips, shouting, no punctuation, a speech recogniser's text.

Each kind of noise is a list of edits of the text, so that a span of the text can be found again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Edit = tuple[int, int, str]
"""Characters from ``start`` to ``end`` become the text."""

_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    letter: "".join(row[max(0, i - 1) : i] + row[i + 1 : i + 2])
    for row in _KEYBOARD
    for i, letter in enumerate(row)
}
_SLIPS_PER_TEXT = 0.06  # share of the letters
_LONGEST_SLIP_FREE = 3  # words up to this length keep their letters
_GREETINGS = (
    "hey ", "hey, ", "ok ", "okay, ", "hi ", "hello, ", "please ", "um, ", "so ", "hey there, ",
    "ok computer, ", "hey computer ", "can you help me: ", "alright, ", "excuse me, ",
)  # fmt: skip
_ENDINGS = (" please", ", please", " thanks", ", thank you", " now", " ok?", "!!")
_ASIDES = (
    "i just came home",
    "we have guests tonight",
    "i am so tired",
    "sorry for asking again",
    "my hands are full",
    "it is quite late",
    "i hope you can hear me",
    "that is all for now",
    "we are about to leave",
    "i keep forgetting it",
    "the kids are asleep",
    "i have no idea",
)
_FILLERS = ("um", "uh", "er", "like", "you know")
_HOMOPHONES = {
    "to": "two", "too": "to", "two": "to", "for": "four", "there": "their", "their": "there",
    "your": "you're", "its": "it's", "write": "right", "right": "write", "weather": "whether",
    "hear": "here", "here": "hear", "buy": "by", "by": "buy", "know": "no", "mail": "male",
    "meet": "meat", "flour": "flower", "new": "knew", "ate": "eight", "won": "one", "son": "sun",
}  # fmt: skip
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
           "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
           "eighteen", "nineteen")  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SIGNS = {"%": " percent", "°": " degrees"}
# next to a number: a time, a date, a price, a name, part of a longer one
_JOINED_BEFORE = frozenset(":.,-/@$€£")
_JOINED_AFTER = re.compile(r"[:.,/@-]?\w|[$€£]")
_MISHEARD = 0.05  # of the words that sound like another one
_FILLED = 0.03  # of the words have one before them that says nothing


@dataclass(frozen=True)
class Noisy:
    """``offsets[i]`` is where character ``i`` of the old text, or its end, is in ``text``."""

    text: str
    offsets: list[int]


def add_noise(text: str, kind: str, rng: random.Random) -> Noisy:
    """Return the text with noise of one of ``KINDS``; the same state of ``rng``, the same noise."""
    return _apply(text, list(_KINDS[kind](text, rng)))


def spoken_number(number: int) -> str:
    """Return a whole number from 0 to 99 in words."""
    if number < len(_DIGITS):
        return _DIGITS[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]} {_DIGITS[ones]}" if ones else _TENS[tens]


def _apply(text: str, edits: Sequence[Edit]) -> Noisy:
    """Apply edits that do not overlap, in order."""
    parts: list[str] = []
    offsets: list[int] = []
    length = place = 0
    for start, end, new in [*edits, (len(text), len(text), "")]:
        parts += [text[place:start], new]
        offsets += range(length, length + start - place)
        length += start - place
        # what was replaced lies within its replacement, as far as that reaches
        offsets += [length + min(i, len(new)) for i in range(end - start)]
        length += len(new)
        place = end
    return Noisy("".join(parts), [*offsets, length])


def _words(text: str) -> Iterator[re.Match[str]]:
    return re.finditer(r"[^\W\d_]+", text)


def _case(text: str, rng: random.Random) -> Iterator[Edit]:
    change: Callable[[str], str] = rng.choice([str.lower, str.lower, str.upper, str.title])
    for i, letter in enumerate(text):
        new = change(letter) if change is not str.title or _begins(text, i) else letter.lower()
        if new != letter and len(new) == 1:
            yield i, i + 1, new


def _begins(text: str, i: int) -> bool:
    return i == 0 or not text[i - 1].isalnum()


def _typos(text: str, rng: random.Random) -> Iterator[Edit]:
    letters = [
        i
        for word in _words(text)
        if word.end() - word.start() > _LONGEST_SLIP_FREE
        for i in range(word.start() + 1, word.end() - 1)
    ]
    wanted = min(len(letters), max(1, round(len(letters) * _SLIPS_PER_TEXT)))
    last = -2
    for i in sorted(rng.sample(letters, wanted)):
        if i < last + 2:
            continue
        last = i
        letter = text[i]
        slip = rng.randrange(4)
        if slip == 0:
            yield i, i + 1, ""
        elif slip == 1:
            yield i, i + 1, letter * 2
        elif slip == 2:  # noqa: PLR2004 - one of four
            yield i, i + 2, text[i + 1] + letter
        else:
            yield i, i + 1, rng.choice(_NEIGHBOURS.get(letter.lower(), letter) or letter)


def _no_punctuation(text: str, _: random.Random) -> Iterator[Edit]:
    for mark in re.finditer(r"[.,;:!?'\"()]+(?=\s|$)|(?<=\s)['\"(]+|(?<=\w)'(?=\w)", text):
        yield mark.start(), mark.end(), ""


def _opening(text: str, rng: random.Random) -> Iterator[Edit]:
    yield 0, 0, rng.choice(_GREETINGS)
    if rng.random() < 0.3:  # noqa: PLR2004
        yield from _closing(text, rng)


def _closing(text: str, rng: random.Random) -> Iterator[Edit]:
    end = len(text.rstrip(" .!?"))
    yield end, len(text), rng.choice(_ENDINGS)


def _aside(text: str, rng: random.Random) -> Iterator[Edit]:
    """Say something else before or after, as people do in the same breath."""
    aside = rng.choice(_ASIDES)
    if rng.random() < 0.3:  # noqa: PLR2004
        yield 0, 0, f"{aside}. "
    else:
        end = len(text.rstrip(" ."))
        yield end, len(text), f". {aside}"


def _speech(text: str, rng: random.Random) -> Iterator[Edit]:
    """Write it as a speech recogniser does: words for numbers, lower case, no punctuation."""
    for found in re.finditer(r"\d+|%|°|[^\W\d_]+|[.,;:!?\"()]+", text):
        piece, start, end = found.group(), found.start(), found.end()
        if piece[0].isalpha():
            new = piece.lower()
            if rng.random() < _FILLED and text[start - 1 : start].isspace():
                yield start, start, f"{rng.choice(_FILLERS)} "
            if rng.random() < _MISHEARD:
                new = _HOMOPHONES.get(new, new)
        else:
            new = _spoken(piece, text[start - 1 : start], text[end : end + 2])
        if new != piece:
            yield start, end, new


def _spoken(piece: str, before: str, after: str) -> str:
    """Return how a number, sign or punctuation mark is written out.

    ``before`` is the character before it, ``after`` the two behind.
    """
    if piece in _SIGNS:
        return _SIGNS[piece]
    if not piece.isdecimal():
        return "" if after[:1] in {"", " "} else piece
    joined = before.isalpha() or before in _JOINED_BEFORE or _JOINED_AFTER.match(after)
    whole = piece.isascii() and len(piece) <= 2 and not joined  # noqa: PLR2004 - below a hundred
    return spoken_number(int(piece)) if whole else piece


_KINDS: dict[str, Callable[[str, random.Random], Iterator[Edit]]] = {
    "case": _case,
    "typos": _typos,
    "no punctuation": _no_punctuation,
    "opening": _opening,
    "closing": _closing,
    "aside": _aside,
    "speech": _speech,
}
KINDS = tuple(_KINDS)
