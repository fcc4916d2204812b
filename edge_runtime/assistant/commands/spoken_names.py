"""Names of devices, areas and floors: the owner's, found in what was said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from edge_runtime.assistant.commands.words import ARTICLES, INITIALISMS

_SLIPS_PER_LETTER = 1 / 6  # "bedroom lmap" is still the bedroom lamp
_LAST_WORDS = ("floor", "light", "lights", "lamp", "lamps", "list", "room")


def spoken_name(said: str, owned: Sequence[str]) -> str:
    """Return the owner's name that ``said`` means, else ``said`` with each word capitalised.

    Letter case, plurals, punctuation and an article do not matter. A name is also found where one
    more word is said ("ground floor floor", "hallway light" for Hallway), the longest first, and
    where few letters are wrong.
    """
    longest_first = sorted(owned, key=len, reverse=True)
    for name in longest_first:
        if name.lower() == said.lower():
            return name
    key = _key(said)
    for name in longest_first:
        if _key(name) == key:
            return name
    for name in longest_first:
        if any(key == f"{_key(name)} {_key(word)}" for word in _LAST_WORDS):
            return name
    allowed = int(len(key) * _SLIPS_PER_LETTER)
    slips = [(_edits(key, _key(name)), name) for name in longest_first] if allowed else []
    nearest = min(slips, default=(allowed + 1, ""), key=lambda found: found[0])
    if nearest[0] <= allowed:
        return nearest[1]
    return capitalised(said)


def capitalised(said: str) -> str:
    """Return the words without a leading article, each with its first letter in upper case."""
    words = said.split()
    if len(words) > 1 and words[0].lower() in ARTICLES:
        words = words[1:]
    return " ".join(
        word.upper() if word.lower() in INITIALISMS else word[:1].upper() + word[1:]
        for word in words
    )


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    words = re.findall(r"\w+", name.lower().replace("'", "").replace("[", "").replace("]", ""))
    if len(words) > 1 and words[0] in ARTICLES:
        words = words[1:]
    return " ".join(word.removesuffix("s") if len(word) > 2 else word for word in words)  # noqa: PLR2004


def _edits(left: str, right: str) -> int:
    """Return the Levenshtein distance."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]
