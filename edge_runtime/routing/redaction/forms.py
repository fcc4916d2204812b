"""How placeholders are written, and how large models write them back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from edge_runtime.routing.redaction.kinds import KINDS

# Brackets that a model, a Markdown or HTML escape, JSON or an input method puts around a name.
_BRACKETS = (
    ("<", ">"),
    (r"\<", r"\>"),
    ("&lt;", "&gt;"),
    (r"\u003c", r"\u003e"),
    ("\uff1c", "\uff1e"),
)
ALIKE_SIGNS = ("_", *(left[0] for left, _ in _BRACKETS))  # of which every form holds one
_NUMBER = "[0-9]{1,9}"
_INNER_GAP = r"\\?[_ -]?"  # between kind and number, where brackets leave no doubt
_OUTER_GAP = r"\\?_"
_ENDING = "['\u2019]?[^\\W\\d_]{0,3}"  # as in <PERSON_1's>


def placeholder(kind: str, number: int) -> str:
    """Return the form in which a placeholder leaves."""
    return f"<{kind}_{number}>"


def kind_and_number(name: str) -> tuple[str, int]:
    """Take a placeholder apart."""
    kind, _, number = name.strip("<>").rpartition("_")
    return kind, int(number)


@dataclass(frozen=True)
class Forms:
    """Patterns for the placeholders of some kinds.

    ``written`` finds every form that is understood, ``begun`` at the end of a text what may become
    one, ``alike`` whatever might be read as one wherever it stands.
    """

    written: re.Pattern[str]
    begun: re.Pattern[str]
    alike: re.Pattern[str]

    @staticmethod
    def parts(match: re.Match[str]) -> tuple[str, str]:
        """Return the placeholder that a match means, and the ending that follows it."""
        groups = [group for group in match.groups() if group is not None]
        kind, number, *ending = groups
        return placeholder(kind.upper(), int(number)), "".join(ending)


def forms(names: Iterable[str]) -> Forms:
    """Return the patterns for these placeholders."""
    return _forms(tuple(sorted({kind_and_number(name)[0] for name in names})))


def all_forms() -> Forms:
    """Return the patterns for the placeholders of every kind."""
    return _forms(tuple(sorted(KINDS)))


@lru_cache(maxsize=256)
def _forms(kinds: tuple[str, ...]) -> Forms:
    kind = f"((?a:{'|'.join(kinds)}))"
    inner = [
        rf"{re.escape(left)} ?{kind}{_INNER_GAP}({_NUMBER})({_ENDING}) ?{re.escape(right)}"
        for left, right in _BRACKETS
    ]
    outer = rf"(?<!\w){kind}{_OUTER_GAP}({_NUMBER})(?![\d_])"
    open_any = "|".join(re.escape(left) for left, _ in _BRACKETS)
    alike = [rf"(?:{open_any}) ?{kind}{_INNER_GAP}({_NUMBER})", rf"{kind}{_OUTER_GAP}({_NUMBER})"]
    begun = [_begun_inner(kinds, left, right) for left, right in _BRACKETS]
    begun.append(rf"(?<!\w){_begun(kinds, [_OUTER_BEGUN, f'{_NUMBER}'])}")
    flags = re.IGNORECASE
    return Forms(
        written=re.compile("|".join([*inner, outer]), flags),
        begun=re.compile(rf"(?:{'|'.join(begun)})\Z", flags),
        alike=re.compile("|".join(alike), flags),
    )


# What follows a kind, each part of which may still be missing at the end of a text.
_OUTER_BEGUN = r"(?:\\(?=\Z)|\\?_)"
_INNER_BEGUN = r"\\?[_ -]?"


def _begun_inner(kinds: tuple[str, ...], left: str, right: str) -> str:
    first = "".join(rf"(?:{re.escape(char)}" for char in left[1:])
    closing = _prefixes(right[:-1])
    rest = _begun(kinds, [_INNER_BEGUN, _NUMBER, _ENDING, " ?", closing])
    return rf"{re.escape(left[0])}{first}(?: ?(?:{rest})?)?{')?' * len(left[1:])}"


def _begun(kinds: tuple[str, ...], parts: list[str]) -> str:
    """Return a pattern for a kind, cut anywhere, or whole and followed by parts that may end."""
    cut = "|".join(_prefixes(kind) for kind in kinds)
    whole = "|".join(kinds)
    following = "".join(rf"(?:{part}" for part in parts) + ")?" * len(parts)
    return rf"(?:(?a:{whole}){following}|(?a:{cut})(?=\Z))"


def _prefixes(word: str) -> str:
    """Return a pattern for the beginnings of a word, at least one sign of it if it has any."""
    if not word:
        return ""
    nested = "".join(rf"(?:{re.escape(char)}" for char in word[1:])
    return f"{re.escape(word[0])}{nested}{')?' * (len(word) - 1)}"
