"""Which intents are commands for the home."""

from __future__ import annotations

_HOME_ASSISTANT = "Hass"


def is_home_intent(intent: str) -> bool:
    """Whether an intent is one of Home Assistant's."""
    return intent.startswith(_HOME_ASSISTANT)
