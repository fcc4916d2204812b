"""What a device says to a command, worded as what is asked: it does not act itself."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from edge_runtime.assistant.commands.slots import Slot
from edge_runtime.assistant.commands.speech_table import ASSISTANT, HOME, KINDS_BY_VERB, VERBS
from edge_runtime.assistant.commands.words import INITIALISMS

_UNITS = ("hours", "minutes", "seconds")
_MAY_BE_EMPTY = ("where", "on_device", "of_device")
_NO_PREPOSITION = ("upstairs", "downstairs", "outside")


def home_speech(text: str, intent: str, slots: Mapping[str, Slot]) -> str | None:
    """Return the sentence for a home command, None where a slot that it needs is missing."""
    return _first(HOME.get(intent, ()), {**slots, **_phrases(text, intent, slots)})


def assistant_speech(command: str, slots: Mapping[str, Slot]) -> str | None:
    """Return the sentence for an assistant command, None for what is no command."""
    return _first(ASSISTANT.get(command, ()), slots)


def _first(sentences: tuple[str, ...], fields: Mapping[str, Slot]) -> str | None:
    for sentence in sentences:
        with contextlib.suppress(KeyError):
            return sentence.format_map(fields)
    return None


def _phrases(text: str, intent: str, slots: Mapping[str, Slot]) -> dict[str, str]:
    """Return the parts of sentences that slots make."""
    name = "" if slots.get("name") == "all" else _spoken(str(slots.get("name", "")))
    phrases: dict[str, str] = {
        "what": _what(intent, slots, name),
        "where": _where(slots),
        "on_device": f" on the {name}" if name else "",
        "of_device": f" of the {name}" if name else "",
        "timer": _timer(slots),
        "verb": _verb(text, intent, slots),
        "when": _duration(slots, ""),
    }
    if name:
        phrases["called"] = str(slots["name"])
    return {part: words for part, words in phrases.items() if words or part in _MAY_BE_EMPTY}


def _what(intent: str, slots: Mapping[str, Slot], name: str) -> str:
    domain = str(slots.get("domain", ""))
    if name:
        return name if domain == "person" else f"the {name}"
    kind = str(slots.get("device_class", domain)).replace("_", " ")
    if intent == "HassGetState" and domain in ("binary_sensor", "sensor"):
        return f"the {kind} sensors"
    if intent == "HassGetState" and domain == "person":
        return "who is there"
    if not kind:
        return "the lights" if intent == "HassLightSet" else ""
    every = "all " if slots.get("name") == "all" else ""
    return f"{every}the {kind}{'es' if kind.endswith('ch') else 's'}"


def _where(slots: Mapping[str, Slot]) -> str:
    place = _spoken(str(slots.get("area", slots.get("floor", ""))))
    if not place:
        return ""
    if place in _NO_PREPOSITION:
        return f" {place}"
    return f" in the {place}" if "area" in slots or "floor" not in place else f" on the {place}"


def _timer(slots: Mapping[str, Slot]) -> str:
    names = (slots.get("name"), _spoken(str(slots.get("area", ""))), _duration(slots, "start_"))
    return f"the {next((f'{name} ' for name in names if name), '')}timer"


def _verb(text: str, intent: str, slots: Mapping[str, Slot]) -> str:
    kind = str(slots.get("domain", ""))
    if not kind:
        words = re.findall(r"[a-z]+", text.lower())
        kind = next((KINDS_BY_VERB[word] for word in words if word in KINDS_BY_VERB), "")
    return VERBS.get(kind, VERBS[""])[intent == "HassTurnOff"]


def _duration(slots: Mapping[str, Slot], start: str) -> str:
    times = [(unit, slots[start + unit]) for unit in _UNITS if start + unit in slots]
    if start:
        return " ".join(f"{value} {unit.removesuffix('s')}" for unit, value in times)
    parts = [f"{value} {unit.removesuffix('s') if value == 1 else unit}" for unit, value in times]
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)


def _spoken(name: str) -> str:
    return " ".join(
        word.lower() if word.istitle() and word.lower() not in INITIALISMS else word
        for word in name.split()
    )
