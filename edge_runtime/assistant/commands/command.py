"""The command that a text gives, if it gives one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from edge_runtime.assistant.commands.slots import Slot
from edge_runtime.assistant.commands.speech import assistant_speech, home_speech
from edge_runtime.messages import Entity


class Command(msgspec.Struct, frozen=True):
    """``result.command`` of an answer: what to do, and what to say to it.

    ``sure`` is False where the text may mean something else: then ask before acting.
    """

    intent: str
    slots: Mapping[str, Slot]
    speech: str
    sure: bool


def home_instruction(
    text: str, intent: str, slots: Mapping[str, Slot], *, sure: bool
) -> Command | None:
    """Return the command of slots from ``home_command``; None when one that it needs is missing."""
    speech = home_speech(text, intent, slots)
    return None if speech is None else Command(intent, slots, speech, sure)


def assistant_instruction(label: str, spans: Sequence[Entity]) -> Command | None:
    """Return the command of the head ``command``; None for questions and small talk.

    Its slots are the spans as they are said, of each label the first.
    """
    slots: dict[str, Slot] = {span.label: span.text for span in reversed(spans)}
    speech = assistant_speech(label, slots)
    return None if speech is None else Command(label, slots, speech, sure=True)
