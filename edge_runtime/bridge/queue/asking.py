"""The way of an escalation to a worker and back, with the only retries that there are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.handler import Handler
from edge_runtime.bridge.jobs import Jobs
from edge_runtime.bridge.mqtt.connection import NO_SUBSCRIBER, REFUSED
from edge_runtime.bridge.protocol.cancels import cancel_message
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import escalation_message, trace_of
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.answering import Answering
from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.gate import Gatekeeper
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.parts import RelayedParts
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.bridge.queue.replies import as_error, cancelled, given_up, is_busy
from edge_runtime.bridge.queue.row import Row
from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, Escalation, Reply
from edge_runtime.routing.refusal import Refusal

_log = logging.getLogger(__name__)

NO_WORKER = "no worker is online"
LOOK_S = 30.0  # a gate may open, or a budget be raised, before it was said to


class Asking:
    """All methods but those that say otherwise are for steps of the queue's thread."""

    def __init__(  # noqa: PLR0913 - the parts of one queue
        self,
        outbox: Outbox,
        thread: QueueThread,
        outlet: Outlet,
        events: Events,
        answering: Answering,
        parts: RelayedParts,
        *,
        topics: NodeTopics,
        handler: Handler,
        inference: Jobs,
        options: EscalationOptions,
        gate: Gatekeeper,
        now: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._thread = thread
        self._outlet = outlet
        self._events = events
        self._answering = answering
        self._parts = parts
        self._topics = topics
        self._handler = handler
        self._inference = inference
        self._options = options
        self._gate = gate
        self._now = now
        self._finishing: set[int] = set()
        # by row, and for which client: admitted, and not on disk yet that it is sent
        self._admitted: dict[int, tuple[str, Escalation]] = {}

    def give_up_overdue(self) -> list[Row]:
        """Let what no worker answered in time wait again; return those rows."""
        timeout_s = self._options.cloud_timeout_s
        overdue = self._outbox.overdue()
        for row in overdue:
            if row.id not in self._finishing:
                self._thread.after(self._gate.failed)
                # the worker may only be slow, and its late answer is as good: do not pay twice
                self._retry(row, f"no answer from a worker in {timeout_s:g} s", timeout_s)
        return overdue

    def claim(self) -> bool:
        """Send what is due, as far as there is room; return whether there is still room."""
        room = self._options.in_flight - self._outbox.in_flight()
        rows = self._outbox.claim(room, self._options.cloud_timeout_s) if room > 0 else []
        for row_id in self._admitted.keys() - {row.id for row in rows}:
            client, _ = self._admitted.pop(row_id)
            self._gate.unsent(client)
        for row in rows:
            self._send(row)
        return len(rows) < room

    def replied(self, reply: Reply, message: Message) -> None:
        """A worker answered; acknowledges the message once what follows is on disk."""
        row = self._outbox.outstanding(reply.id)
        if row is None:
            _log.debug("nobody waits for the reply %s", reply.id)
            self._thread.after(partial(self._outlet.acknowledge, message))
            return
        took_s = self._now() - row.sent
        pending = self._answering.pending(row)
        if pending is not None and reply.error is None and row.crashes < self._options.most_crashes:
            self._outbox.read_begins(row.id)
            self._thread.after(partial(self._read, row, pending, reply, message, took_s))
            return
        self._thread.after(partial(self._gate.replied, row.client, reply, took_s))
        if reply.error is not None and reply.error.is_temporary:
            self._retry(
                row, f"cloud: {reply.error.message}", reply.error.retry_after_s or 0.0,
                counts=not is_busy(reply.error),
            )  # fmt: skip
        elif pending is not None and reply.error is not None:
            self._answering.answer(row, pending.failed(as_error(reply.error)), took_s)
        elif pending is not None:
            self._give_up(row, "the device failed each time that it read the reply")
        self._thread.after(partial(self._outlet.acknowledge, message))

    def cancel(self, client: str, correlation: bytes) -> None:
        """Answer what a client does not want any more, and tell the workers."""
        for row in self._outbox.asked_by(client, correlation):
            self.withdraw(row, cancelled())
            self._events.tell("cancelled", **row.facts)

    def withdraw(self, row: Row, why: EdgeError) -> None:
        """Answer with an error, and tell the worker that may have it."""
        pending = self._answering.pending(row)
        if pending is not None:
            self._answering.answer(row, pending.failed(why))
        self.let_go(row)

    def let_go(self, row: Row) -> None:
        """Nobody waits for what a worker says any more: pass nothing on, and tell the worker."""
        self._thread.after(partial(self._parts.close, row.escalation))
        if row.state == "claimed":
            message = cancel_message(self._topics, row.escalation)
            self._thread.after(partial(self._outlet.publish_now, message))

    def _send(self, row: Row) -> None:
        pending = self._answering.pending(row)
        route = None if pending is None else self._answering.route(row)
        if pending is None or route is None:
            return
        admitted = self._admit(row, pending)
        if isinstance(admitted, Refusal):
            self._refused(row, pending, admitted)
            return
        self._parts.open(pending, route)
        # a worker that gets it later would work for nothing: it is sent again by then
        expiry_s = max(1, int(min(self._options.cloud_timeout_s, row.expires - self._now())))
        message = escalation_message(admitted, self._topics, expiry_s, trace_of(route))
        self._thread.after(partial(self._publish, row, message))
        self._events.tell("escalated", **row.facts, attempt=row.attempts + 1)

    def _admit(self, row: Row, pending: Pending) -> Escalation | Refusal:
        """Ask the gate once for each time that it is sent, however often the step has to run."""
        there = self._admitted.get(row.id)
        if there is not None:
            return there[1]
        admitted = self._gate.admit(pending)
        if not isinstance(admitted, Refusal):
            self._admitted[row.id] = row.client, admitted
        return admitted

    def _refused(self, row: Row, pending: Pending, refusal: Refusal) -> None:
        if refusal.by == "policy":
            self._answering.answer(row, pending.kept(refusal.said))
            return
        delay_s = max(min(LOOK_S, refusal.retry_after_s or 0.0), self._options.backoff_s(0))
        self._outbox.retry(row.id, delay_s, refusal.said, counts=False)
        if not row.told:
            self._answering.tell(row, refusal.error())

    def _publish(self, row: Row, message: Message) -> None:
        del self._admitted[row.id]
        self._outlet.publish(message, partial(self._sent, row))

    def _sent(self, row: Row, code: int) -> None:
        """Run on the network thread."""
        if code == NO_SUBSCRIBER:
            self._thread.post(lambda: self._unsent(row, NO_WORKER))
        elif code >= REFUSED:
            why = "the broker does not allow to ask a worker"
            self._thread.post(lambda: self._unsent(row, why))

    def _unsent(self, row: Row, why: str) -> None:
        self._thread.after(partial(self._gate.unsent, row.client))
        self._thread.after(self._gate.failed)
        self._retry(row, why, counts=False)

    def _retry(self, row: Row, why: str, at_least_s: float = 0.0, *, counts: bool = True) -> None:
        if counts and row.failures + 1 >= self._options.most_attempts:
            self._give_up(row, why)
            return
        backoff_s = self._options.backoff_s(row.attempts)
        self._outbox.retry(row.id, max(at_least_s, backoff_s), why, counts=counts)

    def _give_up(self, row: Row, why: str) -> None:
        pending = self._answering.pending(row)
        if pending is not None:
            self._answering.answer(row, pending.failed(given_up(why)))
            self._events.dropped("poison", **row.facts)

    def _read(
        self, row: Row, pending: Pending, reply: Reply, message: Message, took_s: float
    ) -> None:
        """Let the inference thread read a reply, once it is on disk that this begins."""
        if row.id in self._finishing:
            self._outlet.acknowledge(message)
            return
        self._finishing.add(row.id)
        self._gate.replied(row.client, reply, took_s)
        self._inference.submit(
            lambda: self._finish(row, pending, reply, message, took_s), urgent=True
        )

    def _finish(
        self, row: Row, pending: Pending, reply: Reply, message: Message, took_s: float
    ) -> None:
        """Run on the inference thread."""
        try:
            answer = self._handler.finish(pending, reply)
        except EdgeError as exc:
            answer = pending.failed(exc)
        except Exception as exc:  # noqa: BLE001 - whoever asked gets an answer, whatever happens
            log_failure(_log, f"the reply to {reply.id} could not be used", exc)
            answer = pending.failed(EdgeError("the reply could not be used; see the node's log"))
        self._thread.post(
            partial(self._finished, row, answer, message, took_s),
            partial(self._done, row, message),
        )

    def _finished(self, row: Row, answer: Answer, message: Message, took_s: float) -> None:
        self._answering.answer(row, answer, took_s)
        self._thread.after(partial(self._done, row, message))

    def _done(self, row: Row, message: Message) -> None:
        self._finishing.discard(row.id)
        self._outlet.acknowledge(message)
