"""The message ``health`` (DESIGN section 8); what it leaves out is not known."""

from __future__ import annotations

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import PROTOCOL_VERSION

_EXPIRY_S = 90


class Queue(msgspec.Struct, frozen=True):
    """What waits: requests for the model, escalations for a worker or with one."""

    requests: int = 0
    escalations: int = 0
    bytes: int = 0
    oldest_s: float | None = None


class Counts(msgspec.Struct, frozen=True):
    """Final answers since the node started, and what was escalated."""

    answered: int = 0
    escalated: int = 0
    failed: int = 0
    expired: int = 0


class Latency(msgspec.Struct, frozen=True):
    """How long the answers of a task took."""

    count: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None


class Board(msgspec.Struct, frozen=True):
    """The device itself."""

    temperature_c: float | None = None
    rss_mb: float | None = None
    battery_percent: float | None = None
    on_battery: bool | None = None
    link: str | None = None


class Budget(msgspec.Struct, frozen=True):
    """What may still be spent; None: no limit."""

    requests_left: float | None = None
    tokens_left: float | None = None
    usd_left: float | None = None


class Pace(msgspec.Struct, frozen=True):
    """How fast the board lets the node work, and why not faster.

    ``full``: as fast as it goes; ``slow``: it rests between answers; ``shed``: it refuses long
    tasks as well.
    """

    level: str = "full"
    reason: str = ""


class Health(msgspec.Struct, frozen=True):
    """How a node is doing; ``time`` is its own clock, in seconds since the epoch."""

    v: int = PROTOCOL_VERSION
    time: float | None = None
    uptime_s: float = 0.0
    queue: Queue = Queue()
    dropped: dict[str, int] = {}
    counts: Counts = Counts()
    coverage: float | None = None
    latency: dict[str, Latency] = {}
    board: Board = Board()
    pace: Pace | None = None
    budget: Budget = Budget()
    workers: int = 0
    paused: bool = False


def health_message(topics: NodeTopics, health: Health) -> Message:
    """Return the message; it expires, so that nobody takes an old one for news."""
    return Message(
        topic=topics.health,
        payload=msgspec.json.encode(health),
        qos=0,
        expiry_s=_EXPIRY_S,
        content_type=JSON,
    )


def read_health(payload: bytes) -> Health:
    """Read the message; one that cannot be read tells nothing."""
    try:
        return msgspec.json.decode(payload, type=Health)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Health()
