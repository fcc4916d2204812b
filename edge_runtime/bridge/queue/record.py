# ruff: noqa: S608 - queries are put together from constants of this room only
"""The table of requests: what was answered, and what was taken over and is not answered yet."""

from __future__ import annotations

import contextlib
import sqlite3
import threading

import msgspec

from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.queue.accepted import Accepted
from edge_runtime.bridge.queue.file.checksum import crc
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.file.schema import (
    ACCEPTED,
    ANSWERED,
    BROKEN,
    TAKEN,
    UNDELIVERED,
)
from edge_runtime.bridge.queue.kept import Kept, Key, Waiting
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import encode

_KEY = "client, correlation, digest"
_IS = "client = ?1 AND correlation = ?2 AND digest = ?3"
# in one statement: a row may be moved from one table to the other at any moment
_LOOK = (
    f"SELECT 0, state, accepted, answer, code, source, crc FROM requests WHERE {_IS} UNION ALL "
    f"SELECT 1, state, pending, answer, '', '', content_crc FROM escalations WHERE {_IS}"
)
_SIZE = "length(route) + length(accepted) + length(answer)"
_OLDEST = f"SELECT id FROM requests WHERE state = {TAKEN} ORDER BY due, id LIMIT ?"
_OVER = f"SELECT id FROM requests WHERE state = {TAKEN} AND due <= ? ORDER BY due, id LIMIT ?"
_SPLIT_BYTES = 8 * 4096  # pages that a row may take in the table and its indexes


