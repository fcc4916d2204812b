"""What stands in the place of a list in Home Assistant's templates."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from edge_export.train.home_names import AREAS, DEVICES, FLOORS, TEXTS
from edge_export.train.home_sensors import sensor_names
from edge_export.train.home_templates import Value, parse_template, say
from edge_runtime.assistant.commands.numbers import ONES, TENS
from edge_runtime.errors import ConfigError

_AS_WRITTEN = 0.25  # share of the names that keep their capitals
_IN_WORDS = 0.25  # share of the numbers
_ANY_DOMAIN = ("light", "light", "switch", "switch", "fan", "media_player", "input_boolean")
_STATEFUL = (*_ANY_DOMAIN, "lock", "climate", "vacuum", "sensor", "sensor", "sensor")
_ROUND = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 75, 80, 90)
_WILD = {
    "shopping_list_item": "item",
    "todo_list_item": "todo_item",
    "zone": "zone",
    "timer_name": "timer",
    "timer_command": "command",
    "message": "message",
    "search_query": "query",
}


class Filling:
    """Draws values for lists; ``lists`` are those of the templates, by name."""

    def __init__(self, lists: Mapping[str, Any]) -> None:
        self._lists = lists

    def draw(
        self, name: str, domains: Sequence[str], device_class: str | None, rng: random.Random
    ) -> tuple[str, Value]:
        """Return a value of the list as it is said and as it is meant.

        ``domains`` are those of the device that is named, ``device_class`` that of a sensor.

        Raises:
            ConfigError: there is no such list.
        """
        if name == "name":
            return _cased(rng.choice(_names(rng.choice(domains), device_class)), rng)
        if name in ("area", "floor"):
            return _cased(rng.choice(AREAS if name == "area" else FLOORS), rng)
        if name in _WILD:
            text = rng.choice(TEXTS[_WILD[name]])
            return text, text
        if name == "one":
            return rng.choice(("an", "an", "one", "1")), 1
        if name not in self._lists:
            raise ConfigError(f"the sentence templates have no list {{{name}}}")
        found = self._lists[name]
        if "range" in found:
            return _number(name, found["range"], rng)
        return _value(rng.choice(found["values"]), rng)


def named_domains(intent: str, excluded: Sequence[str]) -> tuple[str, ...]:
    """Return the domains whose devices an intent names where its template asks for none."""
    if "Climate" in intent:
        return ("climate",)
    domains = _STATEFUL if intent == "HassGetState" else _ANY_DOMAIN
    return tuple(domain for domain in domains if domain not in excluded)


def _names(domain: str, device_class: str | None) -> tuple[str, ...]:
    if domain in ("sensor", "binary_sensor"):
        return sensor_names(domain, device_class)
    if domain not in DEVICES:
        raise ConfigError(f"there are no names for devices of the domain {domain!r}")
    return DEVICES[domain]


def _cased(name: str, rng: random.Random) -> tuple[str, str]:
    return (name if rng.random() < _AS_WRITTEN else name.lower()), name


def _value(entry: object, rng: random.Random) -> tuple[str, Value]:
    said = entry["in"] if isinstance(entry, dict) else entry
    text, _ = say(parse_template(str(said)), {}, _no_list, rng)
    meant: Value = entry["out"] if isinstance(entry, dict) else text
    return text, meant


def _no_list(name: str) -> tuple[str, Value]:
    raise ConfigError(f"a value of a list names a list itself: {{{name}}}")


def _number(name: str, limits: Mapping[str, int], rng: random.Random) -> tuple[str, Value]:
    if name == "temperature":
        low, high = rng.choice(((16, 26), (16, 26), (60, 78), (limits["from"], limits["to"])))
        value = rng.randint(low, high) + (0.5 if rng.random() < 0.15 else 0)  # noqa: PLR2004
    elif rng.random() < 0.7:  # noqa: PLR2004 - what people say most
        value = rng.choice([n for n in (*_ROUND, 100) if limits["from"] <= n <= limits["to"]])
    else:
        value = rng.randint(limits["from"], limits["to"])
    whole = int(value) if value == int(value) else value
    return (_words(value) if rng.random() < _IN_WORDS else str(whole)), whole


def _words(value: float) -> str:
    whole = int(value)
    if whole >= 100:  # noqa: PLR2004
        words = "one hundred"
    elif whole < len(ONES):
        words = ONES[whole]
    else:
        words = TENS[whole // 10 - 2] + (f" {ONES[whole % 10]}" if whole % 10 else "")
    return words if value == whole else f"{words} point five"
