"""What the page may tell a node to do, and the message that says it; pure."""

from __future__ import annotations

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.dashboard.reports import MOST_BYTES
from edge_runtime.errors import BadRequestError, ConfigError

_EXPIRY_S = 60  # what is told to a node that is away is not meant for the day it is back


class _Order(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    """Something to do; ``node`` is who does it."""

    node: str


class Pause(_Order, frozen=True, tag="pause"):
    """Hold escalations back, or with ``paused`` false let them go; local answers go on."""

    paused: bool = True


class Flush(_Order, frozen=True, tag="flush"):
    """Try everything that waits now."""


class Reload(_Order, frozen=True, tag="reload"):
    """Read settings and policy again."""


class SetPolicy(_Order, frozen=True, tag="policy"):
    """Replace the policy by a whole document, JSON or TOML."""

    document: str


Order = Pause | Flush | Reload | SetPolicy


def read_order(body: bytes) -> Order:
    """Read what the page sends.

    Raises:
        BadRequestError: it is no order, or the policy is empty or too long.
    """
    try:
        order: Order = msgspec.json.decode(body, type=Order)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequestError(f"the order is not valid: {exc}") from exc
    if isinstance(order, SetPolicy):
        if not order.document.strip():
            raise BadRequestError("the policy is empty; write at least one line")
        if len(order.document.encode(errors="replace")) > MOST_BYTES:
            raise BadRequestError(f"the policy is too long; at most {MOST_BYTES} bytes are sent")
    return order


def order_message(order: Order) -> Message:
    """Return the message that tells the node.

    Raises:
        BadRequestError: the node's name is not valid.
    """
    try:
        topics = NodeTopics(order.node)
    except ConfigError as exc:
        raise BadRequestError(str(exc)) from exc
    if isinstance(order, SetPolicy):
        document = order.document.strip().encode(errors="replace")
        content_type = JSON if document.startswith(b"{") else None
        return Message(
            topic=topics.policy_set,
            payload=document,
            expiry_s=_EXPIRY_S,
            content_type=content_type,
        )
    payload = b""
    if isinstance(order, Pause):
        payload = msgspec.json.encode({"paused": order.paused})
    name = {Pause: "pause", Flush: "flush", Reload: "reload"}[type(order)]
    return Message(topic=topics.command(name), payload=payload, expiry_s=_EXPIRY_S)
