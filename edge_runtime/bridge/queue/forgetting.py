"""Deletes what the outbox holds: of a client, of one of its sessions, and without a trace."""

from __future__ import annotations

import logging
import queue
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import Route, response
from edge_runtime.bridge.queue.outbox import Outbox, Row
from edge_runtime.bridge.queue.outbox_thread import OutboxThread
from edge_runtime.errors import ExpiredError, UnavailableError
from edge_runtime.messages import error_answer

_log = logging.getLogger(__name__)

_TIMEOUT_S = 30.0
_UNTOLD = {"waiting", "claimed", "answered"}


class Forgetting:
    """Deletes rows of a running node; ``publish`` sends a message if the broker is there."""

    def __init__(
        self,
        outbox: Outbox,
        thread: OutboxThread,
        publish: Callable[[Message], None],
        now: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._thread = thread
        self._publish = publish
        self._now = now

    def forget(self, client: str | None, session: str | None) -> int:
        """Delete the rows of a client or its session, of all where None is named; return how many.

        Whoever still waits for an answer is told. Any thread but the outbox's may call.

        Raises:
            UnavailableError: the outbox could not be changed.
        """
        done: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread.post(lambda: self._delete(client, session, done), lambda: done.put(None))
        try:
            count = done.get(timeout=_TIMEOUT_S)
        except queue.Empty:
            count = None
        if count is None:
            raise UnavailableError("the outbox could not be changed; see the node's log")
        return count

    def purge(self) -> None:
        """Delete what was kept long enough; on the outbox thread."""
        if self._outbox.purge():
            self._thread.after(self._tidy)

    def _delete(
        self, client: str | None, session: str | None, done: queue.SimpleQueue[int | None]
    ) -> None:
        rows = rows_to_forget(self._outbox, client, session)
        for row in rows:
            if row.state in _UNTOLD:
                self._tell(row)
        self._outbox.delete([row.id for row in rows])
        self._thread.after(lambda: done.put(len(rows) if self._compact() else None))

    def _tell(self, row: Row) -> None:
        try:
            route = msgspec.json.decode(row.route, type=Route)
        except msgspec.MsgspecError:
            return
        said = ExpiredError("the query was deleted from the device, by edge-run forget")
        message = response(error_answer(route.request_id, "", said), route, self._now())
        self._thread.after(lambda: self._publish(message))

    def _tidy(self) -> None:
        self._compact()

    def _compact(self) -> bool:
        try:
            self._outbox.compact()
        except sqlite3.Error as exc:
            log_failure(_log, "the outbox may still hold traces of what was deleted", exc)
            return False
        return True


def rows_to_forget(outbox: Outbox, client: str | None, session: str | None) -> list[Row]:
    """Return the rows of a client, of all where None is named, and of its session if one is.

    A row that does not tell its session any more, since it is answered, counts as of every one.
    """
    return [row for row in outbox.of_client(client) if session in {None, _session(row, session)}]


def forget_at_rest(path: Path, client: str | None, session: str | None) -> int:
    """Delete from the outbox of a node that does not run; return how many rows there were.

    The caller sees to it that no process owns the file.

    Raises:
        ConfigError: the file is no outbox.
        UnavailableError: the disk fails.
    """
    outbox = Outbox(path, time.time)
    try:
        rows = rows_to_forget(outbox, client, session)
        with outbox.batch():
            outbox.delete([row.id for row in rows])
        outbox.compact()
    except sqlite3.Error as exc:
        raise UnavailableError(f"the outbox {path} could not be changed: {exc}") from exc
    finally:
        outbox.close()
    return len(rows)


def _session(row: Row, unknown: str | None) -> str | None:
    try:
        return msgspec.json.decode(row.pending, type=Pending).session
    except msgspec.MsgspecError:
        return unknown
