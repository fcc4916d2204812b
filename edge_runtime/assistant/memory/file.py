"""The memory: one SQLite file of what outlives a query, each row with its time to live.

A row is as old as the larger of two ages says: by the wall clock, which may be set or may begin
anywhere on a board without a battery, and by the time that the board was running since, which
nobody can set. So a clock that is set back lets nothing live longer than its time of running, and
time that the board was off counts as soon as the clock is right.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_runtime.assistant.state_file import (
    CLOCK_TABLE,
    StateFile,
    Uptime,
    board_uptime,
    prepare,
    read_clock,
    write_clock,
)

if TYPE_CHECKING:
    import sqlite3

FILE_NAME = "memory.db"

_FORMAT = 1
_KEPT = "wall_s REAL NOT NULL, lived_s REAL NOT NULL, ttl_s REAL NOT NULL"
_SCHEMA = (
    CLOCK_TABLE,
    f"""CREATE TABLE sessions (
        client TEXT NOT NULL,
        session TEXT NOT NULL,
        placeholders TEXT NOT NULL,
        {_KEPT},
        PRIMARY KEY (client, session)
    ) STRICT""",
    """CREATE TABLE turns (
        id INTEGER PRIMARY KEY,
        client TEXT NOT NULL,
        session TEXT NOT NULL,
        query TEXT NOT NULL,
        privacy TEXT NOT NULL,
        asked TEXT NOT NULL,
        answered TEXT NOT NULL,
        FOREIGN KEY (client, session) REFERENCES sessions ON DELETE CASCADE
    ) STRICT""",
    "CREATE INDEX of_session ON turns (client, session, id)",
    f"""CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        client TEXT NOT NULL,
        scope BLOB NOT NULL,
        question BLOB NOT NULL,
        essence BLOB,
        vector BLOB,
        reply TEXT NOT NULL,
        {_KEPT}
    ) STRICT""",
    "CREATE INDEX same_text ON answers (scope, question)",
    "CREATE INDEX same_essence ON answers (scope, essence) WHERE essence IS NOT NULL",
)
_PRAGMAS = (
    "journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON", "foreign_keys = ON",
    "temp_store = MEMORY",
)  # fmt: skip
_TTL_TABLES = ("sessions", "answers")
_OVER = "max(?1 - wall_s, ?2 - lived_s) >= ttl_s"
_CLOCK_S = 600.0  # of running that a board may forget when it loses power


class Moment(msgspec.Struct, frozen=True):
    """Now: seconds since the epoch, if the clock is right, and seconds that the board has lived."""

    wall_s: float
    lived_s: float

    @property
    def values(self) -> tuple[float, float]:
        """Both, as parameters of a statement."""
        return self.wall_s, self.lived_s


class Forgotten(msgspec.Struct, frozen=True):
    """How much was deleted."""

    sessions: int
    answers: int


class Memory:
    """Opens the file for one transaction at a time; threads may share it, and so may processes.

    Without a path it is kept in memory and forgotten with the process. Nothing is opened or made
    before it is needed. What is over its time is gone at the begin of every transaction.

    Raises:
        UnavailableError: from any method, when the file cannot be read or written.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        now: Callable[[], float] = time.time,
        uptime: Uptime = board_uptime,
    ) -> None:
        self._file = StateFile(
            path, "memory", "conversations and kept answers are not known without it", _PRAGMAS
        )
        self._now = now
        self._uptime = uptime

    @contextlib.contextmanager
    def transaction(self) -> Iterator[tuple[sqlite3.Connection, Moment]]:
        """Give the open file and what time it is; on disk when it ends without an error."""
        with self._file.opened() as db:
            db.execute("BEGIN IMMEDIATE")
            prepare(db, _SCHEMA, _FORMAT)
            moment = self._moment(db)
            purged = _purge(db, moment)
            yield db, moment
            db.execute("COMMIT")
            if purged:
                _compact(db)

    def purge(self) -> None:
        """Delete what is over its time; writes nothing as long as nothing has to be."""
        if not self._file.exists:
            return
        with self._file.opened() as db:
            is_due = _is_made(db) and self._is_due(db)
        if is_due:
            with self.transaction():
                pass

    def forget(self, client: str | None = None, session: str | None = None) -> Forgotten:
        """Delete what is kept of a client, or of one of its sessions; of all where None is named.

        Answers are not kept by session, so that those of the client go with any of its sessions.
        When this returns, no page of the file and of its journal holds any of it.
        """
        if not self._file.exists:
            return Forgotten(0, 0)
        with self.transaction() as (db, _):
            sessions = db.execute(
                "DELETE FROM sessions WHERE client = ifnull(?1, client)"
                " AND session = ifnull(?2, session)",
                (client, session),
            ).rowcount
            answers = db.execute(
                "DELETE FROM answers WHERE client = ifnull(?1, client)", (client,)
            ).rowcount
        with self._file.opened() as db:
            _compact(db)
        return Forgotten(sessions, answers)

    def _is_due(self, db: sqlite3.Connection) -> bool:
        """Whether something is over its time, or the clock has to be kept for what is not."""
        before = read_clock(db)
        now = before.at(*self._uptime())
        moment = Moment(self._now(), now.lived_s)
        kept = [db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in _TTL_TABLES]  # noqa: S608
        over = [
            db.execute(f"SELECT 1 FROM {table} WHERE {_OVER} LIMIT 1", moment.values).fetchone()  # noqa: S608
            for table in _TTL_TABLES
        ]
        is_late = before.boot != now.boot or now.lived_s - before.lived_s >= _CLOCK_S
        return any(over) or (any(kept) and is_late)

    def _moment(self, db: sqlite3.Connection) -> Moment:
        clock = read_clock(db).at(*self._uptime())
        write_clock(db, clock)
        return Moment(self._now(), clock.lived_s)


def _is_made(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA user_version").fetchone()[0] == _FORMAT)


def _purge(db: sqlite3.Connection, moment: Moment) -> bool:
    """Delete what is over its time; return whether there was anything."""
    deleted = [
        db.execute(f"DELETE FROM {table} WHERE {_OVER}", moment.values).rowcount  # noqa: S608
        for table in _TTL_TABLES
    ]
    return any(deleted)


def _compact(db: sqlite3.Connection) -> None:
    """Write the file anew and empty its journal.

    Zeros over deleted rows are not enough: a page that was split may still hold older copies.
    """
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
