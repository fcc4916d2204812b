"""Redaction: identifying parts of a text become placeholders, and come back in the answer."""

from __future__ import annotations

import ipaddress
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


def redact(text: str, entities: Iterable[Entity]) -> Redacted:
    """Replace people's names and identifying numbers; equal values share a placeholder.

    The entities come back with spans of the redacted text; those that were taken out carry their
    placeholder as text.
    """
    entities = list(entities)
    findings = _resolve(text, entities)
    placeholders: dict[str, str] = {}
    by_value: dict[tuple[str, str], str] = {}
    parts: list[str] = []
    moved: list[tuple[_Finding, int, str]] = []
    position = 0
    for finding in findings:
        value = text[finding.start : finding.end]
        key = (finding.kind, value.casefold())
        if key not in by_value:
            by_value[key] = _fresh(finding.kind, text, placeholders)
            placeholders[by_value[key]] = value
        parts.append(text[position : finding.start])
        moved.append((finding, sum(map(len, parts)), by_value[key]))
        parts.append(by_value[key])
        position = finding.end
    redacted = "".join([*parts, text[position:]])
    return Redacted(redacted, placeholders, list(_moved(entities, moved)))


def restore(text: str, placeholders: dict[str, str]) -> str:
    """Put the originals back; tolerates another letter case and missing angle brackets."""
    if not placeholders:
        return text
    by_name = {name[1:-1].upper(): value for name, value in placeholders.items()}
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    pattern = re.compile(rf"<({names})>|(?<![\w<])({names})(?!\w)", re.IGNORECASE)
    return pattern.sub(lambda match: by_name[(match[1] or match[2]).upper()], text)


def _fresh(kind: str, text: str, taken: dict[str, str]) -> str:
    number = 1
    while f"<{kind}_{number}>" in taken or f"{kind}_{number}" in text.upper():
        number += 1
    return f"<{kind}_{number}>"


def _moved(entities: list[Entity], moved: list[tuple[_Finding, int, str]]) -> Iterator[Entity]:
    for entity in entities:
        hit = next((m for m in moved if m[0].start < entity.end and entity.start < m[0].end), None)
        if hit is not None:
            _, start, name = hit
            yield Entity(start, start + len(name), entity.label, name, entity.score)
            continue
        shift = sum(
            len(name) - (finding.end - finding.start)
            for finding, _, name in moved
            if finding.end <= entity.start
        )
        start, end = entity.start + shift, entity.end + shift
        yield Entity(start, end, entity.label, entity.text, entity.score)


def _resolve(text: str, entities: list[Entity]) -> list[_Finding]:
    """Return findings in order without overlap; patterns win over names, longer over shorter."""
    found = [
        _Finding(match.start(), match.start() + length, kind)
        for kind, pattern, measure in _PATTERNS
        for match in pattern.finditer(text)
        if (length := measure(match.group()))
    ]
    names = [
        _Finding(entity.start, entity.end, _ENTITY_LABELS[entity.label])
        for entity in entities
        if entity.label in _ENTITY_LABELS
    ]
    kept: list[_Finding] = []
    for finding in [*found, *names]:
        if all(finding.end <= other.start or other.end <= finding.start for other in kept):
            kept.append(finding)
    return sorted(kept, key=lambda finding: finding.start)


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
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{2,4}){3,8}\b", re.IGNORECASE), _iban),
    ("CARD", re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), _luhn),
    ("IP", re.compile(rf"(?<![\w.:])(?:{_IPV4}|{_IPV6})(?![\w:])", re.IGNORECASE), _ip),
    ("SSN", re.compile(r"\b\d{3}-\d{2}-\d{4}\b"), len),
    ("PHONE", re.compile(r"(?<![\w.])(?:\+|00)?\(?\d(?:[ ./()-]{0,2}\d){6,30}(?!\w)"), _phone),
]
