"""How a query gets into the outbox: once, if there is room, or whoever asked is told why not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import trace_of
from edge_runtime.bridge.queue.accepted import route_at
from edge_runtime.bridge.queue.admission import Admission
from edge_runtime.bridge.queue.answering import Answering
from edge_runtime.bridge.queue.asking import NO_WORKER, Asking
from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.file.clock import moved
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.kept import Kept, key_of
from edge_runtime.bridge.queue.options import EscalationOptions, priority_of
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.bridge.queue.row import NewRow
from edge_runtime.messages import encode

_log = logging.getLogger(__name__)


class Intake:
    """Methods are for steps of the queue's thread; ``now`` is the clock of requests."""

    def __init__(  # noqa: PLR0913 - the parts of one queue
        self,
        file: QueueFile,
        outbox: Outbox,
        journal: Journal,
        thread: QueueThread,
        outlet: Outlet,
        events: Events,
        answering: Answering,
        asking: Asking,
        options: EscalationOptions,
        now: Callable[[], float],
    ) -> None:
        self._file = file
        self._outbox = outbox
        self._journal = journal
        self._thread = thread
        self._outlet = outlet
        self._events = events
        self._answering = answering
        self._asking = asking
        self._admission = Admission(file, outbox, events, options)
        self._now = now

    def add(self, incoming: Incoming, pending: Pending) -> None:
        """Put a query into the outbox, unless it is there."""
        key = key_of(incoming)
        self._thread.after(partial(self._journal.expected, key))
        if self._answer_again(incoming):
            return
        deadline_ms = min(
            pending.deadline_ms, incoming.request.policy.deadline_ms or pending.deadline_ms
        )
        pending = msgspec.structs.replace(
            pending, deadline_ms=deadline_ms, client=incoming.route.client
        )
        arrived = moved(incoming.arrived, self._now(), self._file.now())
        new = NewRow(
            escalation=pending.escalation.id,
            key=key,
            priority=priority_of(incoming.request),
            arrived=arrived,
            expires=arrived + deadline_ms / 1000,
            route=encode(route_at(incoming.route, self._now(), self._file.now())),
            pending=encode(pending),
        )
        victims, short_of = self._admission.make_room(new)
        if short_of is not None:
            self._refuse(incoming, pending, short_of)
            return
        for row in victims:
            self._asking.withdraw(row, self._admission.full("rows"))
        self._outbox.enqueue(new)
        self._journal.escalated(key)
        self._thread.after(partial(self._outlet.acknowledge, incoming.message))

    def repeated(self, incoming: Incoming) -> None:
        """Say again what was said last, if anything."""
        if not self._answer_again(incoming):
            self._thread.after(partial(self._outlet.acknowledge, incoming.message))

    def disk_failed(self, incoming: Incoming, pending: Pending) -> None:
        """Say that the query could not be written; outside of a step."""
        self._journal.expected(key_of(incoming))
        route = incoming.route
        self._events.refused("disk", client=route.client, **dict(trace_of(route)))
        kept = Kept.of(pending.failed(self._admission.full("disk")), route)
        self._outlet.publish(
            kept.message(route, self._now()),
            lambda _code: self._outlet.acknowledge(incoming.message),
        )

    def _answer_again(self, incoming: Incoming) -> bool:
        """Answer a request that came again as before; False when it did not."""
        key = key_of(incoming)
        route = route_at(incoming.route, self._now(), self._file.now())
        kept = self._journal.answered(key)
        if kept is not None:
            self._answering.publish(kept, route, incoming.message)
            return True
        row = self._outbox.find(key)
        if row is not None and row.state == "broken":
            self._outbox.delete([row.id])
            row = None
        if row is None:
            return False
        _log.debug("a request is a repeat of escalation %s", row.escalation)
        self._thread.after(partial(self._outlet.acknowledge, incoming.message))
        self._answering.repeat(row, route, NO_WORKER)
        return True

    def _refuse(self, incoming: Incoming, pending: Pending, short_of: str) -> None:
        """Say that there is no room, and do not remember it: later there may be."""
        trace = dict(trace_of(incoming.route))
        self._events.dropped(short_of, client=incoming.route.client, **trace)
        kept = Kept.of(pending.failed(self._admission.full(short_of)), incoming.route)
        if not self._journal.finish(key_of(incoming), kept):
            route = route_at(incoming.route, self._now(), self._file.now())
            self._answering.publish(kept, route, incoming.message)
