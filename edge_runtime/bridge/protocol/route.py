"""Where an answer goes, and the messages that carry it there or ask a worker for it."""

from __future__ import annotations

import math

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import PROTOCOL_VERSION, Answer, Escalation, encode

JSON = "application/json"
DEFAULT_EXPIRY_S = 3600


class Route(msgspec.Struct, frozen=True):
    """Who asked, and how to reach them; kept on disk with an escalation.

    ``expires`` is when the request's MQTT expiry ends, in seconds since the epoch.
    """

    client: str
    topic: str
    request_id: str = ""
    correlation: bytes | None = None
    expires: float | None = None
    protocol: int = PROTOCOL_VERSION

    @property
    def key(self) -> bytes:
        """What tells requests of a client apart: the correlation, on MQTT 3.1.1 the id."""
        return self.request_id.encode() if self.correlation is None else self.correlation


def response(answer: Answer, route: Route, now: float) -> Message:
    """Return the message for an answer; ``now`` is in seconds since the epoch.

    It carries what is left of the request's expiry, at least one second, else the default.
    """
    left_s = DEFAULT_EXPIRY_S
    if route.expires is not None:
        left_s = max(1, math.ceil(route.expires - now))
    return Message(
        topic=route.topic,
        payload=encode(answer),
        correlation=route.correlation,
        expiry_s=left_s,
        content_type=JSON,
        properties=(
            ("status", answer.code),
            ("source", answer.source),
            ("protocol", str(route.protocol)),
        ),
    )


def escalation_message(escalation: Escalation, topics: NodeTopics, expiry_s: int) -> Message:
    """Return the message that asks a worker in the name of a node."""
    return Message(
        topic=topics.escalations,
        payload=encode(escalation),
        response_topic=topics.replies,
        correlation=bytes.fromhex(escalation.id),
        expiry_s=expiry_s,
        content_type=JSON,
    )
