# ruff: noqa: S608 - queries are put together from constants of this room only
"""The durable queue of escalations: what it holds survives a power cut at any moment.

A row goes waiting -> claimed -> answered, or back from claimed to waiting. It is deleted once the
broker took the final answer; the journal then remembers that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from edge_runtime.bridge.queue.file.checksum import crc
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.file.schema import ANSWERED, BROKEN, CLAIMED, WAITING
from edge_runtime.bridge.queue.row import COLUMNS, STATES, NewRow, Row, State, row_of

_HIGHEST = f"SELECT max(priority) FROM escalations WHERE state = {WAITING} AND priority < ?"
_FEW = 10
_ANY = 1000  # above every priority


class Outbox:
    """The rows of escalations; every method is one transaction unless it runs inside a batch."""

    def __init__(self, file: QueueFile) -> None:
        self._file = file

    def enqueue(self, new: NewRow) -> bool:
        """Add an escalation, due now; False when the same request is there already."""
        cursor = self._file.db.execute(
            "INSERT INTO escalations"
            " (escalation, client, correlation, digest, priority, arrived, due, expires, route,"
            " route_crc, pending, content_crc)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (client, correlation, digest) DO NOTHING",
            (new.escalation, *new.key, new.priority, new.arrived, self._file.now(), new.expires,
             new.route, crc(new.route), new.pending, crc(new.pending, b"")),
        )  # fmt: skip
        is_new = cursor.rowcount > 0
        if is_new:
            self._file.totals.add_escalation(new.size_bytes)
            self._file.keys.add(new.key)
        return is_new

    def find(self, key: tuple[str, bytes, bytes]) -> Row | None:
        """Return the row of a request."""
        rows = self._rows("client = ? AND correlation = ? AND digest = ?", *key)
        return rows[0] if rows else None

    def outstanding(self, escalation: str) -> Row | None:
        """Return the row that was sent under this id and still waits for a reply."""
        rows = self._rows(f"escalation = ? AND state <= {CLAIMED} AND sent >= 0", escalation)
        return rows[0] if rows else None

    def asked_by(self, client: str, correlation: bytes) -> list[Row]:
        """Return what a client asked under a correlation and is not answered yet."""
        return self._rows(
            f"client = ? AND correlation = ? AND state <= {CLAIMED}", client, correlation
        )

    def in_flight(self) -> int:
        """Return how many rows are with a worker."""
        query = f"SELECT count(*) FROM escalations WHERE state = {CLAIMED}"
        return int(self._file.db.execute(query).fetchone()[0])

    def claim(self, limit: int, timeout_s: float) -> list[Row]:
        """Claim due rows, the most important first, of these the one that is due first.

        Their reply is overdue after ``timeout_s``.
        """
        now = self._file.now()
        rows: list[Row] = []
        for priority in self._priorities():
            if len(rows) >= limit:
                break
            rows += self._rows(
                f"state = {WAITING} AND priority = ? AND due <= ? ORDER BY due, id LIMIT ?",
                priority, now, limit - len(rows),
            )  # fmt: skip
        self._file.db.executemany(
            f"UPDATE escalations SET state = {CLAIMED}, sent = ?, due = ? WHERE id = ?",
            [(now, now + timeout_s, row.id) for row in rows],
        )
        return rows

    def retry(self, row_id: int, delay_s: float, why: str, *, counts: bool = True) -> None:
        """Let a claimed row wait again, due in ``delay_s``; ``counts``: it may be its own fault."""
        self._file.db.execute(
            f"UPDATE escalations SET state = {WAITING}, due = ?, attempts = attempts + 1,"
            f" failures = failures + ?, why = ? WHERE id = ? AND state <= {CLAIMED}",
            (self._file.now() + delay_s, counts, why, row_id),
        )

    def read_begins(self, row_id: int) -> None:
        """Note that a reply is about to be read, which may end the process."""
        self._file.db.execute(
            "UPDATE escalations SET crashes = crashes + 1 WHERE id = ?", (row_id,)
        )

    def make_due(self, since: float) -> bool:
        """Make a page of rows due that were last tried before ``since``; return if there is more.

        For example because a worker came online.
        """
        page_rows = self._file.page_rows
        for priority in self._priorities():
            cursor = self._file.db.execute(
                "UPDATE escalations SET due = ?1 WHERE id IN"
                f" (SELECT id FROM escalations WHERE state = {WAITING} AND priority = ?2"
                " AND due > ?1 AND sent < ?1 ORDER BY due LIMIT ?3)",
                (since, priority, page_rows),
            )
            if cursor.rowcount == page_rows:
                return True
        return False

    def renew(self, row_id: int) -> None:
        """Make a waiting row due now, as if it had never been tried."""
        self._file.db.execute(
            "UPDATE escalations SET due = ?, attempts = 0, failures = 0, crashes = 0"
            f" WHERE id = ? AND state = {WAITING}",
            (self._file.now(), row_id),
        )

    def tell(self, row_id: int) -> None:
        """Note that whoever asked knows that it takes longer."""
        self._file.db.execute("UPDATE escalations SET told = 1 WHERE id = ?", (row_id,))

    def answer(self, row: Row, answer: bytes) -> bool:
        """Keep the final answer until it is delivered; False when there is one already."""
        cursor = self._file.db.execute(
            f"UPDATE escalations SET state = {ANSWERED}, answer = ?, pending = x'',"
            f" content_crc = ? WHERE id = ? AND state <= {CLAIMED}",
            (answer, crc(b"", answer), row.id),
        )
        if cursor.rowcount:
            self._file.totals.add_escalation(row.size_bytes, -1)
        return cursor.rowcount > 0

    def set_broken(self, row: Row, keep_s: float) -> None:
        """Put a row aside that cannot be read."""
        self._file.db.execute(
            f"UPDATE escalations SET state = {BROKEN}, due = ? WHERE id = ?",
            (self._file.now() + keep_s, row.id),
        )
        if row.state in {"waiting", "claimed"}:
            self._file.totals.add_escalation(row.size_bytes, -1)

    def purge(self) -> int:
        """Delete rows that were put aside long enough; return how many."""
        return self._delete(f"state = {BROKEN} AND due <= ?", self._file.now())

    def delete(self, row_ids: Iterable[int]) -> int:
        """Delete rows at once; return how many there were."""
        return sum(self._delete("id = ?", row_id) for row_id in row_ids)

    def least_important(self, which: Literal["first", "last"]) -> Iterator[Row]:
        """Yield waiting rows, the lowest priority first, and of each a few, first or last due."""
        order = {"first": "ASC", "last": "DESC"}[which]
        for priority in reversed(self._priorities()):
            yield from self._rows(
                f"state = {WAITING} AND priority = ? ORDER BY due {order}, id {order} LIMIT {_FEW}",
                priority,
            )

    def expired(self) -> list[Row]:
        """Rows without an answer whose time is over."""
        return self._page(f"state <= {CLAIMED} AND expires <= ?", self._file.now())

    def overdue(self) -> list[Row]:
        """Claimed rows whose worker did not answer in time."""
        return self._page(f"state = {CLAIMED} AND due <= ?", self._file.now())

    def untold(self, *, only_failed: bool) -> list[Row]:
        """Waiting rows of which nobody was told that it takes longer."""
        failed = "AND why <> ''" if only_failed else ""
        return self._page(f"state = {WAITING} AND told = 0 {failed}")

    def answered(self, known: set[int]) -> list[Row]:
        """Rows whose final answer the broker has not taken yet, but for those that are known."""
        ids = self._file.db.execute(
            f"SELECT id FROM escalations WHERE state = {ANSWERED} LIMIT ?", (self._file.page_rows,)
        )
        found = [row_id for (row_id,) in ids if row_id not in known]
        return [row for row_id in found for row in self._rows("id = ?", row_id)]

    def named(self, begin: str) -> list[Row]:
        """Return two rows at most whose id begins so; looks at all rows."""
        after = f"{begin}\x7f"  # above all hexadecimal digits
        return self._rows("escalation >= ? AND escalation < ? LIMIT 2", begin, after)

    def page(self, after: int = 0, client: str | None = None) -> list[Row]:
        """Return rows in the order of arrival, in whatever state, of a client if one is named."""
        return self._page("id > ? AND client = ifnull(?, client) ORDER BY id", after, client)

    def next_due(self, *, can_send: bool) -> float | None:
        """Return when something has to be done next; None if never."""
        times = [
            f"SELECT min(expires) FROM escalations WHERE state <= {CLAIMED}",
            f"SELECT min(due) FROM escalations WHERE state = {CLAIMED}",
            f"SELECT min(due) FROM escalations WHERE state = {BROKEN}",
        ]
        found = [self._file.db.execute(query).fetchone()[0] for query in times]
        if can_send:
            waiting = f"SELECT min(due) FROM escalations WHERE state = {WAITING} AND priority = ?"
            for priority in self._priorities():
                found += self._file.db.execute(waiting, (priority,)).fetchone()
        return min((time for time in found if time is not None), default=None)

    def oldest(self) -> float | None:
        """Return when the oldest row without an answer arrived."""
        found = self._file.db.execute(
            "SELECT arrived FROM escalations INDEXED BY unanswered"
            f" WHERE state <= {CLAIMED} ORDER BY id LIMIT 1"
        ).fetchone()
        return found[0] if found else None

    def counts(self) -> dict[State, int]:
        """Return the number of rows by state; looks at all of them."""
        query = "SELECT state, count(*) FROM escalations GROUP BY state"
        return {STATES[state]: count for state, count in self._file.db.execute(query)}

    def _priorities(self) -> list[int]:
        """Return the priorities of waiting rows, the highest first; one look for each."""
        found: list[int] = []
        while True:
            below = found[-1] if found else _ANY
            (priority,) = self._file.db.execute(_HIGHEST, (below,)).fetchone()
            if priority is None:
                return found
            found.append(priority)

    def _delete(self, condition: str, value: float) -> int:
        deleted = self._file.db.execute(
            f"DELETE FROM escalations WHERE {condition} RETURNING state,"
            " length(route) + length(pending), client, correlation, digest",
            (value,),
        ).fetchall()
        for state, size_bytes, *key in deleted:
            if state <= CLAIMED:
                self._file.totals.add_escalation(size_bytes, -1)
            self._file.keys.remove(tuple(key))
        return len(deleted)

    def _page(self, condition: str, *values: float | str | None) -> list[Row]:
        return self._rows(f"{condition} LIMIT ?", *values, self._file.page_rows)

    def _rows(self, condition: str, *values: float | str | bytes | None) -> list[Row]:
        found = self._file.db.execute(
            f"SELECT {COLUMNS} FROM escalations WHERE {condition}", values
        )
        return [row_of(each) for each in found]
