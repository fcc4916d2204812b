"""Leak rates by type, and how many texts lose something for nothing, with Wilson intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harness.rates import Rate
from benchmarks.redaction.texts import Annotated
from benchmarks.redaction.ways import WAYS, Redacting
from edge_runtime.routing.redaction.kinds import IDENTIFYING, OF_LABEL, SHARED

OUTSIDE = "outside of all spans"


@dataclass(frozen=True)
class Leak:
    """What would leave of one type: spans with a letter or digit left, and these characters."""

    way: str
    label: str
    spans: Rate
    characters: Rate


@dataclass(frozen=True)
class Needless:
    """Texts of a set of commands that lose something; a few of them do name somebody."""

    way: str
    data: str
    texts: Rate


def leaks(redacting: Redacting, texts: Sequence[Annotated]) -> list[Leak]:
    """Return the leaks of each type and way.

    What identifies somebody has to go by default, what many share if the owner asks for all kinds.
    """
    return [
        leak
        for way in WAYS
        for kinds in (IDENTIFYING, SHARED | IDENTIFYING)
        for leak in _leaks(redacting, way, texts, kinds)
        if (OF_LABEL[leak.label] in IDENTIFYING) == (kinds == IDENTIFYING)
    ]


def taken_outside(redacting: Redacting, texts: Sequence[Annotated]) -> dict[str, Rate]:
    """Return for each way the letters and digits that go though they are in no span."""
    found = {}
    for way in WAYS:
        hits = n = 0
        for each in texts:
            inside = _covered(each.text, [span[:2] for span in each.spans])
            taken = _taken(redacting, way, each.text, IDENTIFYING)
            outside = [
                gone
                for char, private, gone in zip(each.text, inside, taken, strict=True)
                if char.isalnum() and not private
            ]
            hits, n = hits + sum(outside), n + len(outside)
        found[way] = Rate(hits, n)
    return found


def needless(redacting: Redacting, sets: Mapping[str, Sequence[str]]) -> list[Needless]:
    """Return how many texts of each set lose something by default, for each way."""
    found = []
    for way in WAYS:
        for name, texts in sets.items():
            changed = [redacting.redacted(way, text, IDENTIFYING).text != text for text in texts]
            found.append(Needless(way, name, _rate(changed)))
    return found


def _leaks(
    redacting: Redacting, way: str, texts: Sequence[Annotated], kinds: frozenset[str]
) -> list[Leak]:
    spans: dict[str, list[bool]] = defaultdict(list)
    characters: dict[str, list[bool]] = defaultdict(list)
    for each in texts:
        taken = _taken(redacting, way, each.text, kinds)
        for start, end, label in each.spans:
            left = [not taken[at] for at in range(start, end) if each.text[at].isalnum()]
            spans[label].append(any(left))
            characters[label] += left
    return [
        Leak(way, label, _rate(spans[label]), _rate(characters[label])) for label in sorted(spans)
    ]


def _rate(hits: Sequence[bool]) -> Rate:
    return Rate(sum(hits), len(hits))


def _taken(redacting: Redacting, way: str, text: str, kinds: frozenset[str]) -> list[bool]:
    redacted = redacting.redacted(way, text, kinds)
    return _covered(text, [(each.start, each.end) for each in redacted.replacements])


def _covered(text: str, spans: Sequence[tuple[int, int]]) -> list[bool]:
    covered = [False] * len(text)
    for start, end in spans:
        covered[start:end] = [True] * (end - start)
    return covered
