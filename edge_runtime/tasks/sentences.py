"""A text cut into sentences, by the marks of any script."""

from __future__ import annotations

import re
from collections.abc import Sequence

# marks after which a sentence ends where a space and a new one follow: also Armenian, Arabic,
# Urdu, Devanagari, Burmese, Ethiopic, Khmer, and doubled ones
_SPACED = ".!?…\u0589\u061f\u06d4\u0964\u0965\u104b\u1362\u17d4\u203c\u2047\u2048\u2049"
# Chinese and Japanese put no space there
_FULL_WIDTH = "\u3002\uff01\uff1f\uff61\uff0e"
_CLOSING = "\"')]\u201d\u2019\u00bb\uff09\u3015\u300d\u300f\u3011\u300b"
_OPENING = "\"'([\u201c\u2018\u201e\u00ab\u00bf\u00a1\uff08\u3014\u300c\u300e\u3010\u300a"
_SPACED_MARKS, _WIDE_MARKS, _CLOSERS = (
    f"[{re.escape(each)}]" for each in (_SPACED, _FULL_WIDTH, _CLOSING)
)
# possessive, and never from within a run of marks: linear in the text
_BOUNDARY = re.compile(
    rf"(?<!{_SPACED_MARKS}){_SPACED_MARKS}++{_CLOSERS}*+(?P<space>\s++)"
    rf"|{_WIDE_MARKS}++{_CLOSERS}*+\s*+"
    r"|\n[^\S\n]*+\n\s*+"
)
_LONGEST = 16  # letters of what is looked up
_WORD = re.compile(rf"[^\s{re.escape(_OPENING)}]*$")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")  # A. Lee, U.S., z.B.
# what ends in a full stop and goes on; the second group only before a number
_TITLES = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "sra", "jr", "gen", "col", "lt", "capt", "rev",
    "hon", "vs", "cf", "al", "approx", "dept", "inc", "ltd", "corp", "bzw", "ca", "hr", "fr", "str",
    "mme", "mlle",
})  # fmt: skip
_NUMBERED = frozenset({"no", "nr", "fig", "vol", "art", "p", "pp", "ch", "sec"})


def split_sentences(text: str) -> list[str]:
    """Return the sentences, white space collapsed, none empty; an empty line ends one too."""
    start, parts = 0, []
    for match in _BOUNDARY.finditer(text):
        if match["space"] is None or _ends(text, start, match):
            parts.append(text[start : match.end()])
            start = match.end()
    sentences = (" ".join(part.split()) for part in [*parts, text[start:]])
    return [sentence for sentence in sentences if sentence]


def join_sentences(sentences: Sequence[str]) -> str:
    """Return them as one text, with a space where the script has one."""
    text = ""
    for sentence in sentences:
        last = text.rstrip(_CLOSING)[-1:]
        text += sentence if not last or last in _FULL_WIDTH else f" {sentence}"
    return text


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Say whether marks and a space end the sentence that began at ``start``."""
    if match["space"].count("\n") > 1:
        return True
    following = text[match.end() : match.end() + 2].lstrip(_OPENING)[:1]
    if following.islower():
        return False
    mark = match.start()
    if text[mark] != "." or text[mark + 1] == ".":
        return True
    found = _WORD.search(text, max(start, mark - _LONGEST), mark)
    word = found.group() if found else ""
    listed = word.isdecimal() and text[start:mark].strip() == word  # 1. First
    if listed or word.lower() in _TITLES:
        return False
    if word.lower() in _NUMBERED and following.isdecimal():
        return False
    return not (_INITIALS.fullmatch(word) and word != "I")
