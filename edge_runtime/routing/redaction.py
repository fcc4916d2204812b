"""Redaction: identifying parts of a text become placeholders, and come back in the answer."""

from __future__ import annotations

import bisect
import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from edge_runtime.messages import Entity

_ENTITY_LABELS = {"PERSON": "PERSON"}  # label of the entities head -> kind of placeholder


@dataclass(frozen=True)
class Redacted:
    """``text`` is what may leave; ``placeholders`` maps each placeholder to what it stands for."""

    text: str
    placeholders: dict[str, str]
    entities: list[Entity]

    def counts(self) -> list[str]:
        """Return what was taken out, as ``KIND:count``."""
        kinds = [name[1:-1].rsplit("_", 1)[0] for name in self.placeholders]
        return [f"{kind}:{kinds.count(kind)}" for kind in dict.fromkeys(kinds)]


@dataclass(frozen=True)
class _Finding:
    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class _Replacement:
    """``start`` and ``end`` in the text; ``at`` is where the placeholder stands instead."""

    start: int
    end: int
    at: int
    name: str


def redact(text: str, entities: Iterable[Entity]) -> Redacted:
    """Replace people's names and identifying numbers; equal values share a placeholder.

    The entities come back with spans of the redacted text; those that were taken out carry their
    placeholder as text.
    """
    entities = list(entities)
    names = _Names(text)
    parts: list[str] = []
    replacements: list[_Replacement] = []
    position = length = 0
    for finding in _findings(text, entities):
        between = text[position : finding.start]
        name = names.placeholder(finding.kind, text[finding.start : finding.end])
        parts += [between, name]
        at = length + len(between)
        replacements.append(_Replacement(finding.start, finding.end, at, name))
        length = at + len(name)
        position = finding.end
    redacted = "".join([*parts, text[position:]])
    return Redacted(redacted, names.values, list(_moved(entities, replacements)))


def restore(text: str, placeholders: dict[str, str]) -> str:
    """Put the originals back; tolerates another letter case and missing angle brackets."""
    if not placeholders:
        return text
    by_name = {name[1:-1].upper(): value for name, value in placeholders.items()}
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    pattern = re.compile(rf"<({names})>|(?<![\w<])({names})(?!\w)", re.IGNORECASE)
    return pattern.sub(lambda match: by_name[(match[1] or match[2]).upper()], text)


class _Names:
    """Gives placeholders to values; none that the text already holds."""

    def __init__(self, text: str) -> None:
        self.values: dict[str, str] = {}
        self._by_value: dict[tuple[str, str], str] = {}
        self._last: dict[str, int] = {}
        self._text = text.upper()

    def placeholder(self, kind: str, value: str) -> str:
        key = (kind, value.casefold())
        if key not in self._by_value:
            number = self._last.get(kind, 0) + 1
            while f"{kind}_{number}" in self._text:
                number += 1
            self._last[kind] = number
            self._by_value[key] = f"<{kind}_{number}>"
            self.values[self._by_value[key]] = value
        return self._by_value[key]


def _moved(entities: list[Entity], replacements: list[_Replacement]) -> Iterator[Entity]:
    ends = [each.end for each in replacements]
    for entity in entities:
        # the first replacement that ends behind the entity's start, and the one before it
        index = bisect.bisect_right(ends, entity.start)
        if index < len(replacements) and replacements[index].start < entity.end:
            hit = replacements[index]
            end = hit.at + len(hit.name)
            yield Entity(hit.at, end, entity.label, hit.name, entity.score)
            continue
        shift = 0
        if index:
            before = replacements[index - 1]
            shift = before.at + len(before.name) - before.end
        start, end = entity.start + shift, entity.end + shift
        yield Entity(start, end, entity.label, entity.text, entity.score)


def _findings(text: str, entities: list[Entity]) -> Iterator[_Finding]:
    """Yield what has to go, in order and without overlap.

    Where findings overlap, the more specific kind has the characters, and what is left of the
    other goes as well.
    """
    found = [
        _Finding(entity.start, entity.end, _ENTITY_LABELS[entity.label])
        for entity in entities
        if entity.label in _ENTITY_LABELS
    ]
    found += [
        _Finding(match.start(), match.start() + length, kind)
        for kind, pattern, measure in reversed(_PATTERNS)
        for match in pattern.finditer(text)
        if (length := measure(match.group()))
    ]
    owners = [-1] * len(text)
    for number, finding in enumerate(found):
        owners[finding.start : finding.end] = [number] * (finding.end - finding.start)
    start = 0
    for number, run in itertools.groupby(owners):
        end = start + sum(1 for _ in run)
        piece = text[start:end]
        if number >= 0 and any(char.isalnum() for char in piece):
            left = start + len(piece) - len(piece.lstrip())
            yield _Finding(left, left + len(piece.strip()), found[number].kind)
        start = end


def _luhn(value: str) -> int:
    digits = [int(char) for char in value if char.isdigit()]
    doubled = (d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2])  # noqa: PLR2004
    return len(value) if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else 0


def _iban(value: str) -> int:
    """ISO 13616: moved to the front and read as a number, it leaves 1 modulo 97.

    The words after it may look like more groups of it, so they are taken off one by one.
    """
    while len(compact := "".join(value.split()).upper()) >= 15:  # noqa: PLR2004 - the shortest
        number = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
        if int(number) % 97 == 1:
            return len(value)
        value = value.rpartition(" ")[0]
    return 0


def _ip(value: str) -> int:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return 0
    return len(value)


def _phone(value: str) -> int:
    """Any longer number is taken out: with seven digits or more it may lead to a person."""
    digits = sum(char.isdigit() for char in value)
    return len(value) if digits >= 7 and not _ISO_DATE.fullmatch(value) else 0  # noqa: PLR2004


_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_IPV6 = r"[0-9a-f]*:[0-9a-f:]*:[0-9a-f:]*"

# Most specific first; each with how much of the match counts, 0 for a false alarm. No pattern may
# start inside of what it can match, so that the time stays linear in the length of the text.
_PATTERNS: list[tuple[str, re.Pattern[str], Callable[[str], int]]] = [
    ("EMAIL", re.compile(r"(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"), len),
    ("IBAN", re.compile(r"(?ia)\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{2,4}){3,8}\b"), _iban),
    ("CARD", re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), _luhn),
    ("IP", re.compile(rf"(?<![\w.:])(?:{_IPV4}|{_IPV6})(?![\w:])", re.IGNORECASE), _ip),
    ("SSN", re.compile(r"\b\d{3}-\d{2}-\d{4}\b"), len),
    ("PHONE", re.compile(r"(?<![\w.])(?:\+|00)?\(?\d(?:[ ./()-]{0,2}\d){6,30}(?!\w)"), _phone),
]
