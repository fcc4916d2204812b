"""What the LLM was paid for: sums by day, node and model, in one small SQLite file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from edge_runtime.assistant.state_file import prepare
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import Reply

FILE_NAME = "spend.db"

_FORMAT = 1
_KEPT_DAYS = 400
_DAY_S = 86_400
_BUSY_TIMEOUT_S = 5.0
_SCHEMA = (
    """CREATE TABLE spend (
        day TEXT NOT NULL,
        node TEXT NOT NULL,
        model TEXT NOT NULL,
        calls INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        generation_tokens INTEGER NOT NULL,
        cost_usd REAL NOT NULL,
        PRIMARY KEY (day, node, model)
    ) STRICT, WITHOUT ROWID""",
)
_ADD = """
INSERT INTO spend VALUES (?, ?, ?, 1, ?, ?, ?, ?)
ON CONFLICT (day, node, model) DO UPDATE SET
    calls = calls + 1,
    failed = failed + excluded.failed,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    generation_tokens = generation_tokens + excluded.generation_tokens,
    cost_usd = cost_usd + excluded.cost_usd
"""


class Spent(msgspec.Struct, frozen=True):
    """Calls of one UTC day (ISO 8601), for one node, to one model; ``failed`` is among ``calls``.

    A failed call may have cost something, for example one that was withdrawn half way.
    """

    day: str
    node: str
    model: str
    calls: int
    failed: int
    prompt_tokens: int
    generation_tokens: int
    cost_usd: float


class SpendBook:
    """Adds up what was spent; threads and the workers of a machine may share it.

    Without a path it is kept in memory. A process that is killed loses nothing, a power cut the
    last calls. It is for people and bills: limits are kept with the ledger.

    Raises:
        UnavailableError: from any method, when the file cannot be read or written.
    """

    def __init__(self, path: Path | None, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def add(self, node: str, model: str, reply: Reply) -> None:
        """Add a call that was made."""
        with self._opened() as db:
            db.execute(
                _ADD,
                (self._day(), node, model, reply.error is not None, reply.prompt_tokens,
                 reply.generation_tokens, reply.cost_usd),
            )  # fmt: skip
            db.execute("DELETE FROM spend WHERE day < ?", (self._day(_KEPT_DAYS),))

    def sums(self, days: int = _KEPT_DAYS) -> list[Spent]:
        """Return the sums of so many days, today included, the newest first."""
        if self._path is not None and not self._path.exists():
            return []
        with self._opened() as db:
            found = db.execute(
                "SELECT * FROM spend WHERE day > ? ORDER BY day DESC, cost_usd DESC, node, model",
                (self._day(days),),
            )
            return [Spent(*row) for row in found]

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Give the file for one transaction; it stays open, as a wait for the disk is long."""
        with self._lock:
            try:
                if self._db is None:
                    self._db = self._open()
                with self._db as db:
                    db.execute("BEGIN IMMEDIATE")
                    prepare(db, _SCHEMA, _FORMAT)
                    yield db
            except (OSError, sqlite3.Error) as exc:
                raise UnavailableError(
                    f"the record of what was spent {self._path or 'of this process'} cannot be "
                    f"used: {exc}; move it away to start another"
                ) from exc

    def _open(self) -> sqlite3.Connection:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # made before SQLite opens it, so that it and its journal are never readable by others
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(
            self._path or ":memory:",
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_TIMEOUT_S,
        )
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        return db

    def _day(self, before: int = 0) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self._now() - before * _DAY_S))
