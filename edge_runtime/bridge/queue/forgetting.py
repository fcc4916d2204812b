"""Deletes what the queue holds: of a client, of one of its sessions, and without a trace."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.protocol.route import response
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.bridge.queue.record import Record
from edge_runtime.bridge.queue.row import Row
from edge_runtime.errors import ExpiredError, UnavailableError
from edge_runtime.messages import error_answer

_log = logging.getLogger(__name__)


class Forgetting:
    """Deletes rows of a running node, a page at a time, so that the journal stays small.

    ``let_go`` is told of each row that goes.
    """

    def __init__(
        self,
        file: QueueFile,
        outbox: Outbox,
        journal: Journal,
        thread: QueueThread,
        outlet: Outlet,
        let_go: Callable[[Row], None],
    ) -> None:
        self._file = file
        self._outbox = outbox
        self._journal = journal
        self._thread = thread
        self._outlet = outlet
        self._let_go = let_go

    def forget(self, client: str | None, session: str | None) -> int:
        """Delete the rows of a client or its session, of all where None is named; return how many.

        Whoever still waits for an answer is told. Any thread but the queue's may call.

        Raises:
            UnavailableError: the file could not be changed.
        """
        count, after = 0, 0
        while True:
            last, deleted = self._thread.ask(partial(self._delete, after, client, session))
            count += deleted
            if last is None:
                break
            after = last
        while deleted := self._thread.ask(partial(self._journal.forget, client)):
            count += deleted
        done: list[bool] = []
        self._thread.ask(lambda: self._thread.after(lambda: done.append(self._compact())))
        if not all(done):
            raise UnavailableError("the outbox could not be changed; see the node's log")
        return count

    def purge(self) -> bool:
        """Delete what was kept long enough; return whether that was all. From a step."""
        answers = self._journal.purge()
        broken = self._outbox.purge()
        if (answers or broken) and self._file.is_empty:
            self._thread.after(self._tidy)
        return not answers

    def _delete(
        self, after: int, client: str | None, session: str | None
    ) -> tuple[int | None, int]:
        """Return the last id that was looked at, None if there was none, and how many went."""
        rows = self._outbox.page(after, client)
        wanted = [row for row in rows if _is_of(row, session)]
        for row in wanted:
            self._tell(row)
            self._let_go(row)
        self._outbox.delete(row.id for row in wanted)
        return rows[-1].id if rows else None, len(wanted)

    def _tell(self, row: Row) -> None:
        route = row.read_route()
        if route is None:
            return
        said = ExpiredError("the query was deleted from the device, by edge-run forget")
        message = response(error_answer(route.request_id, "", said), route, self._file.now())
        self._thread.after(lambda: self._outlet.publish_now(message))

    def _tidy(self) -> None:
        self._compact()

    def _compact(self) -> bool:
        try:
            self._file.compact()
        except sqlite3.Error as exc:
            log_failure(_log, "the outbox may still hold traces of what was deleted", exc)
            return False
        return True


def forget_at_rest(path: Path, client: str | None, session: str | None) -> int:
    """Delete from the outbox of a node that does not run; return how many rows there were.

    The caller sees to it that no process owns the file.

    Raises:
        ConfigError: the file is no outbox.
        UnavailableError: the disk fails.
    """
    file = QueueFile(path)
    outbox, record = Outbox(file), Record(file)
    count, after = 0, 0
    try:
        while rows := outbox.page(after, client):
            wanted = [row.id for row in rows if _is_of(row, session)]
            with file.batch():
                outbox.delete(wanted)
            count += len(wanted)
            after = rows[-1].id
        while True:
            with file.batch():
                deleted = record.forget(client, with_accepted=True)
            if not deleted:
                break
            count += deleted
        file.compact()
    except sqlite3.Error as exc:
        raise UnavailableError(f"the outbox {path} could not be changed: {exc}") from exc
    finally:
        file.close()
    return count


def _is_of(row: Row, session: str | None) -> bool:
    """Whether a row is of a session, any where None is named.

    One that does not tell its session any more, since it is answered, counts as of every one, as
    all that the journal has.
    """
    pending = None if session is None else row.read_pending()
    return pending is None or pending.session == session
