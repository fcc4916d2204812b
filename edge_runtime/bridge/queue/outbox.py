# ruff: noqa: S608 - queries are put together from constants of this file only
"""The durable queue of escalations: what it holds survives a power cut at any moment.

A row goes waiting -> claimed -> answered -> delivered, or back from claimed to waiting. It counts
as delivered only after the broker took the final answer; it is then kept for a while without the
query, so that a repeated request gets the same answer, and deleted.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge_runtime.errors import ConfigError

FORMAT = 1
_SMALL_BYTES = 16 * 1024 * 1024
PAGE = 100  # rows that a listing returns at most, so that a long queue does not fill the memory

State = Literal["waiting", "claimed", "answered", "delivered", "broken"]

_WAITING, _CLAIMED, _ANSWERED, _DELIVERED, _BROKEN = range(5)
_STATES: tuple[State, ...] = ("waiting", "claimed", "answered", "delivered", "broken")

_SCHEMA = f"""
CREATE TABLE escalations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    escalation TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    correlation BLOB NOT NULL,
    digest BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT {_WAITING},
    told INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    arrived REAL NOT NULL,
    sent REAL NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    expires REAL NOT NULL,
    why TEXT NOT NULL DEFAULT '',
    route BLOB NOT NULL,
    pending BLOB NOT NULL,
    answer BLOB,
    UNIQUE (client, correlation, digest)
) STRICT;
CREATE INDEX waiting ON escalations (due, id) WHERE state = {_WAITING};
CREATE INDEX untold ON escalations (id) WHERE state = {_WAITING} AND told = 0;
CREATE INDEX claimed ON escalations (due, id) WHERE state = {_CLAIMED};
CREATE INDEX expiring ON escalations (expires) WHERE state <= {_CLAIMED};
CREATE INDEX answered ON escalations (id) WHERE state = {_ANSWERED};
CREATE INDEX delivered ON escalations (due) WHERE state >= {_DELIVERED};
PRAGMA user_version = {FORMAT};
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """An escalation on disk. Times are seconds since the epoch; 0 where there is none yet.

    ``route`` and ``pending`` and ``answer`` are encoded messages; ``told`` says that whoever asked
    has been told to wait; ``why`` is the reason of the last failed attempt.
    """

    id: int
    escalation: str
    client: str
    correlation: bytes
    state: State
    told: bool
    attempts: int
    arrived: float
    sent: float
    due: float
    expires: float
    why: str
    route: bytes
    pending: bytes
    answer: bytes | None


_COLUMNS = (
    "id, escalation, client, correlation, state, told, attempts, arrived, sent, due, expires, "
    "why, route, pending, answer"
)


