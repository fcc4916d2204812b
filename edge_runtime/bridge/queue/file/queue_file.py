"""The SQLite file of the queue: private, durable, one transaction at a time, with its own clock."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_runtime.assistant.state_file import write_clock
from edge_runtime.assistant.way_back import go_back, has_way_back
from edge_runtime.bridge.queue.file.checksum import crc
from edge_runtime.bridge.queue.file.clock import Board, RunningClock, this_board
from edge_runtime.bridge.queue.file.keys import KnownKeys
from edge_runtime.bridge.queue.file.migration import migrate
from edge_runtime.bridge.queue.file.reserve import Reserve
from edge_runtime.bridge.queue.file.schema import FORMAT, SCHEMA
from edge_runtime.bridge.queue.file.totals import Totals
from edge_runtime.errors import ConfigError
from edge_runtime.routing.budget import Clock

_SMALL_BYTES = 16 * 1024 * 1024
_JOURNAL_BYTES = 4 * 1024 * 1024  # what the write-ahead log is cut back to
_CHECKPOINT_PAGES = 500  # what of it is to be worked off fits into the reserve
_ROOM_BYTES = 1024 * 1024  # free pages that do for some queries, on a disk that is full
_PAGE_ROWS = 100
_TIGHT_PAGE_ROWS = 4
_BUSY_TIMEOUT_S = 5.0
_PRAGMAS = (
    "journal_mode = WAL", "synchronous = FULL", "secure_delete = ON",
    f"journal_size_limit = {_JOURNAL_BYTES}", f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
)  # fmt: skip
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class DamagedFileError(ConfigError):
    """The file is no database, or one that is broken."""


class QueueFile:
    """Opened by one process, written by one thread at a time.

    ``db`` is in autocommit mode: what runs outside of ``batch()`` is on disk when it returns.

    Raises:
        DamagedFileError: its content cannot be trusted.
        ConfigError: it cannot be opened, or is of a newer format.
        sqlite3.Error: from any use of ``db``, when the disk is full or fails.
    """

    def __init__(
        self, path: Path, board: Board | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self.generation = 0
        self.db = _connect(path)
        board = board or this_board()
        reserve = path.with_name(f"{path.name}.reserve")
        try:
            try:
                _prepare(self.db, board, wall)
            except sqlite3.Error as exc:
                # on a full disk what it takes to open it, or to change its format, is the reserve's
                if not _is_full(exc) or not Reserve(reserve).release():
                    raise
                _prepare(self.db, board, wall)
            self.totals = Totals.count(self.db)
            self.keys = KnownKeys.count(self.db)
            self._clock = RunningClock(self.db, board)
        except (sqlite3.Error, ConfigError) as exc:
            self.db.close()
            kind = DamagedFileError if _code(exc) in DAMAGE else type(exc)
            kind = kind if issubclass(kind, ConfigError) else ConfigError
            raise kind(
                f"{path} cannot be used as the outbox: {exc}; move it away to start an empty one"
            ) from exc
        self.reserve = Reserve(reserve)

    def now(self) -> float:
        """Return the time of the file: seconds that the board has been running."""
        return self._clock()

    def set_time(self, lived_s: float, board: Board) -> None:
        """Let the clock go on from there."""
        write_clock(self.db, Clock(board.boot, board.seconds(), lived_s))
        self._clock = RunningClock(self.db, board)

    def adopt(self, other: QueueFile) -> None:
        """Be another file from now on; readers of the one before have to be opened again."""
        self.db, self.reserve = other.db, other.reserve
        self.totals, self.keys = other.totals, other.keys
        self._clock = other._clock
        self.generation += 1

    def make_room(self) -> bool:
        """Give the reserve back on a full disk; return whether there was one. No transaction.

        It goes to the file, so that its journal can be worked off and begins anew.
        """
        if not self.reserve.release():
            return False
        with contextlib.suppress(sqlite3.Error):
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return True

    @property
    def has_room(self) -> bool:
        """Whether something new should be written: the disk, or the file itself, has room."""
        return not self.reserve.is_gone or self.free_bytes >= _ROOM_BYTES

    @property
    def free_bytes(self) -> int:
        """How much the file can take without growing."""
        (free,) = self.db.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = self.db.execute("PRAGMA page_size").fetchone()
        return int(free * page_bytes)

    @property
    def page_rows(self) -> int:
        """How many rows a transaction should look at and change at most.

        So that a long queue does not fill the memory, and on a full disk the reserve does for it:
        what is deleted is overwritten with zeros, which stand in the journal first.
        """
        return _PAGE_ROWS if self.reserve.is_held else _TIGHT_PAGE_ROWS

    @property
    def is_empty(self) -> bool:
        """Whether no query and no answer is left."""
        query = (
            "SELECT NOT EXISTS (SELECT 1 FROM escalations) AND NOT EXISTS (SELECT 1 FROM requests)"
        )
        return bool(self.db.execute(query).fetchone()[0])

    def recount(self) -> None:
        """Count all rows, after a change that did not keep account."""
        self.totals = Totals.count(self.db)
        self.keys = KnownKeys.count(self.db)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Make everything inside one transaction: one wait for the disk."""
        totals = dataclasses.replace(self.totals)
        self.db.execute("BEGIN IMMEDIATE")
        self.keys.hold()
        try:
            before = self.db.total_changes
            yield
            is_changed = self.db.total_changes != before
            if is_changed or self.totals.escalations or self.totals.requests:
                self._clock.write(self.db, is_changed=is_changed)
            self.db.execute("COMMIT")
            self.keys.settle()
        except BaseException:
            self.totals = totals
            self.keys.undo()
            if self.db.in_transaction:  # SQLite has undone it already if the disk is full
                self.db.execute("ROLLBACK")
            raise

    def reader(self) -> sqlite3.Connection:
        """Return a connection for another thread, which sees what is committed.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        db = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=_BUSY_TIMEOUT_S
        )
        db.execute("PRAGMA query_only = ON")
        return db

    def compact(self) -> None:
        """Write the file anew, so that neither it nor its journal holds what was deleted.

        Zeros over deleted rows are not enough: a page that was split may still hold older copies.
        """
        (size_bytes,) = self.db.execute(
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        ).fetchone()
        # a temporary file would be one more place
        where = "MEMORY" if size_bytes <= _SMALL_BYTES else "DEFAULT"
        self.db.execute(f"PRAGMA temp_store = {where}")
        self.db.execute("VACUUM")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _code(error: Exception) -> int:
    """Return SQLite's primary code of an error."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_full(error: sqlite3.Error) -> bool:
    return _code(error) == sqlite3.SQLITE_FULL or (
        getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE
    )


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # made before SQLite opens it, so that it and its journal are never readable by others
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        return sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=_BUSY_TIMEOUT_S
        )
    except (OSError, sqlite3.Error) as exc:
        raise ConfigError(f"the outbox {path} cannot be opened: {exc}") from exc


def _prepare(db: sqlite3.Connection, board: Board, wall: Callable[[], float]) -> None:
    """Make the tables, or see that they are sound and of this format."""
    for pragma in _PRAGMAS:
        db.execute(f"PRAGMA {pragma}").fetchall()
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > FORMAT and not has_way_back(db, found, FORMAT):
        raise ConfigError(f"its format is {found}, and this runtime reads {FORMAT}")
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise DamagedFileError(str(said).partition("\n")[0])
    if found == FORMAT:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if found == 0:
            for statement in SCHEMA:
                db.execute(statement)
        elif found > FORMAT:
            db.create_function("crc", -1, crc)  # for rows whose content is written anew
            go_back(db, FORMAT)
        else:
            migrate(db, found, wall())
        RunningClock(db, board).write(db, is_changed=True)
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
