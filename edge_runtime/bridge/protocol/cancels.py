"""How a node withdraws an escalation, so that no worker works for nothing."""

from __future__ import annotations

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import PROTOCOL_VERSION

_EXPIRY_S = 60  # a worker that comes later was not asked


class Cancel(msgspec.Struct, frozen=True):
    """What is withdrawn: ``id`` is that of the escalation."""

    id: str
    v: int = PROTOCOL_VERSION


def cancel_message(topics: NodeTopics, escalation_id: str) -> Message:
    """Return the message that tells all workers; the one that has the escalation drops it."""
    return Message(
        topic=topics.escalation_cancels,
        payload=msgspec.json.encode(Cancel(escalation_id)),
        expiry_s=_EXPIRY_S,
        content_type=JSON,
    )


def read_cancel(payload: bytes) -> Cancel | None:
    """Return what is withdrawn, None where that cannot be told."""
    try:
        return msgspec.json.decode(payload, type=Cancel)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
