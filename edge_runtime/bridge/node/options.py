"""How a node works: its limits, with defaults that suit a small board."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_runtime.bridge.protocol.topics import RESPONSE_PREFIXES
from edge_runtime.bridge.queue.options import EscalationOptions


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """How a node works.

    ``queue_limit`` counts requests that wait for the model, ``queue_bytes`` is their size; those
    past it are told to come back.
    ``commands_topic`` is where home commands are published that the device is sure of; ``{node}``
    in it is filled in. None: nowhere.
    """

    queue_limit: int = 1000
    queue_bytes: int = 16 * 1024 * 1024
    session_expiry_s: int = 86_400
    response_prefixes: tuple[str, ...] = RESPONSE_PREFIXES
    commands_topic: str | None = None
    escalations: EscalationOptions = field(default_factory=EscalationOptions)
