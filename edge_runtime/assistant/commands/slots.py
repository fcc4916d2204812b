"""One span of a home command to the values of slots."""

from __future__ import annotations

from edge_runtime.assistant.commands.names import Home
from edge_runtime.assistant.commands.numbers import spoken_number
from edge_runtime.assistant.commands.spoken_names import spoken_name
from edge_runtime.assistant.commands.states import canonical_state
from edge_runtime.assistant.commands.words import canonical_word

Slot = str | int | float

_SHARES = ("brightness", "volume_level", "position")
_UNITS = ("hours", "minutes", "seconds")
_NAMES = {"name": "devices", "area": "areas", "floor": "floors"}
_WORDS = ("color", "media_class", "domain", "device_class")


def slot_values(
    label: str,
    said: str,
    intent: str,
    *,
    domain: str = "",
    device_class: str = "",
    home: Home | None = None,
) -> dict[str, Slot]:
    """Return what a span says: usually one slot, two for "1.5 hours", none if it makes no sense.

    ``label`` is one of the head ``slots``; ``domain`` and ``device_class`` are what the command is
    aimed at, where known, and decide what "on" or "clear" means.
    """
    if label.removeprefix("start_") in _UNITS:
        return _times(label, said)
    value: Slot | None = said.strip()
    if label in _SHARES:
        value = _share(said)
    elif label == "temperature":
        value = spoken_number(said)
    elif label in _WORDS:
        value = canonical_word(label, said)
    elif label == "state":
        zone = said.strip() if domain == "person" else None
        value = canonical_state(said, domain, device_class) or zone
    elif label in _NAMES and not (label == "name" and "Timer" in intent):
        value = spoken_name(said, getattr(home or Home(), _NAMES[label]))
    return {} if value is None else {label: value}


def _share(said: str) -> int | float | None:
    level = canonical_word("level", said)
    value = spoken_number(said) if level is None else int(level)
    return value if value is not None and 0 <= value <= 100 else None  # noqa: PLR2004


def _times(label: str, said: str) -> dict[str, Slot]:
    """Return hours, minutes or seconds; a half is one of the next larger unit: 30 minutes."""
    value = spoken_number(said)
    if value is None or value < 0:
        return {}
    start = "start_" if label.startswith("start_") else ""
    unit = _UNITS.index(label.removeprefix("start_"))
    whole, part = int(value), round((value - int(value)) * 60)
    times: dict[str, Slot] = {label: whole} if whole or not part else {}
    if part and not whole and unit:
        times[label] = part
    elif part and unit + 1 < len(_UNITS):
        times[f"{start}{_UNITS[unit + 1]}"] = part
    return times
