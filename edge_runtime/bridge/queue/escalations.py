"""The way of an escalation: on disk, to a worker, and the answer to whoever asked.

One thread owns the outbox. Whatever happens is posted to it and changes rows in one transaction;
then it looks at all rows again and does what is due. Messages leave only after the transaction is
on disk, so a node that is killed at any moment goes on where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.handler import Handler
from edge_runtime.bridge.jobs import Jobs
from edge_runtime.bridge.mqtt.connection import NO_SUBSCRIBER, REFUSED
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.presence import Presence
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import JSON, Route, escalation_message, response
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.forgetting import Forgetting
from edge_runtime.bridge.queue.gate import Gatekeeper, OpenGate
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outbox import PAGE, Outbox, Row
from edge_runtime.bridge.queue.outbox_thread import OutboxThread
from edge_runtime.bridge.queue.replies import as_error, timed
from edge_runtime.errors import EdgeError, TooLargeError, UnavailableError
from edge_runtime.messages import Answer, Reply, encode, error_answer
from edge_runtime.routing.refusal import Refusal

_log = logging.getLogger(__name__)

_EVENT_EXPIRY_S = 3600
_SOON_S = 0.01
_LOOK_S = 30.0  # a gate may open, or a budget be raised, before it was said to
_NO_WORKER = "no worker is online"


class Escalations:
    """Everything between a ``Pending`` and its final answer.

    Raises:
        ConfigError: the outbox cannot be used.
    """

    def __init__(  # noqa: PLR0913 - all but the path are keywords
        self,
        path: Path,
        *,
        topics: NodeTopics,
        handler: Handler,
        inference: Jobs,
        options: EscalationOptions,
        gate: Gatekeeper | None = None,
        now: Callable[[], float],
    ) -> None:
        self._topics = topics
        self._handler = handler
        self._inference = inference
        self._options = options
        self._gate = gate or OpenGate()
        self._now = now
        self._presence = Presence(options.presence_wait_s)
        self._outbox = Outbox(path, now)
        self._sender: Sender | None = None
        self._thread = OutboxThread(self._outbox, self._advance)
        self._forgetting = Forgetting(self._outbox, self._thread, self._publish_now, now)
        self._delivering: set[int] = set()
        self._finishing: set[int] = set()

    def start(self, sender: Sender) -> None:
        """Begin to work; what was left by an earlier process goes on."""
        self._sender = sender
        self._thread.start()

    def stop(self) -> None:
        """Finish what was posted, and close the outbox."""
        self._thread.stop()

    # what happens elsewhere

    def connected(self) -> None:
        """The broker is there, and says which workers are online."""
        self._thread.post(self._presence.connected)

    def lost(self) -> None:
        """The broker is gone."""
        self._thread.post(self._presence.lost)

    def worker(self, name: str, *, online: bool) -> None:
        """A worker came or went."""
        self._thread.post(lambda: self._worker(name, online=online))

    def add(self, incoming: Incoming, pending: Pending) -> None:
        """Keep a query until it is answered; acknowledges the request once it is on disk."""
        self._thread.post(
            lambda: self._add(incoming, pending), lambda: self._disk_failed(incoming, pending)
        )

    def forget(self, client: str | None, session: str | None) -> int:
        """Delete what is kept of a client or its session; return how many queries these were.

        Raises:
            UnavailableError: the outbox could not be changed.
        """
        return self._forgetting.forget(client, session)

    def replied(self, reply: Reply, message: Message) -> None:
        """A worker answered; acknowledges the message once the answer is on disk."""
        self._thread.post(lambda: self._replied(reply, message), lambda: self._acknowledge(message))

    # the outbox thread

    def _advance(self) -> float | None:
        """Do what is due; return the seconds until something is."""
        self._forgetting.purge()
        expired = self._outbox.expired()
        for row in expired:
            self._expire(row)
        overdue = self._outbox.overdue()
        for row in overdue:
            if row.id not in self._finishing:
                self._gate.failed()
                # the worker may only be slow, and its late answer is as good: do not pay twice
                timeout_s = self._options.cloud_timeout_s
                self._retry(row, f"no answer from a worker in {timeout_s:g} s", timeout_s)
        lists = [expired, overdue]
        can_send = False
        closed: Refusal | None = None
        if self._sender is not None and self._sender.is_ready:
            workers = self._presence.workers()
            closed = self._gate.closed() if workers else None
            if workers and closed is None:
                can_send = self._claim()
            may_go = closed is None and (bool(workers) or not self._presence.is_known())
            untold = self._outbox.untold(only_failed=may_go)
            for row in untold:
                self._tell(row, row.why or _NO_WORKER if closed is None else closed.error())
            lists.append(untold)
            for row in self._outbox.answered():
                if row.id not in self._delivering:
                    self._deliver(row)
        if any(len(rows) == PAGE for rows in lists):
            return _SOON_S
        return self._wait_s(can_send=can_send, closed=closed)

    def _claim(self) -> bool:
        """Send what is due, as far as there is room; return whether there is still room."""
        room = self._options.in_flight - self._outbox.in_flight()
        rows = self._outbox.claim(room, self._options.cloud_timeout_s)
        for row in rows:
            self._escalate(row)
        return len(rows) < room

    def _wait_s(self, *, can_send: bool, closed: Refusal | None) -> float | None:
        due = self._outbox.next_due(can_send=can_send)
        waits = [self._presence.unknown_for_s()]
        if closed is not None:
            waits.append(min(_LOOK_S, max(_SOON_S, closed.retry_after_s or _LOOK_S)))
        if due is not None:
            waits.append(max(_SOON_S, due - self._now()))
        return min((wait for wait in waits if wait is not None), default=None)

    # steps

    def _worker(self, name: str, *, online: bool) -> None:
        if self._presence.update(name, online=online):
            self._gate.try_now()
            self._outbox.make_all_due()

    def _add(self, incoming: Incoming, pending: Pending) -> None:
        route = incoming.route
        deadline_ms = min(
            pending.deadline_ms, incoming.request.policy.deadline_ms or pending.deadline_ms
        )
        pending = msgspec.structs.replace(pending, deadline_ms=deadline_ms, client=route.client)
        row, is_new = self._outbox.enqueue(
            escalation=pending.escalation.id,
            client=route.client,
            correlation=route.key,
            digest=incoming.digest,
            arrived=incoming.arrived,
            expires=incoming.arrived + deadline_ms / 1000,
            route=encode(route),
            pending=encode(pending),
        )
        self._thread.after(lambda: self._acknowledge(incoming.message))
        if is_new:
            return
        _log.debug("request %s is a repeat of escalation %s", route.request_id, row.escalation)
        if row.answer is not None and row.id not in self._delivering:
            answer = msgspec.json.decode(row.answer, type=Answer)
            self._thread.after(lambda: self._publish(response(answer, route, self._now())))
        elif row.told:
            self._tell(row, row.why or _NO_WORKER)

    def _replied(self, reply: Reply, message: Message) -> None:
        row = self._outbox.outstanding(reply.id)
        if row is None or row.id in self._finishing:
            _log.debug("nobody waits for the reply %s", reply.id)
            self._thread.after(lambda: self._acknowledge(message))
            return
        self._gate.replied(row.client, reply, self._now() - row.sent)
        if reply.error is not None and reply.error.is_temporary:
            self._retry(row, f"cloud: {reply.error.message}", reply.error.retry_after_s or 0.0)
        elif (pending := self._pending(row)) is not None:
            if reply.error is None:
                self._finishing.add(row.id)
                replied = self._now()
                self._inference.submit(
                    lambda: self._finish(row, pending, reply, message, replied), urgent=True
                )
                return
            self._answer(row, pending.failed(as_error(reply.error)), self._now() - row.sent)
        self._thread.after(lambda: self._acknowledge(message))

    def _finish(
        self, row: Row, pending: Pending, reply: Reply, message: Message, replied: float
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
            lambda: self._finished(row, answer, message, replied - row.sent),
            lambda: self._acknowledge(message),
        )

    def _finished(self, row: Row, answer: Answer, message: Message, cloud_s: float) -> None:
        self._finishing.discard(row.id)
        self._answer(row, answer, cloud_s)
        self._thread.after(lambda: self._acknowledge(message))

    def _escalate(self, row: Row) -> None:
        pending = self._pending(row)
        if pending is None:
            return
        admitted = self._gate.admit(pending)
        if isinstance(admitted, Refusal):
            self._refused(row, pending, admitted)
            return
        # a worker that gets it later would work for nothing: it is sent again by then
        expiry_s = max(1, int(min(self._options.cloud_timeout_s, row.expires - self._now())))
        message = escalation_message(admitted, self._topics, expiry_s)
        self._thread.after(lambda: self._publish(message, lambda code: self._sent(row, code)))
        self._event("escalated", row, attempt=row.attempts + 1)

    def _refused(self, row: Row, pending: Pending, refusal: Refusal) -> None:
        if refusal.by == "policy":
            self._answer(row, pending.kept(refusal.said), 0.0)
            return
        self._retry(row, refusal.said, min(_LOOK_S, refusal.retry_after_s or 0.0))
        if not row.told:
            self._tell(row, refusal.error())

    def _sent(self, row: Row, code: int) -> None:
        if code == NO_SUBSCRIBER:
            self._thread.post(lambda: self._unsent(row, _NO_WORKER))
        elif code >= REFUSED:
            why = "the broker does not allow to ask a worker"
            self._thread.post(lambda: self._unsent(row, why))

    def _unsent(self, row: Row, why: str) -> None:
        self._gate.unsent(row.client)
        self._gate.failed()
        self._retry(row, why)

    def _retry(self, row: Row, why: str, at_least_s: float = 0.0) -> None:
        backoff_s = self._options.backoff_s(row.attempts)
        self._outbox.retry(row.id, max(at_least_s, backoff_s), why)

    def _tell(self, row: Row, why: str | EdgeError) -> None:
        """Answer at once, as the policy says for the case that nobody can be asked."""
        pending = self._pending(row)
        if pending is None:
            return
        answer = pending.offline(why)
        if answer.status != "queued":
            self._answer(row, answer, 0.0)
            return
        self._outbox.tell(row.id)
        route = msgspec.json.decode(row.route, type=Route)
        told = timed(answer, self._now() - row.arrived, 0.0)
        self._thread.after(lambda: self._publish(response(told, route, self._now())))
        self._event("queued", row)

    def _expire(self, row: Row) -> None:
        pending = self._pending(row)
        if pending is not None:
            self._answer(row, pending.expired(), 0.0)
        self._event("expired", row)

    def _answer(self, row: Row, answer: Answer, cloud_s: float) -> None:
        total_s = self._now() - row.arrived
        self._outbox.answer(row.id, encode(timed(answer, total_s, cloud_s)))

    def _deliver(self, row: Row) -> None:
        try:
            answer = msgspec.json.decode(row.answer or b"", type=Answer)
            route = msgspec.json.decode(row.route, type=Route)
        except msgspec.MsgspecError as exc:
            self._set_broken(row, exc)
            return
        message = response(answer, route, self._now())
        self._thread.after(lambda: self._publish_final(row, message))

    def _publish_final(self, row: Row, message: Message) -> None:
        self._delivering.add(row.id)
        try:
            self._publish(message, lambda _code: self._thread.post(lambda: self._delivered(row)))
        except TooLargeError as exc:
            _log.warning("the answer to %s cannot be delivered: %s", row.escalation, exc)
            self._thread.post(lambda: self._delivered(row))

    def _delivered(self, row: Row) -> None:
        self._delivering.discard(row.id)
        self._outbox.delivered(row.id, self._options.keep_answer_s)

    def _pending(self, row: Row) -> Pending | None:
        """Return the query of a row; if it cannot be read, that is the answer to it."""
        try:
            return msgspec.json.decode(row.pending, type=Pending)
        except msgspec.MsgspecError as exc:
            _log.error("escalation %s cannot be read from the outbox: %s", row.escalation, exc)
        try:
            route = msgspec.json.decode(row.route, type=Route)
        except msgspec.MsgspecError as exc:
            self._set_broken(row, exc)
        else:
            lost = EdgeError("the query was damaged on the device's disk; ask again")
            self._outbox.answer(row.id, encode(error_answer(route.request_id, "", lost)))
        return None

    def _set_broken(self, row: Row, exc: Exception) -> None:
        _log.error("row %d of the outbox cannot be read: %s", row.id, exc)
        self._outbox.set_broken(row.id, self._options.keep_answer_s)

    def _disk_failed(self, incoming: Incoming, pending: Pending) -> None:
        answer = pending.failed(UnavailableError("the device cannot queue it: its disk fails"))
        message = response(answer, incoming.route, self._now())
        self._publish(message, lambda _code: self._acknowledge(incoming.message))

    def _event(self, kind: str, row: Row, **facts: int) -> None:
        """Publish a fact without the user's text."""
        fields = {"v": 1, "id": row.escalation, "client": row.client, **facts}
        message = Message(
            topic=self._topics.event(kind),
            payload=msgspec.json.encode(fields),
            content_type=JSON,
            expiry_s=_EVENT_EXPIRY_S,
        )
        self._thread.after(lambda: self._publish(message))

    def _publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        if self._sender is not None:
            self._sender.publish(message, on_taken)

    def _publish_now(self, message: Message) -> None:
        if self._sender is not None and self._sender.is_ready:
            self._sender.publish(message)

    def _acknowledge(self, message: Message) -> None:
        if self._sender is not None:
            self._sender.acknowledge(message)
