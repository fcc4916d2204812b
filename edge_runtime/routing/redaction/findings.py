"""What has to leave a text: spans of patterns and of heads, united without gaps at their edges."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from edge_runtime.messages import Entity
from edge_runtime.routing.redaction.kinds import IDENTIFYING, OF_LABEL
from edge_runtime.routing.redaction.words import at_tokens, at_words

_SURE = 0.8  # a calibrated probability
_ADDRESS = "ADDRESS"
# what is left of "030 1234-Office" once the number is taken
_LINE = re.compile(r"(?i)[\W_]*(?:office|fax|mobile|cell|home|work|phone|tel)[\W_]*")
_PARTS_OF_ADDRESS = {"ZIP", "PLACE", "ID", "PHONE"}  # the last two: numbers of houses


@dataclass(frozen=True)
class Finding:
    """The characters from ``start`` to ``end``, exclusive, are of a kind."""

    start: int
    end: int
    kind: str


def of_entities(
    text: str, entities: Iterable[Entity], kinds: Collection[str] = IDENTIFYING
) -> list[Finding]:
    """Return the spans of heads that are of these kinds, widened to whole words.

    What is a name to one head and surely a title, product or event to the other is nobody's.
    """
    named = [(each, OF_LABEL.get(each.label)) for each in entities if each.start < each.end]
    titles = [each for each, kind in named if kind is None and each.score >= _SURE]
    wanted = [
        (each, kind)
        for each, kind in named
        if kind in kinds and not (kind == "PERSON" and _is_within(each, titles))
    ]
    if not wanted:
        return []
    widened = at_words(text)
    return [Finding(*widened(each.start, each.end), kind) for each, kind in wanted if kind]


def _is_within(name: Entity, titles: list[Entity]) -> bool:
    return any(
        each.start <= name.start and name.end <= each.end and name.score < each.score
        for each in titles
    )


def united(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in order, without overlap and cut at no word.

    Addresses that overlap are one, and so are their parts with them. Where others overlap, the
    first one given has the characters; what is left of the rest goes as well, as far as it holds a
    letter or digit.
    """
    inside = [
        (max(each.start, 0), min(each.end, len(text)), each.kind)
        for each in findings
        if max(each.start, 0) < min(each.end, len(text))
    ]
    if not inside:
        return []
    widened = at_tokens(text)
    given = _whole_addresses([Finding(*widened(start, end), kind) for start, end, kind in inside])
    owners = [-1] * len(text)
    for number in range(len(given) - 1, -1, -1):
        each = given[number]
        owners[each.start : each.end] = [number] * (each.end - each.start)
    return [
        found
        for start, end, number in _runs(owners)
        if (found := _trimmed(text, start, end, given[number])) is not None
    ]


def _whole_addresses(findings: list[Finding]) -> list[Finding]:
    """Return the findings with overlapping addresses as one, and without what is part of them.

    A pattern finds the street in what a head takes for an address with its town: left as they are,
    they would leave as four placeholders.
    """
    addresses = [each for each in findings if each.kind == _ADDRESS]
    if not addresses:
        return findings
    wholes: list[Finding] = []
    others: list[Finding] = []
    for each in [*addresses, *(each for each in findings if each.kind != _ADDRESS)]:
        over = [whole for whole in wholes if each.start < whole.end and whole.start < each.end]
        if each.kind == _ADDRESS or (each.kind in _PARTS_OF_ADDRESS and over):
            start = min(part.start for part in (each, *over))
            end = max(part.end for part in (each, *over))
            wholes = [whole for whole in wholes if whole not in over]
            wholes.append(Finding(start, end, _ADDRESS))
        else:
            others.append(each)
    certain = set(findings[: findings.index(addresses[0])]) & set(others)
    return [
        *(each for each in others if each in certain),
        *wholes,
        *(each for each in others if each not in certain),
    ]


def _runs(owners: list[int]) -> Iterator[tuple[int, int, int]]:
    start = 0
    for number, run in itertools.groupby(owners):
        end = start + sum(1 for _ in run)
        if number >= 0:
            yield start, end, number
        start = end


def _trimmed(text: str, start: int, end: int, of: Finding) -> Finding | None:
    """Return a piece of a finding without the white space around it; None if nothing is left."""
    piece = text[start:end]
    is_whole = (start, end) == (of.start, of.end)
    if not piece.strip() or not (is_whole or any(char.isalnum() for char in piece)):
        return None
    if not is_whole and of.kind == "PHONE" and _LINE.fullmatch(piece):
        return None
    left = start + len(piece) - len(piece.lstrip())
    return Finding(left, left + len(piece.strip()), of.kind)
