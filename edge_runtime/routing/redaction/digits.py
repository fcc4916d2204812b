"""Runs of digits: cards, accounts, telephone and other numbers, told from dates and amounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from edge_runtime.routing.redaction.checks import CARD_SIZES, begins_card, is_card, is_isbn, is_ssn
from edge_runtime.routing.redaction.findings import Finding
from edge_runtime.routing.redaction.surroundings import is_amount, kind_after, kind_before

_RUN = re.compile(r"(?<!\w)(?:\(?\+)?\(?\d++(?:[ ./()\u2010-\u2013-]{1,2}+\d++)*+")
_GROUP = re.compile(r"\d+")
_EXTENSION = re.compile(r"(?i) ?(?:x|ext\.?|extension) ?\d{1,6}\b")
_DATES = re.compile(
    r"(?:\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./ ])\d{1,2}\2(?:19|20)\d{2})(?:[ T]\d{1,2})?"
    r"|\d{1,2}([-./])\d{1,2}\3\d{2}|(?:19|20)\d{2}[-\u2013/](?:19|20)?\d{2}"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])"
)
_US_PHONE = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
_FRENCH = re.compile(r"0\d(?:[ .-]\d{2}){4}")
_LOCAL = re.compile(r"[2-9]\d{2}[ -](?!19|20|\d{2}00)\d{4}")
_STEPS = frozenset({1, -1, 2, 5, 10, 100, 1000})  # in which people count

_LEAST = 5  # digits of a number that a word before it makes personal
_PHONE = range(7, 16)  # digits
_LEAST_TRUNK = 9  # digits of a telephone number that begins with 0
_LEAST_GROUPED = 8  # digits of one that is told by its groups alone
_LEAST_ID = 9
_FEW = 3  # groups that tell more than a number with a decimal point
_CERTAIN = frozenset({"SSN", "CARD", "PASSPORT", "LICENSE", "SECRET", "IBAN"})


@dataclass(frozen=True)
class _Run:
    """Groups of digits, as spans of the text; ``start`` may be a sign before the first."""

    text: str
    groups: list[tuple[int, int]]
    start: int

    @property
    def end(self) -> int:
        return self.groups[-1][1]

    @cached_property
    def written(self) -> str:
        return self.text[self.start : self.end]

    @cached_property
    def digits(self) -> str:
        return "".join(self.text[start:end] for start, end in self.groups)

    @cached_property
    def sizes(self) -> list[int]:
        return [end - start for start, end in self.groups]

    def part(self, first: int, last: int) -> _Run:
        start = self.groups[first][0] if first else self.start
        return _Run(self.text, self.groups[first:last], start)


def find_digits(text: str) -> Iterator[Finding]:
    """Yield numbers that lead to a person or an account."""
    for match in _RUN.finditer(text):
        start, end = match.span()
        if end - start < _LEAST:
            continue
        if text[start] == "(" and ")" not in match.group():
            start += 1
        groups = [group.span() for group in _GROUP.finditer(text, start, end)]
        yield from _split(_Run(text, groups, start))


def _split(run: _Run) -> Iterator[Finding]:
    """Yield the cards in a run, and what the digits between them are."""
    first = 0
    for start, stop in _cards(run):
        if start > first:
            yield from _number(run.part(first, start))
        yield Finding(run.groups[start][0], run.groups[stop - 1][1], "CARD")
        first = stop
    if first < len(run.groups):
        yield from _number(run.part(first, len(run.groups)))


def _cards(run: _Run) -> Iterator[tuple[int, int]]:
    first = 0
    while first < len(run.groups):
        stop = _card_from(run, first)
        if stop:
            yield first, stop
        first = stop or first + 1


def _card_from(run: _Run, first: int) -> int:
    """Return where the longest card ends that starts with a group; 0 where none does."""
    digits, found = "", 0
    if first == 0 and "+" in run.text[run.start : run.groups[0][0]]:
        return 0  # a telephone number, one in ten of which has a card's check digit
    for stop in range(first, len(run.groups)):
        digits += run.text[slice(*run.groups[stop])]
        if len(digits) >= CARD_SIZES.stop or not begins_card(digits):
            break
        if len(digits) in CARD_SIZES and is_card(digits):
            found = stop + 1
    return found


def _number(run: _Run) -> Iterator[Finding]:
    if len(run.digits) < _LEAST or _DATES.fullmatch(run.written.strip("()")):
        return
    named = kind_before(run.text, run.start) or kind_after(run.text, run.end)
    if is_ssn(run.written) and named in {None, "SSN", "ID"}:
        kind: str | None = "SSN"
    elif named in _CERTAIN:
        kind = named
    elif run.written[0] not in "+(" and is_amount(run.text, run.start, run.end):
        return
    elif named == "PHONE" and len(run.digits) >= _PHONE.stop:
        kind = "ID"
    else:
        kind = named or _unnamed(run)
    if kind is not None:
        extension = _EXTENSION.match(run.text, run.end) if kind == "PHONE" else None
        yield Finding(run.start, extension.end() if extension else run.end, kind)


def _unnamed(run: _Run) -> str | None:
    """Return the kind of a number that no word before it names."""
    if is_isbn(run.digits) or _counts(run):
        return None
    if _is_phone(run):
        return "PHONE"
    reads_otherwise = "." in run.written or (len(run.groups) > 1 and max(run.sizes) < _FEW)
    return "ID" if len(run.digits) >= _LEAST_ID and not reads_otherwise else None


def _is_phone(run: _Run) -> bool:
    """Whether a number reads like an international one, or one with a trunk or area code."""
    if len(run.digits) not in _PHONE:
        return False
    if "+" in run.written or _FRENCH.fullmatch(run.written):
        return True
    if _DATES.match(run.written):
        return False
    is_us = _US_PHONE.fullmatch(run.digits) and (len(run.sizes) == 1 or run.sizes[-1] == 4)  # noqa: PLR2004
    return bool(is_us) or ("." not in run.written and _has_form_of_phone(run))


def _has_form_of_phone(run: _Run) -> bool:
    size, sizes = len(run.digits), run.sizes
    if run.written.startswith(("0", "(0")):
        return size >= _LEAST_TRUNK
    # groups such as 72 128 827; pairs alone might be a list
    grouped = len(sizes) >= _FEW <= max(sizes) and min(sizes) > 1 and size >= _LEAST_GROUPED
    return grouped or set(sizes) == {1} or bool(_LOCAL.fullmatch(run.written))


def _counts(run: _Run) -> bool:
    """Whether somebody counts, as in 1 2 3 4 5 6 7 8 9 10, or names a round number."""
    if run.digits.endswith("000000") and not run.digits.startswith("0"):
        return True
    if len(run.groups) < _FEW or max(run.sizes) > _LEAST:
        return False
    numbers = [int(run.text[start:end]) for start, end in run.groups]
    steps = {after - before for before, after in pairwise(numbers)}
    return len(steps) == 1 and steps <= _STEPS
