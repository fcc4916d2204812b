"""A text whose private parts have become placeholders, and the map back."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edge_runtime.messages import Entity
from edge_runtime.routing.redaction.findings import Finding, united
from edge_runtime.routing.redaction.forms import ALIKE_SIGNS, Forms, all_forms, kind_and_number
from edge_runtime.routing.redaction.kinds import LITERAL
from edge_runtime.routing.redaction.naming import Naming, Placeholders
from edge_runtime.routing.redaction.occurrences import Occurrences

_SHORTEST_KNOWN = 3  # signs; shorter values of earlier turns would be found everywhere


@dataclass(frozen=True)
class Replacement:
    """``start`` and ``end`` in the text; ``at`` is where the placeholder stands instead."""

    start: int
    end: int
    at: int
    name: str


@dataclass(frozen=True)
class Redacted:
    """``text`` is what may leave; ``placeholders`` maps each placeholder to what it stands for.

    The map extends that of the conversation. ``replacements`` are those of this text, in order.
    """

    text: str
    placeholders: Placeholders = field(default_factory=dict)
    replacements: Sequence[Replacement] = ()

    def counts(self) -> list[str]:
        """Return what was taken out of this text, as ``KIND:count`` of different values."""
        names = dict.fromkeys(each.name for each in self.replacements)
        kinds = Counter(kind_and_number(name)[0] for name in names)
        return [f"{kind}:{count}" for kind, count in kinds.items()]

    def moved(self, entities: Iterable[Entity]) -> list[Entity]:
        """Return entities with spans of the redacted text.

        Those that were taken out, wholly or in part, carry their placeholder as text.
        """
        ends = [each.end for each in self.replacements]
        return [self._moved(entity, ends) for entity in entities]

    def _moved(self, entity: Entity, ends: list[int]) -> Entity:
        # the first replacement that ends behind the entity's start, and the one before it
        index = bisect.bisect_right(ends, entity.start)
        if index < len(ends) and self.replacements[index].start < entity.end:
            hit = self.replacements[index]
            end = hit.at + len(hit.name)
            return Entity(hit.at, end, entity.label, hit.name, entity.score)
        shift = 0
        if index:
            before = self.replacements[index - 1]
            shift = before.at + len(before.name) - before.end
        start, end = entity.start + shift, entity.end + shift
        return Entity(start, end, entity.label, entity.text, entity.score)


def redact(
    text: str, findings: Iterable[Finding], known: Mapping[str, str] | None = None
) -> Redacted:
    """Replace what was found, and the same values wherever else they stand, by placeholders.

    ``findings`` come in the order of their claim to characters that several want. ``known`` is the
    map of the conversation so far: its values are taken out too, and keep their placeholders. The
    same value in another letter case, or a number in other groups, has the same placeholder, which
    is restored as this text spells it first. Whatever the text holds that reads like a placeholder
    is restored as it was: its number is given to nothing else, or it becomes one itself.
    """
    naming = Naming(known or {})
    pieces = united(text, findings)
    pieces = _with(text, pieces, _again(text, pieces, naming).find(text, pieces))
    pieces = _with(text, pieces, _literal(text, pieces, naming))
    naming.reserve(Forms.parts(match)[0] for match in _alike(text, pieces))
    parts: list[str] = []
    replacements: list[Replacement] = []
    position = length = 0
    for piece in pieces:
        kept = text[position : piece.start]
        name = naming.name(piece.kind, text[piece.start : piece.end])
        parts += [kept, name]
        replacements.append(Replacement(piece.start, piece.end, length + len(kept), name))
        length += len(kept) + len(name)
        position = piece.end
    parts.append(text[position:])
    return Redacted("".join(parts), naming.placeholders, replacements)


def _with(text: str, pieces: list[Finding], more: list[Finding]) -> list[Finding]:
    return united(text, [*pieces, *more]) if more else pieces


def _again(text: str, pieces: list[Finding], naming: Naming) -> Occurrences:
    values = Occurrences()
    for piece in pieces:
        values.add(piece.kind, text[piece.start : piece.end])
    for name, value in naming.placeholders.items():
        kind, _ = kind_and_number(name)
        if value != name and kind != LITERAL and len(value) >= _SHORTEST_KNOWN:
            values.add(kind, value)
    return values


def _literal(text: str, pieces: list[Finding], naming: Naming) -> list[Finding]:
    """Return what reads like a placeholder that stands for something else already."""
    return [
        Finding(match.start(), match.end(), LITERAL)
        for match in _alike(text, pieces)
        if naming.is_used(Forms.parts(match)[0])
    ]


def _alike(text: str, pieces: list[Finding]) -> Iterator[re.Match[str]]:
    """Yield what might be read as a placeholder between the pieces."""
    if not any(sign in text for sign in ALIKE_SIGNS):
        return
    starts = [0, *(piece.end for piece in pieces)]
    ends = [*(piece.start for piece in pieces), len(text)]
    for start, end in zip(starts, ends, strict=True):
        yield from all_forms().alike.finditer(text, start, end)
