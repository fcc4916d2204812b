"""Streamed pieces of an answer, as they are written; the final answer comes whole all the same.

Pieces are provisional: the final answer, which alone is checked as a whole, may say something else,
or be an error.
"""

from __future__ import annotations

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON, Route
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import Request

STREAM = "stream"

_EXPIRY_S = 60


class Part(msgspec.Struct, frozen=True):
    """One piece: ``seq`` counts from 0, and pieces may be lost, so a gap in it tells of a loss.

    ``id`` is that of the request. Another 0 begins anew: what came before belongs to an attempt
    that failed.
    """

    id: str
    seq: int
    delta: str


class ReplyPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One piece on its way from a worker to the node; ``id`` is that of the escalation.

    ``stream`` is a name that the worker makes up for each attempt: those of two are never mixed.
    """

    id: str
    seq: int
    delta: str
    stream: str = ""


def is_streamed(request: Request) -> bool:
    """Whether whoever asks wants pieces: the option ``stream``."""
    return request.options.get(STREAM) is True


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


def reply_part_message(topics: NodeTopics, part: ReplyPart) -> Message:
    """Return the message that carries a piece from a worker to the node."""
    return Message(
        topic=topics.reply_parts,
        payload=msgspec.json.encode(part),
        qos=0,
        correlation=bytes.fromhex(part.id),
        expiry_s=_EXPIRY_S,
        content_type=JSON,
    )


def read_part(payload: bytes) -> ReplyPart | None:
    """Return the piece that a worker has sent, None where the message holds none."""
    try:
        return msgspec.json.decode(payload, type=ReplyPart)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
