"""Everything between a query that the device is not sure of and the final answer to whoever asked.

One thread owns the file. Whatever happens is posted to it and changes rows in one transaction;
then it looks at all rows again and does what is due. Messages leave only after the transaction is
on disk, so a node that is killed at any moment goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.handler import Handler
from edge_runtime.bridge.jobs import Jobs
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.presence import Presence
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.answering import Answering
from edge_runtime.bridge.queue.asking import LOOK_S, NO_WORKER, Asking
from edge_runtime.bridge.queue.depth import Depth
from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.file.quarantine import Facts, open_queue, reopen
from edge_runtime.bridge.queue.forgetting import Forgetting
from edge_runtime.bridge.queue.gate import Gatekeeper, OpenGate
from edge_runtime.bridge.queue.intake import Intake
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.kept import key_of
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.owner import Owner
from edge_runtime.bridge.queue.parts import RelayedParts, with_stream
from edge_runtime.bridge.queue.pause import Pause
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.messages import Reply
from edge_runtime.routing.refusal import Refusal

_SOON_S = 0.01
_LONGEST_WAIT_S = 60.0  # the clock of a board that sleeps goes on, that of a waiting thread may not


class Escalations:
    """The outbox at work; ``journal`` is the record of all requests, in the same file.

    ``parts`` passes streamed pieces on, as a companion of the node.

    ``now`` is the clock of the requests that come in. Any thread may call.

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
        self._gate = gate or OpenGate()
        self._presence = Presence(options.presence_wait_s)
        self._file, self._quarantined = open_queue(path)
        self._now = self._file.now
        self._outlet = Outlet()
        self._outbox = Outbox(self._file)
        self._thread = QueueThread(self._file, self._advance, self._reopen)
        self._events = Events(self._file, self._thread, self._outlet, topics)
        self.journal = Journal(self._file, self._thread, self._outlet, self._events, options, now)
        self.parts = RelayedParts(topics)
        self._answering = Answering(
            self._file, self._outbox, self.journal, self._thread, self._outlet, self._events,
            options, self.parts,
        )  # fmt: skip
        self._asking = Asking(
            self._outbox, self._thread, self._outlet, self._events, self._answering, self.parts,
            topics=topics, handler=handler, inference=inference, options=options, gate=self._gate,
            now=self._now,
        )  # fmt: skip
        self._intake = Intake(
            self._file, self._outbox, self.journal, self._thread, self._outlet, self._events,
            self._answering, self._asking, options, now,
        )  # fmt: skip
        self._forgetting = Forgetting(
            self._file, self._outbox, self.journal, self._thread, self._outlet,
            self._asking.let_go,
        )  # fmt: skip
        self._pause = Pause(self._file)
        self.owner = Owner(self._file, self._outbox, self._thread.ask, self._asking.withdraw)
        self._flush_since: float | None = None
        self._oldest: float | None = None
        self._dropped = self._events.counts()

    def start(self, sender: Sender) -> None:
        """Begin to work; what was left by an earlier process goes on."""
        self._outlet.open(sender)
        self._thread.start()
        self._tell_quarantined(self._quarantined)

    def stop(self) -> None:
        """Finish what was posted, and close the file."""
        self.journal.close()
        self._thread.stop()

    def connected(self) -> None:
        """The broker is there, and says which workers are online."""
        self._thread.post(self._presence.connected)

    def lost(self) -> None:
        """The broker is gone."""
        self._thread.post(self._presence.lost)

    def worker(self, name: str, *, online: bool) -> None:
        """A worker came or went."""
        self._thread.post(partial(self._worker, name, online=online))

    def add(self, incoming: Incoming, pending: Pending) -> None:
        """Keep a query until it is answered; acknowledges the request once it is on disk."""
        self.journal.expect(key_of(incoming), is_escalated=True)
        self._thread.post(
            partial(self._intake.add, incoming, with_stream(pending, incoming.request)),
            partial(self._intake.disk_failed, incoming, pending),
        )

    def repeated(self, incoming: Incoming) -> None:
        """A request came again that the journal says waits: say again what was said last."""
        self._thread.post(partial(self._intake.repeated, incoming))

    def replied(self, reply: Reply, message: Message) -> None:
        """A worker answered; acknowledges the message once the answer is on disk."""
        self._thread.post(
            partial(self._asking.replied, reply, message),
            partial(self._outlet.acknowledge, message),
        )

    def cancel(self, client: str, key: bytes) -> None:
        """Answer what a client asked under a correlation or id with 499, and tell the workers."""
        self._thread.post(partial(self._asking.cancel, client, key))

    def pause(self, is_paused: bool) -> None:  # noqa: FBT001 - says its name
        """Let escalations wait from now on, or go on; survives a restart."""
        self._pause.set(is_paused)
        self._thread.post(self._pause.keep)

    def flush(self) -> None:
        """Let everything that waits be due now."""
        self._thread.post(self._flush)

    def forget(self, client: str | None, session: str | None) -> int:
        """Delete what is kept of a client or its session; return how many queries these were.

        Raises:
            UnavailableError: the file could not be changed.
        """
        return self._forgetting.forget(client, session)

    def depth(self) -> Depth:
        """Return how much waits, as of the last change."""
        totals, oldest = self._file.totals, self._oldest
        return Depth(
            escalations=totals.escalations,
            bytes=totals.escalation_bytes + totals.request_bytes,
            oldest_s=None if oldest is None else max(0.0, self._now() - oldest),
            dropped=self._dropped,
            workers=len(self._presence.workers()),
            is_paused=self._pause.is_on,
        )

    # the queue's thread

    def _advance(self) -> float | None:
        """Do what is due; return the seconds until something is."""
        has_purged_all = self._forgetting.purge()
        expired = self._outbox.expired()
        for row in expired:
            self._answering.expire(row)
        lists = [expired, self._asking.give_up_overdue()]
        if self._flush_since is not None and not self._outbox.make_due(self._flush_since):
            self._flush_since = None
        can_send = False
        closed: Refusal | None = None
        if self._outlet.is_ready:
            workers = self._presence.workers()
            closed = self._closed() if workers else None
            if workers and closed is None:
                can_send = self._asking.claim()
            may_go = closed is None and (bool(workers) or not self._presence.is_known())
            untold = self._outbox.untold(only_failed=may_go)
            for row in untold:
                why = row.why or NO_WORKER if closed is None else closed.error()
                self._answering.tell(row, why)
            lists.append(untold)
            self._answering.deliver()
            self.journal.deliver()
        self._oldest = self._outbox.oldest()
        self._dropped = self._events.counts()
        if (
            any(lists)
            or not has_purged_all
            or self._flush_since is not None
            or self.journal.has_more
        ):
            return _SOON_S
        return self._wait_s(can_send=can_send, closed=closed)

    def _reopen(self) -> None:
        self._tell_quarantined(reopen(self._file))

    def _tell_quarantined(self, facts: Facts | None) -> None:
        if facts is not None:
            self._thread.post(lambda: self._events.tell("quarantined", **facts))

    def _closed(self) -> Refusal | None:
        if self._pause.is_on:
            return Refusal("escalations are paused", LOOK_S)
        return self._gate.closed()

    def _wait_s(self, *, can_send: bool, closed: Refusal | None) -> float:
        waits = [_LONGEST_WAIT_S, self._presence.unknown_for_s()]
        if closed is not None:
            waits.append(min(LOOK_S, max(_SOON_S, closed.retry_after_s or LOOK_S)))
        times = (self._outbox.next_due(can_send=can_send), self.journal.next_due())
        waits += [max(_SOON_S, due - self._now()) for due in times if due is not None]
        return min(wait for wait in waits if wait is not None)

    def _worker(self, name: str, *, online: bool) -> None:
        if self._presence.update(name, online=online):
            self._gate.try_now()
            self._flush()

    def _flush(self) -> None:
        self._flush_since = self._now()
