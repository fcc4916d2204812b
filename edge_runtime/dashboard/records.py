"""What the page is sent: one record for each node, worker, query and event."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_runtime.bridge.protocol.health import Health
from edge_runtime.dashboard.queries import Query
from edge_runtime.dashboard.reports import Info, PolicyState, WorkerStatus

Kind = Literal["node", "worker", "query", "event"]
Key = tuple[Kind, str]


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A node; ``since`` is when its status was first seen, ``health_at`` when it last reported."""

    name: str
    status: Literal["online", "offline", "unknown"] = "unknown"
    since: float = 0.0
    info: Info | None = None
    health: Health | None = None
    health_at: float | None = None
    policy: PolicyState | None = None
    policy_at: float | None = None


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A worker; without a broker its status is not known."""

    name: str
    since: float
    status: str
    said: WorkerStatus


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that a node told; ``text`` is what it holds of a query."""

    key: str
    at: float
    node: str | None
    kind: str
    client: str | None = None
    id: str | None = None
    detail: str | None = None
    text: str | None = None


Record = NodeRecord | WorkerRecord | Query | Event
Sample = tuple[float, int, int, int]
"""When, requests and escalations that waited, and all that was dropped until then."""
