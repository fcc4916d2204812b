"""Words and their characters, for tokenizers that keep white space in their tokens.

SentencePiece and byte-level tokenizers number as one word whatever stands between two spaces, a
full stop or a Chinese sentence included, and count the space before a word as its first character.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

Span = tuple[int, int]

# first and last code points of scripts that put no space between words: South East Asian
# abugidas, kana, and Han (Unicode, Scripts.txt)
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
# categories of what belongs to the character before: accents, and joiners, which bind both sides
_FORMAT = "Cf"
_MARKS = {"Mn", "Mc", "Me", _FORMAT}
_MOST_MARKS = 30  # on one character, as in Unicode's stream-safe format (UAX 15)


def trimmed(text: str, offsets: Sequence[Span]) -> list[Span]:
    """Return the spans without white space at either end; of nothing else, an empty one."""
    return [trim(text, start, end) for start, end in offsets]


def trim(text: str, start: int, end: int) -> Span:
    """Return the span without white space at either end, empty at its end when there is no more."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def split_words(text: str, offsets: Sequence[Span], words: Sequence[int]) -> list[int]:
    """Return words that end at a space, at punctuation, and between letters that need no space.

    ``offsets`` are trimmed; ``words`` is -1 for special tokens, and so is what is returned, which
    numbers the words. A word never ends within a character, which byte-level tokens may share.
    """
    numbers, number = [], -1
    before, before_end, was_space = -1, 0, False
    for (start, end), word in zip(offsets, words, strict=True):
        if word < 0:
            numbers.append(-1)
            before = word
            continue
        is_space = start == end
        # a space that is a token belongs to the word that follows it
        follows = was_space and start == before_end
        if before < 0 or is_space or not (follows or _goes_on(text, before_end, start)):
            number += 1
        numbers.append(number)
        before, before_end, was_space = word, max(end, before_end), is_space
    return numbers


def _goes_on(text: str, before: int, start: int) -> bool:
    """Say whether what begins at ``start`` is of the word that ends at ``before``."""
    return start < before or before == 0 or not _parts(text, before, start)


def _parts(text: str, before: int, start: int) -> bool:
    if any(letter.isspace() for letter in text[before:start]):
        return True
    right, left = text[start], before - 1
    earliest = max(0, left - _MOST_MARKS)
    while left > earliest and unicodedata.category(text[left]) in _MARKS:
        left -= 1
    if unicodedata.category(right) in _MARKS or unicodedata.category(text[before - 1]) == _FORMAT:
        return False
    return (
        text[left].isalnum() != right.isalnum()
        or _needs_no_space(text[left])
        or _needs_no_space(right)
    )


def _needs_no_space(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _WITHOUT_SPACES)
