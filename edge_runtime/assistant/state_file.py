"""A small SQLite file of the state: private, with the time the board ran.

It is for what several processes of one user change.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.assistant.way_back import go_back, has_way_back
from edge_runtime.errors import UnavailableError
from edge_runtime.routing.budget import Clock

if TYPE_CHECKING:
    import sqlite3

CLOCK_TABLE = """CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot TEXT NOT NULL,
    uptime_s REAL NOT NULL,
    lived_s REAL NOT NULL
) STRICT"""

_BUSY_TIMEOUT_S = 5.0

Uptime = Callable[[], tuple[str, float]]
"""Returns an id of this boot, and the seconds since it, by a clock that nobody can set."""


def board_uptime() -> tuple[str, float]:
    """Return the uptime of this board."""
    from edge_devices.readings import uptime  # noqa: PLC0415 - most commands keep no time

    return uptime()


class StateFile:
    """Opens one file at a time; threads may share it. Without a path it is kept in memory.

    ``what`` names it in an error, and ``so`` says what follows from its loss. ``pragmas`` are set
    whenever it is opened: for each use, so that nothing is open between queries, or once where it
    ``stays_open``, which spares waits for the disk; then it is opened again if it was moved away.
    """

    def __init__(
        self, path: Path | None, what: str, so: str, pragmas: Sequence[str], *,
        stays_open: bool = False,
    ) -> None:  # fmt: skip
        self.path = path
        self._what = what
        self._so = so
        self._pragmas = pragmas
        self._lock = threading.Lock()
        self._stays_open = stays_open or path is None
        self._kept: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self._kept is not None if self.path is None else self.path.exists()

    @contextlib.contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Give the open file; a transaction that is not committed in it is undone.

        Raises:
            UnavailableError: it cannot be read or written.
        """
        import sqlite3  # noqa: PLC0415 - takes 10 ms, and most commands keep nothing

        with self._lock:
            try:
                db = self._open()
                try:
                    yield db
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    if not self._stays_open:
                        db.close()  # the last one to close takes the journal with it
            except (OSError, sqlite3.Error) as exc:
                where = self.path or "of this process"
                raise UnavailableError(
                    f"the {self._what} {where} cannot be used: {exc}; {self._so}"
                ) from exc

    def _open(self) -> sqlite3.Connection:
        import sqlite3  # noqa: PLC0415

        if self._kept is not None:
            if self._inode == _inode(self.path):
                return self._kept
            self._kept.close()
            self._kept = None
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
        try:
            for pragma in self._pragmas:
                db.execute(f"PRAGMA {pragma}").fetchall()
        except sqlite3.Error:
            db.close()
            raise
        if self._stays_open:
            self._kept, self._inode = db, _inode(self.path)
            weakref.finalize(self, db.close)
        return db


def _inode(path: Path | None) -> tuple[int, int] | None:
    """Return what tells a file from another one that has its name later."""
    try:
        found = None if path is None else path.stat()
    except FileNotFoundError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def prepare(db: sqlite3.Connection, schema: Sequence[str], version: int) -> None:
    """Make the tables of a new file; bring a newer one back if it has a way, see ``way_back``.

    Raises:
        sqlite3.Error: it is of another version.
    """
    import sqlite3  # noqa: PLC0415

    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found == 0:
        for statement in (*schema, f"PRAGMA user_version = {version}"):
            db.execute(statement)
    elif found > version and has_way_back(db, found, version):
        go_back(db, version)
    elif found != version:
        raise sqlite3.DatabaseError(
            f"its format is {found}, and this runtime reads {version}; move it away to "
            "start an empty one"
        )


def read_clock(db: sqlite3.Connection) -> Clock:
    """Return the clock as it was written last."""
    row = db.execute("SELECT boot, uptime_s, lived_s FROM clock").fetchone()
    return Clock(*row) if row else Clock()


def write_clock(db: sqlite3.Connection, clock: Clock) -> None:
    """Write the clock."""
    db.execute(
        "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)",
        (clock.boot, clock.uptime_s, clock.lived_s),
    )
