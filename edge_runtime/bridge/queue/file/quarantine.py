"""A queue file that is damaged is moved aside, and what can be read of it goes on in a new one."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_runtime.assistant.state_file import read_clock
from edge_runtime.bridge.queue.file.checksum import crc
from edge_runtime.bridge.queue.file.clock import Board, this_board
from edge_runtime.bridge.queue.file.queue_file import DamagedFileError, QueueFile

_log = logging.getLogger(__name__)

_SIDES = ("-wal", "-shm", "")

Facts = dict[str, str | int | None]
Values = dict[str, Any]


def open_queue(path: Path, board: Board | None = None) -> tuple[QueueFile, Facts | None]:
    """Open the queue's file; if it is damaged, a new one with what could be read.

    The damaged one is then beside it as ``….damaged``, in the place of an earlier one. The facts
    are those of the event ``quarantined``: ``file``, and how much was ``salvaged``.

    Raises:
        ConfigError: it cannot be opened, or is of a newer format.
    """
    board = board or this_board()
    try:
        return QueueFile(path, board), None
    except DamagedFileError as exc:
        _log.error("%s", exc)
    aside = path.with_name(f"{path.name}.damaged")
    for side in _SIDES:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + side).replace(aside.with_name(aside.name + side))
    file = QueueFile(path, board)
    salvaged = 0
    try:
        salvaged = _salvage(aside, file, board)
    except sqlite3.Error as exc:
        _log.error("nothing more can be read from %s: %s", aside, exc)
    _log.error("moved aside as %s; %d queries and answers were saved", aside, salvaged)
    return file, {"file": aside.name, "salvaged": salvaged}


def reopen(file: QueueFile, board: Board | None = None) -> Facts | None:
    """Open a file again that turned out to be damaged while it was used; see ``open_queue``."""
    file.close()
    fresh, facts = open_queue(file.path, board)
    file.adopt(fresh)
    return facts


def _salvage(aside: Path, file: QueueFile, board: Board) -> int:
    """Copy the rows that are sound into a new file, and its time; return how many."""
    with contextlib.closing(sqlite3.connect(aside, isolation_level=None)) as db, file.batch():
        count = _copy(db, file, "escalations", _is_sound_escalation)
        count += _copy(db, file, "requests", _is_sound_request)
        _copy(db, file, "dropped", lambda _: True)
        _copy(db, file, "flags", lambda _: True)
        try:
            lived_s = read_clock(db).at(board.boot, board.seconds()).lived_s
        except sqlite3.Error:
            # it was later than that
            query = "SELECT max(arrived, sent) FROM escalations ORDER BY 1 DESC LIMIT 1"
            found = file.db.execute(query).fetchone()
            lived_s = found[0] if found else 0.0
        file.set_time(lived_s, board)
    file.recount()
    return count


def _copy(
    db: sqlite3.Connection, file: QueueFile, table: str, is_sound: Callable[[Values], bool]
) -> int:
    """Copy the rows of a table; return how many."""
    count = 0
    found = file.db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    names = [name for (name,) in found]
    columns, marks = ", ".join(names), ", ".join("?" * len(names))
    statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
    for _, *values in _read(db, table, columns):
        if is_sound(dict(zip(names, values, strict=True))):
            count += file.db.execute(statement, values).rowcount
    return count


def _read(db: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that can be read, passing over what cannot in steps that grow."""
    last, step = 0, 1
    query = f"SELECT rowid, {columns} FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"  # noqa: S608
    while last < 2**40:
        try:
            for values in db.execute(query, (last,)):
                last, step = values[0], 1
                yield values
        except sqlite3.Error:
            last, step = last + step, step * 2
        else:
            return


def _is_sound_escalation(row: Values) -> bool:
    is_content = crc(row["pending"], row["answer"] or b"") == row["content_crc"]
    return bool(is_content and crc(row["route"]) == row["route_crc"])


def _is_sound_request(row: Values) -> bool:
    is_content = crc(row["accepted"], row["answer"]) == row["crc"]
    return bool(is_content and (not row["route"] or crc(row["route"]) == row["route_crc"]))
