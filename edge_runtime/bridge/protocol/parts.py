"""Streamed pieces of an answer, as they are written; the final answer comes whole all the same."""

from __future__ import annotations

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON, Route

_EXPIRY_S = 60


class Part(msgspec.Struct, frozen=True):
    """One piece: ``seq`` counts from 0, and pieces may be lost, so a gap in it tells of a loss.

    ``id`` is that of the request, and between worker and node that of the escalation.
    """

    id: str
    seq: int
    delta: str


def part_message(route: Route, seq: int, delta: str) -> Message:
    """Return the message that carries a piece to whoever asked, below the topic of the answer."""
    return Message(
        topic=f"{route.topic}/part",
        payload=msgspec.json.encode(Part(route.request_id, seq, delta)),
        qos=0,
        correlation=route.correlation,
        expiry_s=_EXPIRY_S,
        content_type=JSON,
    )
