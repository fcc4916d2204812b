"""The message that tells the owner's topic of a home command; pure."""

from __future__ import annotations

import math

import msgspec

from edge_runtime.assistant.commands.intents import is_home_intent
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.messages import PROTOCOL_VERSION, Answer

_EXPIRY_S = 60  # a light that goes on an hour later helps nobody


def command_message(answer: Answer, incoming: Incoming, topic: str, now: float) -> Message | None:
    """Return the message for a home command that this device is sure of, else None.

    Never for what a cloud said, nor where the request asked for privacy ``local``. ``now`` is in
    seconds since the epoch.
    """
    command = (answer.result or {}).get("command")
    if not isinstance(command, dict) or not command.get("sure"):
        return None
    if answer.source != "local" or answer.status != "ok" or not is_home_intent(command["intent"]):
        return None
    if incoming.request.policy.privacy == "local":
        return None
    left_s = _EXPIRY_S
    if incoming.route.expires is not None:
        left_s = min(left_s, max(1, math.ceil(incoming.route.expires - now)))
    payload = {
        "v": PROTOCOL_VERSION,
        "id": answer.id,
        "client": incoming.route.client,
        **{name: command[name] for name in ("intent", "slots", "speech")},
        "confidence": answer.confidence,
    }
    return Message(
        topic=topic, payload=msgspec.json.encode(payload), expiry_s=left_s, content_type=JSON
    )
