"""The memory: one SQLite file of what outlives a query, each row with its time to live.

A row is as old as the larger of two ages says: by the wall clock, which may be set or may begin
anywhere on a board without a battery, and by the time that the board was running since, which
nobody can set. So a clock that is set back lets nothing live longer than its time of running, and
time that the board was off counts as soon as the clock is right.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge_runtime.assistant.governing.ledger import Uptime, board_uptime
from edge_runtime.errors import UnavailableError
from edge_runtime.routing.budget import Clock

if TYPE_CHECKING:
    import sqlite3

FILE_NAME = "memory.db"

_FORMAT = 1
_BUSY_TIMEOUT_S = 5.0
_KEPT = "wall_s REAL NOT NULL, lived_s REAL NOT NULL, ttl_s REAL NOT NULL"
_SCHEMA = (
    """CREATE TABLE clock (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        boot TEXT NOT NULL,
        uptime_s REAL NOT NULL,
        lived_s REAL NOT NULL
    ) STRICT""",
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
    f"PRAGMA user_version = {_FORMAT}",
)
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
        self.path = path
        self._now = now
        self._uptime = uptime
        self._lock = threading.Lock()
        self._in_process: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[tuple[sqlite3.Connection, Moment]]:
        """Give the open file and what time it is; on disk when it ends without an error."""
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            _prepare(db)
            moment = self._moment(db)
            purged = _purge(db, moment)
            yield db, moment
            db.execute("COMMIT")
            if purged:
                _compact(db)

    def purge(self) -> None:
        """Delete what is over its time; writes nothing as long as nothing has to be."""
        if not self._exists():
            return
        with self._opened() as db:
            is_due = _is_made(db) and self._is_due(db)
        if is_due:
            with self.transaction():
                pass

    def forget(self, client: str | None = None, session: str | None = None) -> Forgotten:
        """Delete what is kept of a client, or of one of its sessions; of all where None is named.

        Answers are not kept by session, so that those of the client go with any of its sessions.
        When this returns, no page of the file and of its journal holds any of it.
        """
        if not self._exists():
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
        with self._opened() as db:
            _compact(db)
        return Forgotten(sessions, answers)

    def _exists(self) -> bool:
        return self._in_process is not None if self.path is None else self.path.exists()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # noqa: PLC0415 - takes 10 ms, and most commands remember nothing

        with self._lock:
            try:
                db = self._open()
                try:
                    yield db
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    if db is not self._in_process:
                        db.close()  # the last one to close takes the journal with it
            except (OSError, sqlite3.Error) as exc:
                where = self.path or "of this process"
                raise UnavailableError(
                    f"the memory {where} cannot be used: {exc}; conversations and kept answers "
                    "are not known without it"
                ) from exc

    def _open(self) -> sqlite3.Connection:
        import sqlite3  # noqa: PLC0415

        if self._in_process is not None:
            return self._in_process
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # made before SQLite opens it, so that it and its journal are never readable by others
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(
            self.path or ":memory:",
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_TIMEOUT_S,
        )
        for pragma in (
            "journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON", "foreign_keys = ON",
            "temp_store = MEMORY",
        ):  # fmt: skip
            db.execute(f"PRAGMA {pragma}").fetchall()
        if self.path is None:
            self._in_process = db
        return db

    def _is_due(self, db: sqlite3.Connection) -> bool:
        """Whether something is over its time, or the clock has to be kept for what is not."""
        before = _clock(db)
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
        clock = _clock(db).at(*self._uptime())
        db.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)",
            (clock.boot, clock.uptime_s, clock.lived_s),
        )
        return Moment(self._now(), clock.lived_s)


def _clock(db: sqlite3.Connection) -> Clock:
    row = db.execute("SELECT boot, uptime_s, lived_s FROM clock").fetchone()
    return Clock(*row) if row else Clock()


def _is_made(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA user_version").fetchone()[0] == _FORMAT)


def _prepare(db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found == 0:
        for statement in _SCHEMA:
            db.execute(statement)
    elif found != _FORMAT:
        raise _format_error(found)


def _format_error(found: Any) -> sqlite3.Error:  # noqa: ANN401 - what the file says
    import sqlite3  # noqa: PLC0415

    return sqlite3.DatabaseError(
        f"its format is {found}, and this runtime reads {_FORMAT}; delete it to start an empty one"
    )


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
