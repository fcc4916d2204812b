"""Facts that the node tells anybody who may listen, without a user's text; pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import PROTOCOL_VERSION

_EXPIRY_S = 3600


def event_message(topics: NodeTopics, kind: str, facts: Mapping[str, object]) -> Message:
    """Return the message that tells a fact."""
    return Message(
        topic=topics.event(kind),
        payload=msgspec.json.encode({"v": PROTOCOL_VERSION, "type": kind, **facts}),
        content_type=JSON,
        expiry_s=_EXPIRY_S,
    )
