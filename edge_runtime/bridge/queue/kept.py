"""What is remembered of a request: its answer, byte for byte, or that it will come."""

from __future__ import annotations

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route, encoded_response, traced
from edge_runtime.messages import Answer, encode

Key = tuple[str, bytes, bytes]
"""Client, correlation or id, and digest of what was asked."""


class Kept(msgspec.Struct, frozen=True):
    """A final answer as it was or will be sent; ``code`` is its status on the wire."""

    payload: bytes
    code: str
    source: str

    @classmethod
    def of(cls, answer: Answer, route: Route | None = None) -> Kept:
        """Return what is to be kept of an answer; ``route`` is that of the request."""
        answer = answer if route is None else traced(answer, route)
        return cls(encode(answer), answer.code, answer.source)

    @classmethod
    def read(cls, payload: bytes) -> Kept:
        """Return an answer that was kept without its code and source.

        Raises:
            msgspec.MsgspecError: it is no answer.
        """
        answer = msgspec.json.decode(payload, type=Answer)
        return cls(payload, answer.code, answer.source)

    def message(self, route: Route, now: float) -> Message:
        """Return the message that brings it there; ``now`` is of the clock of ``route``."""
        return encoded_response(self.payload, self.code, self.source, route, now)


class Waiting(msgspec.Struct, frozen=True):
    """The request is accepted and its final answer will come; from the outbox if escalated."""

    is_escalated: bool


def key_of(incoming: Incoming) -> Key:
    """Return what tells a request from all others: the same again is the same request."""
    return incoming.route.client, incoming.route.key, incoming.digest
