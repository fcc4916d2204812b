"""Which placeholder stands for a value: the same for the same value, and none that is text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge_runtime.routing.redaction.forms import kind_and_number, placeholder
from edge_runtime.routing.redaction.kinds import LITERAL
from edge_runtime.routing.redaction.words import folded

# Spaces, dashes and the like make no other number of these.
_NUMBERS = frozenset({"PHONE", "CARD", "IBAN", "SSN", "PASSPORT", "LICENSE", "ID", "MAC"})

Placeholders = dict[str, str]


def identity(kind: str, value: str) -> str:
    """Return what two values share that one placeholder stands for."""
    if kind in {"SECRET", LITERAL}:
        return f"={value}"
    if kind in _NUMBERS and (signs := "".join(filter(str.isalnum, value))):
        return signs.casefold()
    return " ".join(folded(value))


class Naming:
    """Gives placeholders to values and keeps the map of them.

    ``known`` is the map of the conversation so far; it stays as it is. A name that the text holds
    itself stands for itself in the map: it is given to nothing, and restored to nothing.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self.placeholders: Placeholders = dict(known)
        self._spelled: set[str] = set()
        self._by_value: dict[str, str] = {}
        self._last: dict[str, int] = {}
        for name, value in known.items():
            kind, number = kind_and_number(name)
            self._last[kind] = max(number, self._last.get(kind, 0))
            if value != name:
                self._by_value.setdefault(identity(kind, value), name)

    def reserve(self, names: Iterable[str]) -> None:
        """Take note of names in text that leaves as it is."""
        for name in names:
            self.placeholders.setdefault(name, name)

    def is_used(self, name: str) -> bool:
        """Whether a placeholder stands for a value."""
        return self.placeholders.get(name, name) != name

    def name(self, kind: str, value: str) -> str:
        """Return the placeholder of a value; the map spells it as the first place of the text."""
        key = identity(kind, value)
        name = self._by_value.get(key)
        if name is None:
            name = self._by_value[key] = self._new(kind)
        if name not in self._spelled:
            self._spelled.add(name)
            self.placeholders[name] = value
        return name

    def _new(self, kind: str) -> str:
        number = self._last.get(kind, 0) + 1
        while (name := placeholder(kind, number)) in self.placeholders:
            number += 1
        self._last[kind] = number
        return name
