"""The fleet as its messages tell: nodes, workers, queries, events; pure, and bounded.

Every change has a key; a page that knows the keys fetches the records when it has time for them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Literal

import msgspec

from edge_runtime.bridge.protocol.health import Health
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import CLIENTS, ROOT, WORKERS, is_name, worker_of
from edge_runtime.bridge.protocol.traffic import Seen, TrafficReader
from edge_runtime.dashboard.queries import QueryLog
from edge_runtime.dashboard.records import Event, Key, NodeRecord, Record, Sample, WorkerRecord
from edge_runtime.dashboard.reports import (
    Info,
    PolicyState,
    WorkerStatus,
    read_report,
)
from edge_runtime.messages import MAX_PAYLOAD_BYTES, Answer

MOST_NODES = 200
MOST_WORKERS = 100
MOST_EVENTS = 200
MOST_SAMPLES = 240  # of one node: two hours

_LONGEST_ID = 256
_MOST_TEXT = 500
_REPORTS = {"status", "info", "health", "policy/state"}

FILTERS = (
    *(f"{ROOT}/+/{room}" for room in ("status", "info", "health", "policy/state", "evt/+")),
    *(f"{ROOT}/+/{room}" for room in ("req/+", "req/+/+", "res/#")),
    f"{CLIENTS}/#",
    f"{WORKERS}/+/status",
)
"""The topics that tell; each of them may be refused by the broker."""


class Fleet:
    """Folds messages into records; ``now`` is in seconds since the epoch.

    Without ``texts`` nothing that people wrote is kept.
    """

    def __init__(self, now: Callable[[], float], *, texts: bool) -> None:
        self.texts = texts
        self._now = now
        self._reader = TrafficReader(now)
        self._nodes: OrderedDict[str, NodeRecord] = OrderedDict()  # the last heard of is last
        self._samples: dict[str, deque[Sample]] = {}
        self._workers: OrderedDict[str, WorkerRecord] = OrderedDict()
        self._queries = QueryLog(texts=texts)
        self._events: OrderedDict[str, Event] = OrderedDict()
        self._told = 0

    def fold(self, message: Message) -> list[Key]:
        """Take a message, and return the keys of what it changed."""
        if len(message.payload) > MAX_PAYLOAD_BYTES or message.topic.endswith("/part"):
            return []
        if (worker := worker_of(message.topic)) is not None:
            return self._worker(worker, message.payload)
        root, _, below = message.topic.partition(f"{ROOT}/")
        node, _, room = below.partition("/")
        if not root and room in _REPORTS:
            return self._report(node, room, message.payload) if is_name(node) else []
        seen = self._reader.read(message)
        return self._traffic(seen, message.payload) if seen and _is_named(seen) else []

    def lost(self) -> list[Key]:
        """The broker is gone: who is online is not known until it says so again."""
        changed: list[Key] = []
        for name, node in self._nodes.items():
            self._nodes[name] = msgspec.structs.replace(node, status="unknown")
            changed.append(("node", name))
        for name, worker in self._workers.items():
            self._workers[name] = msgspec.structs.replace(worker, status="unknown")
            changed.append(("worker", name))
        return changed

    def record(self, key: Key, *, texts: bool) -> Record | None:
        """Return a record as it is now, None where it is gone; ``texts`` only if they are kept."""
        kind, name = key
        if kind == "node":
            return self._nodes.get(name)
        if kind == "worker":
            return self._workers.get(name)
        if kind == "query":
            query = self._queries.get(name)
            return query if query is None or texts else query.without_text()
        event = self._events.get(name)
        return event if event is None or texts else msgspec.structs.replace(event, text=None)

    def all_keys(self) -> list[Key]:
        """Return the keys of everything, the oldest first."""
        return [
            *(("node", name) for name in self._nodes),
            *(("worker", name) for name in self._workers),
            *(("query", query.key) for query in self._queries.all),
            *(("event", name) for name in self._events),
        ]

    def samples(self) -> dict[str, list[Sample]]:
        """Return how the queue of each node went, the oldest sample first."""
        return {name: list(samples) for name, samples in self._samples.items()}

    def _traffic(self, seen: Seen, payload: bytes) -> list[Key]:
        if seen.kind == "request":
            return [("query", self._queries.asked(seen))]
        if seen.kind == "answer":
            return self._answer(seen, payload)
        return self._event(seen) if seen.kind.startswith("evt/") else []

    def _report(self, name: str, room: str, payload: bytes) -> list[Key]:
        if room == "status" and not payload:
            self._samples.pop(name, None)
            return [("node", name)] if self._nodes.pop(name, None) else []
        node = self._nodes.get(name) or NodeRecord(name=name)
        now = self._now()
        if room == "status":
            status: Literal["online", "offline"] = "online" if payload == b"online" else "offline"
            since = node.since if node.status == status else now
            node = msgspec.structs.replace(node, status=status, since=since)
        elif room == "info":
            node = msgspec.structs.replace(node, info=read_report(payload, Info))
        elif room == "policy/state":
            policy = read_report(payload, PolicyState)
            node = msgspec.structs.replace(node, policy=policy, policy_at=now)
        elif (health := read_report(payload, Health)) is not None:
            node = msgspec.structs.replace(node, health=health, health_at=now)
            samples = self._samples.setdefault(name, deque(maxlen=MOST_SAMPLES))
            queue = health.queue
            samples.append((now, queue.requests, queue.escalations, sum(health.dropped.values())))
        else:
            return []
        self._nodes[name] = node
        self._nodes.move_to_end(name)
        changed: list[Key] = [("node", name)]
        if len(self._nodes) > MOST_NODES:
            gone, _ = self._nodes.popitem(last=False)
            self._samples.pop(gone, None)
            changed.append(("node", gone))
        return changed

    def _worker(self, name: str, payload: bytes) -> list[Key]:
        said = read_report(payload, WorkerStatus)
        if said is None:
            return [("worker", name)] if self._workers.pop(name, None) else []
        known = self._workers.get(name)
        since = known.since if known is not None and known.said == said else self._now()
        self._workers[name] = WorkerRecord(name=name, since=since, status=said.status, said=said)
        self._workers.move_to_end(name)
        changed: list[Key] = [("worker", name)]
        if len(self._workers) > MOST_WORKERS:
            gone, _ = self._workers.popitem(last=False)
            changed.append(("worker", gone))
        return changed

    def _event(self, seen: Seen) -> list[Key]:
        self._told += 1
        event = Event(
            key=str(self._told),
            at=seen.time,
            node=seen.node,
            kind=seen.kind.removeprefix("evt/")[:_LONGEST_ID],
            client=seen.client,
            id=seen.id,
            detail=None if seen.detail is None else seen.detail[:_MOST_TEXT],
            text=seen.text[:_MOST_TEXT] if self.texts and seen.text is not None else None,
        )
        self._events[event.key] = event
        if len(self._events) > MOST_EVENTS:
            self._events.popitem(last=False)
        changed: list[Key] = [("event", event.key)]
        if event.kind == "escalated" and (query := self._queries.escalated(seen)) is not None:
            changed.append(("query", query))
        return changed

    def _answer(self, seen: Seen, payload: bytes) -> list[Key]:
        try:
            answer = msgspec.json.decode(payload, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return []
        return [("query", self._queries.answered(seen, answer))]


def _is_named(seen: Seen) -> bool:
    """Whether names and ids are such as the protocol has, which keeps them short."""
    names = (seen.node, seen.client)
    return len(seen.id or "") <= _LONGEST_ID and all(map(is_name, filter(None, names)))
