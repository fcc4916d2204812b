"""Home commands: intent, spans and target to the slots that Home Assistant's intents take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edge_runtime.assistant.commands.names import Home
from edge_runtime.assistant.commands.slots import Slot, slot_values
from edge_runtime.assistant.commands.states import state_in
from edge_runtime.assistant.commands.words import EVERYWHERE
from edge_runtime.messages import Entity

_ASKS_STATE = re.compile(
    r"(is|are|any|all|which|what (?!is\b|are\b)|how many|do i have)", re.IGNORECASE
)
# Intents that mean the room of the listening device where neither a device nor a place is said.
_HERE = frozenset(
    "Hass" + name
    for name in (
        "TurnOn", "TurnOff", "LightSet", "SetPosition", "SetVolume", "ClimateGetTemperature",
        "MediaNext", "MediaPrevious", "MediaPause", "MediaUnpause", "MediaSearchAndPlay",
    )
)  # fmt: skip
_PLACES = ("name", "area", "floor")


def home_command(
    text: str,
    intent: str,
    spans: Sequence[Entity],
    target: str,
    context: Mapping[str, str],
    home: Home | None = None,
) -> dict[str, Slot]:
    """Return the slots of a command in Home Assistant's form.

    ``spans`` come from the head ``slots``; ``target`` is a label of the head ``target``, such as
    ``domain=fan;name=all``; ``context`` may hold the ``area`` of the listening device. Numbers are
    int or float, shares 0 to 100, times split into hours, minutes and seconds. What says no value
    of its slot is left out; of two spans for a slot the first counts, and the target before both.
    """
    slots: dict[str, Slot] = dict(read_target(target))
    known = {name: str(slots.get(name, "")) for name in ("domain", "device_class")}
    for span in spans:
        for name, value in slot_values(span.label, span.text, intent, **known, home=home).items():
            slots.setdefault(name, value)
    if intent == "HassGetState" and "state" not in slots and _ASKS_STATE.match(text):
        state = state_in(text, **known) if known["domain"] not in ("", "person") else None
        if state is not None:
            slots["state"] = state
    if intent in _HERE and "area" in context and _means_here(text, slots):
        slots["area"] = context["area"]
    return slots


def read_target(target: str) -> dict[str, str]:
    """Return slot to value of a label of the head ``target``; nothing for ``none``."""
    pairs = (part.partition("=") for part in target.split(";"))
    return {name: value for name, equals, value in pairs if equals}


def _means_here(text: str, slots: Mapping[str, Slot]) -> bool:
    if any(place in slots for place in _PLACES):
        return False
    return not any(words in text.lower() for words in EVERYWHERE)
