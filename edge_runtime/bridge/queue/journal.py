"""The journal: answers are remembered before they leave, accepted requests until they are answered.

It shares file, thread and transactions with the outbox.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import trace_of
from edge_runtime.bridge.queue.accepted import Accepted
from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.file.schema import ACCEPTED, UNDELIVERED
from edge_runtime.bridge.queue.kept import Kept, Key, Waiting, key_of
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.bridge.queue.record import Record
from edge_runtime.bridge.queue.remembered import Remembered
from edge_runtime.bridge.queue.replies import given_up
from edge_runtime.messages import error_answer

_PAGE = 10  # answers that are sent at a time

Step = Callable[[], None]


class Journal:
    """The record of requests and answers, by client, correlation and content.

    With ``journal="memory"`` nothing of it is written: answers are remembered by this process
    only, and no request is accepted, so that the broker keeps it until it is answered.
    """

    def __init__(
        self,
        file: QueueFile,
        thread: QueueThread,
        outlet: Outlet,
        events: Events,
        options: EscalationOptions,
        now: Callable[[], float],
    ) -> None:
        self._file = file
        self._record = Record(file)
        self._thread = thread
        self._outlet = outlet
        self._events = events
        self._options = options
        self._now = now
        self._fresh_lock = threading.Lock()
        self._fresh: dict[Key, Kept | Waiting] = {}  # what is not on disk yet
        self._remembered = Remembered(options.keep_rows, options.keep_bytes, options.keep_answer_s)
        # requests that the broker has forgotten and whose answer it has not got
        self._left = self._record.open_keys(ACCEPTED)
        self._undelivered = deque(self._record.open_keys(UNDELIVERED))
        self._accepted = {*self._left, *self._undelivered}
        self._given_back: set[Key] = set()  # and not begun in this process

    # any thread

    def find(self, incoming: Incoming) -> Kept | Waiting | None:
        """Return the answer to the same request before, that one will come, or None for neither.

        Raises:
            UnavailableError: the disk cannot be read.
        """
        key = key_of(incoming)
        with self._fresh_lock:
            found = self._fresh.get(key)
        if isinstance(found, Kept) or (found is not None and found.is_escalated):
            return found
        # a repeat that is just being accepted hides no answer
        return self._remembered.get(key) or self._record.look(key) or found

    def keep(self, incoming: Incoming, kept: Kept, then: Step) -> None:
        """Remember a final answer; ``then`` runs once it is on disk, on the queue's thread.

        On a full disk it takes the place of the oldest ones. If the disk fails ``then`` runs all
        the same, and the answer is remembered in memory.
        """
        key = key_of(incoming)
        if not self._options.writes_journal:
            self._remembered.put(key, kept)
            then()
            return
        self._set_fresh(key, kept)
        self._thread.post(
            partial(self._keep, key, kept, then), partial(self._lost, key, kept, then),
            advances=False,
        )  # fmt: skip

    def accept(self, incoming: Incoming, then: Step) -> None:
        """Take a request that is not answered yet over from the broker.

        ``then`` acknowledges it and runs once the request is on disk; never if the disk fails or
        is full, or nothing is written: the broker goes on keeping the request.
        """
        if not self._options.writes_journal:
            return
        key = key_of(incoming)
        self.expect(key, is_escalated=False)
        self._thread.post(
            partial(self._accept, key, incoming, then), partial(self._refuse, key), advances=False
        )

    def delivered(self, incoming: Incoming) -> None:
        """Note that the broker has taken the final answer to a request that may be accepted."""
        key = key_of(incoming)
        if key in self._accepted:
            self._thread.post(partial(self._delivered, key), advances=False)

    def unanswered(self) -> list[Incoming]:
        """Return the requests that an earlier process accepted and left without an answer.

        Their messages need no acknowledgement. One that several processes have begun and never
        answered is answered with an error instead: it seems to end every process that tries.

        Raises:
            UnavailableError: the file cannot be changed.
        """
        return self._thread.ask(self._unanswered)

    def begins(self, incoming: Incoming) -> None:
        """Note that the model begins with a request; waits for the disk if it was given back.

        Those that only wait while a device loses power are not to blame.

        Raises:
            UnavailableError: the file cannot be changed.
        """
        key = key_of(incoming)
        if key in self._given_back:
            self._given_back.discard(key)
            self._thread.ask(partial(self._record.tried, key))

    def expect(self, key: Key, *, is_escalated: bool) -> None:
        """Let ``find`` know that a request is on its way to the disk."""
        self._set_fresh(key, Waiting(is_escalated))

    def expected(self, key: Key) -> None:
        """It is there now, or never will be."""
        self._forget(key, None)

    def close(self) -> None:
        """Close what ``find`` has opened."""
        self._record.close()

    # the queue's thread

    def escalated(self, key: Key) -> None:
        """The outbox has the request now, in this transaction."""
        if key in self._accepted:
            self._record.delete(key)
            self._thread.after(partial(self._accepted.discard, key))

    def answered(self, key: Key) -> Kept | None:
        """Return the answer that the file has to a request."""
        return self._remembered.get(key) or self._record.find(key)

    def remember(self, key: Key, kept: Kept) -> None:
        """Keep an answer that was delivered."""
        if not self._options.writes_journal:
            self._remembered.put(key, kept)
            return
        self._record.keep(key, kept, self._options.keep_answer_s)
        self._record.limit(self._options.keep_rows, self._options.keep_bytes)

    def finish(self, key: Key, kept: Kept) -> bool:
        """Answer a request that was accepted and deliver that; False if it was not accepted."""
        if key not in self._accepted:
            return False
        self._record.answer(key, kept)
        self._thread.after(partial(self._undelivered.append, key))
        return True

    def deliver(self) -> None:
        """Publish some of the answers whose requests the broker has forgotten."""
        page = list(itertools.islice(self._undelivered, _PAGE))
        for key in page:
            self._deliver(key)
        self._thread.after(lambda: self._drop_first(len(page)))

    def forget(self, client: str | None) -> int:
        """Delete a page of the answers to a client, to all where None is named; return how many."""
        return self._remembered.forget(client) + self._record.forget(client, with_accepted=False)

    def purge(self) -> int:
        """Delete a page of what was kept long enough; return how many."""
        return self._record.purge()

    def next_due(self) -> float | None:
        """Return when there is something to purge, None for never."""
        return self._record.next_due()

    @property
    def has_more(self) -> bool:
        """Whether ``deliver`` has more to do."""
        return bool(self._undelivered)

    def _keep(self, key: Key, kept: Kept, then: Step) -> None:
        if key in self._accepted:
            self._record.answer(key, kept)
        elif self._file.has_room or self._record.make_room(len(kept.payload)):
            self.remember(key, kept)
        else:
            self._thread.after(partial(self._lost, key, kept, then))
            return
        self._thread.after(partial(self._forget, key, kept))
        self._thread.after(then)

    def _lost(self, key: Key, kept: Kept, then: Step) -> None:
        self._remembered.put(key, kept)
        self._forget(key, kept)
        then()

    def _accept(self, key: Key, incoming: Incoming, then: Step) -> None:
        if not self._file.has_room or self._record.is_full(self._options.keep_bytes):
            self._thread.after(partial(self.expected, key))
            return
        accepted = Accepted.of(incoming, self._now(), self._file.now())
        if self._record.accept(key, accepted):
            self._accepted.add(key)
        self._thread.after(partial(self.expected, key))
        self._thread.after(then)

    def _refuse(self, key: Key) -> None:
        self._accepted.discard(key)
        self.expected(key)

    def _delivered(self, key: Key) -> None:
        self._record.delivered(key, self._options.keep_answer_s)
        self._record.limit(self._options.keep_rows, self._options.keep_bytes)
        self._thread.after(partial(self._accepted.discard, key))

    def _deliver(self, key: Key) -> None:
        found = self._record.undelivered(key)
        if found is None:
            return
        route, kept = found
        if route is None:
            self._record.delete(key)
            self._events.dropped("corrupt", client=key[0])
            return
        message = kept.message(route, self._file.now())
        done = partial(self._thread.post, partial(self._delivered, key))
        self._thread.after(lambda: self._outlet.publish(message, lambda _code: done()))

    def _unanswered(self) -> list[Incoming]:
        found = []
        for key in self._left:
            accepted, attempts = self._record.accepted(key)
            if accepted is None:
                self._record.delete(key)
                self._accepted.discard(key)
                self._events.dropped("corrupt", client=key[0])
                continue
            incoming = accepted.incoming(self._now(), self._file.now())
            if attempts >= self._options.most_crashes:
                said = given_up("the device ended each time that it tried")
                answer = error_answer(incoming.request.id, incoming.request.task, said)
                self.finish(key, Kept.of(answer, incoming.route))
                trace = dict(trace_of(incoming.route))
                self._events.dropped("poison", id=incoming.request.id, client=key[0], **trace)
            else:
                self._given_back.add(key)
                found.append(incoming)
        self._thread.after(self._left.clear)
        return found

    def _drop_first(self, count: int) -> None:
        for _ in range(count):
            self._undelivered.popleft()

    def _set_fresh(self, key: Key, found: Kept | Waiting) -> None:
        with self._fresh_lock:
            self._fresh[key] = found

    def _forget(self, key: Key, found: Kept | None) -> None:
        """Drop what is on disk now, unless something newer is on its way there."""
        with self._fresh_lock:
            there = self._fresh.get(key)
            if there is not None and (there is found or isinstance(there, Waiting)):
                del self._fresh[key]
