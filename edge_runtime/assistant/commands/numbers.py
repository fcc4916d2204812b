"""Numbers as they are said: digits, words, and the words for most, least and half."""

from __future__ import annotations

import re

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

_VALUES = {word: value for value, word in enumerate(ONES)} | {
    word: 10 * value for value, word in enumerate(TENS, start=2)
}
_ALONE: dict[str, float] = {"a": 1, "an": 1, "half": 0.5, "1/2": 0.5, "quarter": 0.25}
_SKIPPED = {"and", "a", "an", "percent", "degrees", "degree"}
_DIGITS = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


def spoken_number(words: str) -> int | float | None:
    """Return the number that ``words`` say, None if they say none.

    Understands digits ("20.5", "50%"), words up to 999 ("one hundred and five", "twenty point
    five"), halves ("twenty and a half", "1/2") and "an" as one; a whole number is an int.
    """
    said = words.lower().strip(" .!?°%")
    if said in _ALONE:
        return _whole(_ALONE[said])
    if digits := _DIGITS.fullmatch(said):
        return _whole(float(digits[0].replace(",", ".")))
    minus = said.startswith("minus ")
    value = _value(re.findall(r"\d+(?:\.\d+)?|1/2|[a-z]+", said.removeprefix("minus ")))
    return None if value is None else _whole(-value if minus else value)


def _value(tokens: list[str]) -> float | None:
    if "point" in tokens:
        at = tokens.index("point")
        whole, digits = _value(tokens[:at]), [_VALUES.get(token) for token in tokens[at + 1 :]]
        if whole is None or not digits or any(d is None or d > 9 for d in digits):  # noqa: PLR2004
            return None
        return float(f"{whole:.0f}.{''.join(map(str, digits))}")
    total: float | None = None
    for token in tokens:
        if token == "hundred":
            total = (total or 1) * 100
        elif token in _VALUES:
            total = (total or 0) + _VALUES[token]
        elif token in ("half", "quarter"):
            total = (total or 0) + _ALONE[token]
        elif token.replace(".", "", 1).isdigit():
            total = (total or 0) + float(token)
        elif token not in _SKIPPED:
            return None
    return total


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else value
