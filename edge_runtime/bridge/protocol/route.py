"""Where an answer goes, and the messages that carry it there or ask a worker for it."""

from __future__ import annotations

import math

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.protocol.trace import TRACE
from edge_runtime.messages import PROTOCOL_VERSION, Answer, Escalation, encode

JSON = "application/json"
DEFAULT_EXPIRY_S = 3600


class Route(msgspec.Struct, frozen=True):
    """Who asked, and how to reach them; kept on disk with an escalation.

    ``expires`` is when the request's MQTT expiry ends, in seconds since the epoch; ``traceparent``
    names the trace of whoever asked.
    """

    client: str
    topic: str
    request_id: str = ""
    correlation: bytes | None = None
    expires: float | None = None
    protocol: int = PROTOCOL_VERSION
    traceparent: str | None = None

    @property
    def key(self) -> bytes:
        """What tells requests of a client apart: the correlation, on MQTT 3.1.1 the id."""
        return self.request_id.encode() if self.correlation is None else self.correlation


def response(answer: Answer, route: Route, now: float) -> Message:
    """Return the message for an answer; ``now`` is in seconds since the epoch.

    It carries what is left of the request's expiry, at least one second, else the default.
    """
    return encoded_response(encode(traced(answer, route)), answer.code, answer.source, route, now)


def encoded_response(payload: bytes, code: str, source: str, route: Route, now: float) -> Message:
    """Return the message for an answer that is encoded already."""
    left_s = DEFAULT_EXPIRY_S
    if route.expires is not None:
        left_s = max(1, math.ceil(route.expires - now))
    return Message(
        topic=route.topic,
        payload=payload,
        correlation=route.correlation,
        expiry_s=left_s,
        content_type=JSON,
        properties=(
            ("status", code),
            ("source", source),
            ("protocol", str(route.protocol)),
            *trace_of(route),
        ),
    )


def traced(answer: Answer, route: Route) -> Answer:
    """Return the answer with the trace of whoever asked: MQTT 3.1.1 has no user properties."""
    if route.traceparent is None:
        return answer
    return msgspec.structs.replace(answer, traceparent=route.traceparent)


def trace_of(route: Route) -> tuple[tuple[str, str], ...]:
    """Return the user property that passes the trace on, if there is one."""
    return () if route.traceparent is None else ((TRACE, route.traceparent),)


def escalation_message(
    escalation: Escalation,
    topics: NodeTopics,
    expiry_s: int,
    trace: tuple[tuple[str, str], ...] = (),
) -> Message:
    """Return the message that asks a worker in the name of a node; ``trace`` is of ``trace_of``.

    The trace also stands in the JSON, since the link of the node or the worker may be MQTT 3.1.1.
    """
    said = msgspec.structs.replace(escalation, traceparent=dict(trace).get(TRACE))
    return Message(
        topic=topics.escalations,
        payload=encode(said),
        response_topic=topics.replies,
        correlation=bytes.fromhex(escalation.id),
        expiry_s=expiry_s,
        content_type=JSON,
        properties=trace,
    )
