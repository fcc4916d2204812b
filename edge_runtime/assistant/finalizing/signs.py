"""Signs that no answer needs: control characters, and those that turn the order of letters."""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n\t")
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MARK = "\ufeff"


def clean(text: str) -> tuple[str, int]:
    """Return the text without such signs and white space around it, and how many there were.

    Line ends of any kind become a line feed, which does not count.
    """
    lined = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = [char for char in lined if not _is_needless(char)]
    return "".join(kept).strip(), len(lined) - len(kept)


def _is_needless(char: str) -> bool:
    if char.isascii():
        return (char < " " and char not in _KEPT) or char == "\x7f"
    return char in _TURNING or char == _MARK or unicodedata.category(char) in {"Cc", "Cs"}
