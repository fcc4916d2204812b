"""The words for the states of devices, as Home Assistant's English sentences have them."""

from __future__ import annotations

import re
from functools import lru_cache

_DETECTED = {"on": "detected/triggered/on", "off": "clear/not detected/not triggered"}
_OPEN = {"on": "open/opened", "off": "closed/shut/not open"}

_COVER = {
    "open": "open/opened",
    "closed": "closed/shut",
    "opening": "opening",
    "closing": "closing/shutting",
}
_LOCK = {"locked": "locked/securely locked", "unlocked": "unlocked"}
_SWITCH = {"on": "on", "off": "off/out"}

_BY_DOMAIN: dict[str, dict[str, str]] = {
    "": {**_SWITCH, **_COVER, **_LOCK},  # a device of which only the name is known
    "light": _SWITCH,
    "fan": _SWITCH,
    "switch": _SWITCH,
    "cover": _COVER,
    "lock": _LOCK,
    "person": {"home": "home/at home", "not_home": "away/not home/not at home"},
}

_BY_DEVICE_CLASS: dict[str, dict[str, str]] = {  # of binary sensors
    "battery": {"on": "low", "off": "normal/charged"},
    "battery_charging": {"on": "charging", "off": "not charging"},
    "carbon_monoxide": _DETECTED,
    "cold": {"on": "cold", "off": "normal"},
    "connectivity": {"on": "connected", "off": "disconnected/not connected"},
    "door": _OPEN,
    "garage_door": _OPEN,
    "gas": _DETECTED,
    "heat": {"on": "hot", "off": "normal"},
    "light": {"on": "detected", "off": "no light"},
    "lock": {"on": "unlocked", "off": "locked"},
    "moisture": {"on": "wet", "off": "dry"},
    "motion": _DETECTED,
    "occupancy": _DETECTED,
    "opening": _OPEN,
    "plug": {"on": "plugged in", "off": "unplugged/not plugged in"},
    "power": {
        "on": "powered/powered on/power detected",
        "off": "not powered/powered off",
    },
    "presence": {"on": "home/present", "off": "away/not home/not present/gone"},
    "problem": {"on": "detected", "off": "ok"},
    "running": {"on": "running", "off": "not running"},
    "safety": {"on": "unsafe", "off": "safe"},
    "smoke": _DETECTED,
    "sound": _DETECTED,
    "tamper": {"on": "detected/tampered with", "off": "clear"},
    "update": {"on": "update available", "off": "up to date/up-to-date"},
    "vibration": {"on": "detected/vibrating", "off": "clear/not vibrating"},
    "window": _OPEN,
}


def canonical_state(words: str, domain: str, device_class: str) -> str | None:
    """Return the state that ``words`` are the name of, None for words of no list.

    ``domain`` and ``device_class`` are Home Assistant's, empty where unknown.
    """
    return _table(domain, device_class).get(" ".join(words.lower().split()))


def state_in(text: str, domain: str, device_class: str) -> str | None:
    """Return the state whose words stand in the text, the longest and then the last; else None."""
    found: tuple[int, int, str] | None = None
    for words, state in _table(domain, device_class).items():
        for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text.lower()):
            found = max(found or (0, 0, ""), (len(words), match.start(), state))
    return None if found is None else found[2]


@lru_cache(maxsize=128)
def _table(domain: str, device_class: str) -> dict[str, str]:
    """Return words to state, of the most special list that there is."""
    if domain == "binary_sensor" and device_class in _BY_DEVICE_CLASS:
        states = _BY_DEVICE_CLASS[device_class]
    else:
        states = _BY_DOMAIN.get(domain, _BY_DOMAIN[""])
    return {word: state for state, words in states.items() for word in words.split("/")}