class Record:
    """The rows of the journal. All but ``look`` is for the thread that writes the file."""

    def __init__(self, file: QueueFile) -> None:
        self._file = file
        self._reading = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._generation = file.generation

    def close(self) -> None:
        """Close what ``look`` has opened."""
        with self._reading:
            self._close()

    def look(self, key: Key) -> Kept | Waiting | None:
        """Return what is committed about a request; any thread may ask.

        Most requests are new, and then nothing is read.

        Raises:
            UnavailableError: the disk cannot be read.
        """
        if key not in self._file.keys:
            return None
        with self._reading:
            if self._generation != self._file.generation:
                self._close()
            try:
                self._reader = self._reader or self._file.reader()
                found = self._reader.execute(_LOOK, key).fetchone()
            except sqlite3.Error as exc:
                self._close()
                raise UnavailableError(f"the journal cannot be read: {exc}") from exc
        return None if found is None else _found(*found)

    def find(self, key: Key) -> Kept | None:
        """Return the answer to a request that the journal has."""
        found = self._file.db.execute(_LOOK, key).fetchone()
        seen = None if found is None or found[0] else _found(*found)
        return seen if isinstance(seen, Kept) else None

    def accept(self, key: Key, accepted: Accepted) -> bool:
        """Add a request without an answer; False when it is known."""
        route, content = encode(accepted.route), encode(accepted)
        escalated = f"SELECT 1 FROM escalations WHERE {_IS} AND state <> {BROKEN}"
        if self._file.db.execute(escalated, key).fetchone() is not None:
            return False
        cursor = self._file.db.execute(
            "INSERT INTO requests (client, correlation, digest, state, route, route_crc, accepted,"
            f" crc) VALUES (?, ?, ?, {ACCEPTED}, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*key, route, crc(route), content, crc(content, b"")),
        )
        if cursor.rowcount:
            self._added(key, len(route) + len(content))
        return cursor.rowcount > 0

    def keep(self, key: Key, kept: Kept, keep_s: float) -> None:
        """Set the answer to a request that nobody has to deliver, because the broker has it still.

        It is kept for ``keep_s``.
        """
        cursor = self._file.db.execute(
            "INSERT INTO requests (client, correlation, digest, state, due, answer, code, source,"
            f" crc) VALUES (?, ?, ?, {TAKEN}, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*key, self._file.now() + keep_s, kept.payload, kept.code, kept.source,
             crc(b"", kept.payload)),
        )  # fmt: skip
        if cursor.rowcount:
            self._added(key, len(kept.payload))
        else:
            self._answer(key, kept, TAKEN, keep_s)

    def answer(self, key: Key, kept: Kept) -> None:
        """Set the answer to an accepted request, which has to be delivered."""
        self._answer(key, kept, UNDELIVERED, 0.0)

    def _answer(self, key: Key, kept: Kept, state: int, keep_s: float) -> None:
        ((before,),) = self._file.db.execute(
            f"SELECT {_SIZE} FROM requests WHERE {_IS}", key
        ).fetchall()
        ((after,),) = self._file.db.execute(
            f"UPDATE requests SET state = ?4, due = ?5, accepted = x'', answer = ?6, code = ?7,"
            f" source = ?8, crc = ?9 WHERE {_IS} RETURNING {_SIZE}",
            (*key, state, self._file.now() + keep_s, kept.payload, kept.code, kept.source,
             crc(b"", kept.payload)),
        ).fetchall()  # fmt: skip
        self._file.totals.request_bytes += after - before

    def delivered(self, key: Key, keep_s: float) -> None:
        """Note that the broker took the answer."""
        self._file.db.execute(
            f"UPDATE requests SET state = {TAKEN}, due = ?4 WHERE {_IS} AND state = {UNDELIVERED}",
            (*key, self._file.now() + keep_s),
        )

    def tried(self, key: Key) -> None:
        """Note that an accepted request is tried once more."""
        self._file.db.execute(f"UPDATE requests SET attempts = attempts + 1 WHERE {_IS}", key)

    def delete(self, key: Key) -> None:
        """Delete what is known of a request."""
        self._delete(_IS, *key)

    def forget(self, client: str | None, *, with_accepted: bool) -> int:
        """Delete a page of what is known of a client, of all where None is named; return how many.

        ``with_accepted``: those too that are not answered yet.
        """
        least = ACCEPTED if with_accepted else UNDELIVERED
        return self._delete(
            f"id IN (SELECT id FROM requests WHERE state >= {least} AND"
            f" client = ifnull(?, client) LIMIT ?)",
            client,
            self._file.page_rows,
        )

    def limit(self, most_rows: int, most_bytes: int) -> None:
        """Delete the oldest answers if there are too many."""
        totals = self._file.totals
        while totals.requests > most_rows or totals.request_bytes > most_bytes:
            if not self._delete(f"id IN ({_OLDEST})", self._file.page_rows):
                return

    def make_room(self, size_bytes: int) -> bool:
        """Delete the oldest answers until the file has room for one of that size; whether it has.

        For a full disk: the file need not grow then, and its journal has the reserve.
        """
        while self._file.free_bytes < size_bytes + _SPLIT_BYTES:
            if not self._delete(f"id IN ({_OLDEST})", self._file.page_rows):
                return False
        return True

    def is_full(self, most_bytes: int) -> bool:
        """Whether there is no room for another request."""
        self.limit(2**62, most_bytes)
        return self._file.totals.request_bytes > most_bytes

    def purge(self) -> int:
        """Delete a page of answers that were kept long enough; return how many."""
        return self._delete(f"id IN ({_OVER})", self._file.now(), self._file.page_rows)

    def next_due(self) -> float | None:
        """Return when an answer will have been kept long enough; None if there is none."""
        query = f"SELECT min(due) FROM requests WHERE state = {TAKEN}"
        due: float | None = self._file.db.execute(query).fetchone()[0]
        return due

    def open_keys(self, state: int) -> list[Key]:
        """Return the requests in the state ``ACCEPTED`` or ``UNDELIVERED``, the oldest first."""
        return self._file.db.execute(
            f"SELECT {_KEY} FROM requests INDEXED BY open"
            f" WHERE state < {TAKEN} AND state = ? ORDER BY id",
            (state,),
        ).fetchall()

    def accepted(self, key: Key) -> tuple[Accepted | None, int]:
        """Return an accepted request, None if the disk has changed it, and how often it was tried.

        Raises:
            KeyError: there is none.
        """
        found = self._file.db.execute(
            f"SELECT accepted, attempts, crc FROM requests WHERE {_IS} AND state = {ACCEPTED}", key
        ).fetchone()
        if found is None:
            raise KeyError(key)
        content, attempts, checksum = found
        if crc(content, b"") != checksum:
            return None, attempts
        try:
            return msgspec.json.decode(content, type=Accepted), attempts
        except msgspec.MsgspecError:
            return None, attempts

    def undelivered(self, key: Key) -> tuple[Route | None, Kept] | None:
        """Return an answer that the broker has not taken; without its route if that is damaged."""
        found = self._file.db.execute(
            "SELECT route, route_crc, answer, code, source FROM requests"
            f" WHERE {_IS} AND state = {UNDELIVERED}",
            key,
        ).fetchone()
        if found is None:
            return None
        content, checksum, *kept = found
        try:
            route = msgspec.json.decode(content, type=Route) if crc(content) == checksum else None
        except msgspec.MsgspecError:
            route = None
        return route, Kept(*kept)

    def _close(self) -> None:
        self._generation = self._file.generation
        if self._reader is not None:
            with contextlib.suppress(sqlite3.Error):
                self._reader.close()
            self._reader = None

    def _added(self, key: Key, size_bytes: int) -> None:
        self._file.totals.add_request(size_bytes)
        self._file.keys.add(key)

    def _delete(self, condition: str, *values: str | bytes | float | None) -> int:
        deleted = self._file.db.execute(
            f"DELETE FROM requests WHERE {condition} RETURNING {_SIZE}, {_KEY}", values
        ).fetchall()
        for size_bytes, *key in deleted:
            self._file.totals.add_request(size_bytes, -1)
            self._file.keys.remove(tuple(key))
        return len(deleted)


def _found(  # noqa: PLR0913 - the columns of a row
    is_escalated: int,
    state: int,
    asked: bytes,
    answer: bytes | None,
    code: str,
    source: str,
    checksum: int,
) -> Kept | Waiting | None:
    if is_escalated and state == BROKEN:
        return None
    is_answered = state == ANSWERED if is_escalated else state in {UNDELIVERED, TAKEN}
    if not is_answered or answer is None:
        return Waiting(bool(is_escalated))
    if crc(asked, answer) != checksum:
        # of an escalation it will be noticed on the way out
        return Waiting(is_escalated=True) if is_escalated else None
    if not is_escalated:
        return Kept(answer, code, source)
    try:
        return Kept.read(answer)
    except msgspec.MsgspecError:
        return Waiting(is_escalated=True)
