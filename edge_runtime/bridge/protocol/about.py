"""What a node says of itself, retained; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import DEFAULT_EXPIRY_S, JSON
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import MAX_PAYLOAD_BYTES, MAX_TEXT_BYTES, PROTOCOL_VERSION


def status_message(topics: NodeTopics, status: Literal["online", "offline"]) -> Message:
    """Return the message that says whether the node is there."""
    return Message(topic=topics.status, payload=status.encode(), retain=True)


def info_message(topics: NodeTopics, tasks: Sequence[str], info: Mapping[str, object]) -> Message:
    """Return the message that describes the node; ``info`` is what its handler says of itself."""
    content = {
        "v": PROTOCOL_VERSION,
        "tasks": tasks,
        "limits": {
            "text_bytes": MAX_TEXT_BYTES,
            "payload_bytes": MAX_PAYLOAD_BYTES,
            "default_expiry_s": DEFAULT_EXPIRY_S,
        },
        **info,
    }
    payload = msgspec.json.encode(content)
    return Message(topic=topics.info, payload=payload, retain=True, content_type=JSON)