class Outbox:
    """The queue in one SQLite file, used by one thread at a time.

    The caller sees to it that one process owns the file.

    Every method is one transaction, on disk when it returns, unless it runs inside ``batch()``.

    Raises:
        ConfigError: the file cannot be opened or is not an outbox.
        sqlite3.Error: from any method, when the disk is full or fails.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._now = now
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # made before SQLite opens it, so that it and its journal are never readable by others
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            path.chmod(0o600)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as exc:
            raise ConfigError(f"the outbox {path} cannot be opened: {exc}") from exc
        try:
            self._open()
        except (sqlite3.Error, ConfigError) as exc:
            self.close()
            raise ConfigError(
                f"{path} cannot be used as the outbox: {exc}; move it away to start an empty one"
            ) from exc

    def _open(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        elif found != FORMAT:
            raise ConfigError(f"its format is {found}, and this runtime reads {FORMAT}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Make everything inside one transaction: one wait for the disk."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def enqueue(  # noqa: PLR0913 - all keywords
        self,
        *,
        escalation: str,
        client: str,
        correlation: bytes,
        digest: bytes,
        arrived: float,
        expires: float,
        route: bytes,
        pending: bytes,
    ) -> tuple[Row, bool]:
        """Add an escalation, due now; return its row and whether it is new.

        The same request again (client, correlation, and digest of its content) gives the row that
        is there already.
        """
        cursor = self._db.execute(
            "INSERT INTO escalations"
            " (escalation, client, correlation, digest, arrived, due, expires, route, pending)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (client, correlation, digest) DO NOTHING",
            (escalation, client, correlation, digest, arrived, self._now(), expires, route,
             pending),
        )  # fmt: skip
        (row,) = self._rows(
            "client = ? AND correlation = ? AND digest = ?", client, correlation, digest
        )
        return row, cursor.rowcount > 0

    def outstanding(self, escalation: str) -> Row | None:
        """Return the row that still waits for a reply under this id."""
        rows = self._rows("escalation = ? AND state <= ?", escalation, _CLAIMED)
        return rows[0] if rows else None

    def in_flight(self) -> int:
        """Return how many rows are with a worker."""
        query = f"SELECT count(*) FROM escalations WHERE state = {_CLAIMED}"
        return int(self._db.execute(query).fetchone()[0])

    def claim(self, limit: int, timeout_s: float) -> list[Row]:
        """Claim due rows, the oldest first; their reply is overdue after ``timeout_s``."""
        now = self._now()
        rows = self._rows(
            f"state = {_WAITING} AND due <= ? ORDER BY due, id LIMIT ?", now, max(0, limit)
        )
        self._db.executemany(
            f"UPDATE escalations SET state = {_CLAIMED}, sent = ?, due = ? WHERE id = ?",
            [(now, now + timeout_s, row.id) for row in rows],
        )
        return rows

    def retry(self, row_id: int, delay_s: float, why: str) -> None:
        """Let a claimed row wait again; it is due in ``delay_s``."""
        self._db.execute(
            "UPDATE escalations SET state = ?, due = ?, attempts = attempts + 1, why = ?"
            " WHERE id = ? AND state <= ?",
            (_WAITING, self._now() + delay_s, why, row_id, _CLAIMED),
        )

    def make_all_due(self) -> None:
        """Make every waiting row due now, for example because a worker came online."""
        self._db.execute(
            f"UPDATE escalations SET due = ?1 WHERE state = {_WAITING} AND due > ?1",
            (self._now(),),
        )

    def tell(self, row_id: int) -> None:
        """Note that whoever asked knows that it takes longer."""
        self._db.execute("UPDATE escalations SET told = 1 WHERE id = ?", (row_id,))

    def answer(self, row_id: int, answer: bytes) -> None:
        """Keep the final answer until it is delivered."""
        self._db.execute(
            "UPDATE escalations SET state = ?, answer = ? WHERE id = ? AND state <= ?",
            (_ANSWERED, answer, row_id, _CLAIMED),
        )

    def delivered(self, row_id: int, keep_s: float) -> None:
        """The broker took the final answer: forget the query, keep the answer for a while."""
        self._db.execute(
            "UPDATE escalations SET state = ?, due = ?, pending = x'' WHERE id = ?",
            (_DELIVERED, self._now() + keep_s, row_id),
        )

    def set_broken(self, row_id: int, keep_s: float) -> None:
        """Put a row aside that cannot be read."""
        self._db.execute(
            "UPDATE escalations SET state = ?, due = ? WHERE id = ?",
            (_BROKEN, self._now() + keep_s, row_id),
        )

    def purge(self) -> bool:
        """Delete what was kept long enough; return whether that has emptied the queue."""
        cursor = self._db.execute(
            f"DELETE FROM escalations WHERE state >= {_DELIVERED} AND due <= ?",
            (self._now(),),
        )
        return cursor.rowcount > 0 and not self._rows("true LIMIT 1")

    def of_client(self, client: str | None) -> list[Row]:
        """Rows of a client, of all where None is named, in whatever state."""
        return self._rows("client = ifnull(?, client)", client)

    def delete(self, row_ids: list[int]) -> None:
        """Delete rows at once."""
        self._db.executemany("DELETE FROM escalations WHERE id = ?", [(each,) for each in row_ids])

    def compact(self) -> None:
        """Write the file anew, so that neither it nor its journal holds what was deleted.

        Zeros over deleted rows are not enough: a page that was split may still hold older copies.
        """
        (size_bytes,) = self._db.execute(
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        ).fetchone()
        # a temporary file would be one more place
        where = "MEMORY" if size_bytes <= _SMALL_BYTES else "DEFAULT"
        self._db.execute(f"PRAGMA temp_store = {where}")
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def expired(self) -> list[Row]:
        """Rows without an answer whose time is over."""
        return self._rows(f"state <= {_CLAIMED} AND expires <= ? LIMIT {PAGE}", self._now())

    def overdue(self) -> list[Row]:
        """Claimed rows whose worker did not answer in time."""
        return self._rows(f"state = {_CLAIMED} AND due <= ? LIMIT {PAGE}", self._now())

    def untold(self, *, only_failed: bool) -> list[Row]:
        """Waiting rows of which nobody was told that it takes longer."""
        failed = "AND attempts > 0" if only_failed else ""
        return self._rows(f"state = {_WAITING} AND told = 0 {failed} LIMIT {PAGE}")

    def answered(self) -> list[Row]:
        """Rows whose final answer the broker has not taken yet."""
        return self._rows(f"state = {_ANSWERED} LIMIT {PAGE}")

    def next_due(self, *, can_send: bool) -> float | None:
        """Return when something has to be done next; None if never."""
        times = [
            f"SELECT min(expires) FROM escalations WHERE state <= {_CLAIMED}",
            f"SELECT min(due) FROM escalations WHERE state = {_CLAIMED}",
            f"SELECT min(due) FROM escalations WHERE state >= {_DELIVERED}",
        ]
        if can_send:
            times.append(f"SELECT min(due) FROM escalations WHERE state = {_WAITING}")
        found = [self._db.execute(query).fetchone()[0] for query in times]
        return min((time for time in found if time is not None), default=None)

    def counts(self) -> dict[State, int]:
        """Return the number of rows by state."""
        query = "SELECT state, count(*) FROM escalations GROUP BY state"
        return {_STATES[state]: count for state, count in self._db.execute(query)}

    def _rows(self, condition: str, *values: float | str | bytes | None) -> list[Row]:
        found = self._db.execute(
            f"SELECT {_COLUMNS} FROM escalations WHERE {condition}",
            values,
        )
        return [_row(values) for values in found]


def _row(values: tuple[Any, ...]) -> Row:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    fields["state"] = _STATES[fields["state"]]
    fields["told"] = bool(fields["told"])
    return Row(**fields)
