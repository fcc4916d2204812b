"""What whoever asked hears of an escalation: that it takes longer, and the final answer, once."""

from __future__ import annotations

import logging
from functools import partial

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import Route, response
from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.parts import RelayedParts
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.bridge.queue.replies import timed
from edge_runtime.bridge.queue.row import Row
from edge_runtime.errors import EdgeError, TooLargeError
from edge_runtime.messages import Answer, error_answer

_log = logging.getLogger(__name__)


class Answering:
    """All methods are for steps of the queue's thread."""

    def __init__(  # noqa: PLR0913 - the parts of one queue
        self,
        file: QueueFile,
        outbox: Outbox,
        journal: Journal,
        thread: QueueThread,
        outlet: Outlet,
        events: Events,
        options: EscalationOptions,
        parts: RelayedParts,
    ) -> None:
        self._file = file
        self._outbox = outbox
        self._journal = journal
        self._thread = thread
        self._outlet = outlet
        self._events = events
        self._options = options
        self._parts = parts
        self._delivering: set[int] = set()

    def pending(self, row: Row) -> Pending | None:
        """Return the query of a row; if it cannot be read, that is the answer to it."""
        pending = row.read_pending()
        if pending is not None:
            return pending
        _log.error("escalation %s cannot be read from the outbox", row.escalation)
        self._lose(row)
        return None

    def route(self, row: Row) -> Route | None:
        """Return where the answer goes; if that cannot be read, nobody can be told."""
        route = row.read_route()
        if route is None:
            _log.error("row %d of the outbox cannot be read", row.id)
            self._events.dropped("corrupt", **row.facts)
            self._outbox.set_broken(row, self._options.keep_answer_s)
        return route

    def answer(self, row: Row, answer: Answer, cloud_s: float = 0.0) -> None:
        """Set the final answer, if there is none yet; it is delivered as soon as may be."""
        total_s = self._file.now() - row.arrived
        self._parts.close(row.escalation)
        self._outbox.answer(row, row.encoded(timed(answer, total_s, cloud_s)))

    def tell(self, row: Row, why: str | EdgeError, route: Route | None = None) -> None:
        """Answer at once, as the policy says for the case that nobody can be asked.

        ``route`` is that of a repeated request; else the row's own.
        """
        pending = self.pending(row)
        if pending is None:
            return
        answer = pending.offline(why)
        if answer.status != "queued":
            self.answer(row, answer)
            return
        route = route or self.route(row)
        if route is None:
            return
        if not row.told:
            self._outbox.tell(row.id)
            self._events.tell("queued", **row.facts)
        told = timed(answer, self._file.now() - row.arrived, 0.0)
        self._thread.after(lambda: self._outlet.publish(response(told, route, self._file.now())))

    def repeat(self, row: Row, route: Route, why: str) -> None:
        """Say again what was said last of a request that came again."""
        kept = row.read_answer()
        if kept is not None and row.id not in self._delivering:
            self.publish(kept, route)
        elif kept is None and row.told:
            self.tell(row, row.why or why, route)

    def publish(self, kept: Kept, route: Route, message: Message | None = None) -> None:
        """Publish a final answer, and acknowledge the request once the broker has taken it."""

        def taken(_code: int) -> None:
            if message is not None:
                self._outlet.acknowledge(message)

        self._thread.after(
            lambda: self._outlet.publish(kept.message(route, self._file.now()), taken)
        )

    def expire(self, row: Row) -> None:
        """Its time is over."""
        pending = self.pending(row)
        if pending is not None:
            self.answer(row, pending.expired())
        self._events.tell("expired", **row.facts)

    def deliver(self) -> None:
        """Publish what is answered and not on its way yet."""
        for row in self._outbox.answered(self._delivering):
            self._deliver(row)

    def _deliver(self, row: Row) -> None:
        kept, route = row.read_answer(), self.route(row)
        if route is None:
            return
        if kept is None:
            _log.error("the answer to %s cannot be read from the outbox", row.escalation)
            kept = Kept.of(_damaged(route), route)
            self._events.dropped("corrupt", **row.facts)
        message = kept.message(route, self._file.now())
        self._thread.after(partial(self._send, row, kept, message))

    def _send(self, row: Row, kept: Kept, message: Message) -> None:
        done = partial(self._thread.post, partial(self._delivered, row, kept))
        self._delivering.add(row.id)
        try:
            self._outlet.publish(message, lambda _code: done())
        except TooLargeError as exc:
            _log.warning("the answer to %s cannot be delivered: %s", row.escalation, exc)
            done()
        except EdgeError:
            self._delivering.discard(row.id)  # too much waits for the broker; again later
            raise

    def _delivered(self, row: Row, kept: Kept) -> None:
        self._thread.after(lambda: self._delivering.discard(row.id))
        if self._outbox.delete([row.id]):  # else the owner wants it forgotten
            self._journal.remember(row.key, kept)

    def _lose(self, row: Row) -> None:
        """Answer that the disk has lost the query, if it can still be told whom."""
        route = self.route(row)
        if route is not None:
            self._events.dropped("corrupt", **row.facts)
            self._outbox.answer(row, row.encoded(_damaged(route)))


def _damaged(route: Route) -> Answer:
    lost = EdgeError("the query was damaged on the device's disk; ask again")
    return error_answer(route.request_id, "", lost)
