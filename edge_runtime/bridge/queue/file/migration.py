"""From earlier formats of the queue's file to this one, and what older runtimes need to go back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from edge_runtime.assistant.way_back import leave_way_back
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.queue.file.checksum import crc
from edge_runtime.bridge.queue.file.schema import (
    ANSWERED,
    DEFAULT_PRIORITY,
    FORMAT,
    SCHEMA,
    TAKEN,
    WAITING,
)
from edge_runtime.messages import Answer, encode

_OLD = (
    "id, escalation, client, correlation, digest, state, told, attempts, arrived, sent, due, "
    "expires, why, route, pending, answer"
)
_DELIVERED = 3  # 0 waiting, 1 claimed, 2 answered as now; 4 could not be read
_KEEP_S = 600.0


@dataclass(frozen=True)
class Step:
    """From a format to the next: ``forward`` gets the time of the wall clock.

    ``back`` is the SQL of the way back, which the runtime before runs; it may use ``crc(…)``, the
    checksum of a row's parts. Nothing where no runtime of the format looks for it.
    """

    forward: Callable[[sqlite3.Connection, float], None]
    back: tuple[str, ...] = ()


def migrate(db: sqlite3.Connection, found: int, wall: float) -> None:
    """Move all rows from an earlier format to this one, as a part of the open transaction.

    ``wall`` is now in seconds since the epoch.
    """
    for number in range(found, FORMAT):
        step = STEPS[number]
        step.forward(db, wall)
        if step.back:
            leave_way_back(db, number, step.back)


def _from_1(db: sqlite3.Connection, wall: float) -> None:
    """Format 1 had no priorities, no checksums and no journal; its times were the wall clock's.

    Since that clock may have been wrong, then or now, no row gets more time than it had at the
    beginning.
    """
    indexes = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for (name,) in indexes:
        db.execute(f"DROP INDEX {name}")
    db.execute("ALTER TABLE escalations RENAME TO old")
    for statement in SCHEMA:
        db.execute(statement)
    for values in db.execute(f"SELECT {_OLD} FROM old ORDER BY id"):  # noqa: S608
        _move(db, dict(zip(_OLD.split(", "), values, strict=True)), wall)
    db.execute("DROP TABLE old")


def _move(db: sqlite3.Connection, old: dict[str, Any], wall: float) -> None:
    """Move a row; the running clock begins at 0 now."""
    key = (old["client"], old["correlation"], old["digest"])
    if old["state"] >= _DELIVERED:
        if old["answer"] is not None:
            _keep(db, key, old["answer"], min(max(0.0, old["due"] - wall), _KEEP_S))
        return
    whole_s = max(0.0, old["expires"] - old["arrived"])
    left_s = min(max(0.0, old["expires"] - wall), whole_s)
    route = _route(old["route"], wall, whole_s)
    pending = b"" if old["answer"] is not None else old["pending"]
    db.execute(
        "INSERT INTO escalations (id, escalation, client, correlation, digest, state, priority,"
        " told, attempts, arrived, sent, due, expires, why, route, route_crc, pending, answer,"
        " content_crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            old["id"],
            old["escalation"],
            *key,
            ANSWERED if old["answer"] is not None else WAITING,
            DEFAULT_PRIORITY,
            old["told"],
            old["attempts"],
            left_s - whole_s,
            0.0 if old["sent"] else -1.0,
            0.0,
            left_s,
            old["why"],
            route,
            crc(route),
            pending,
            old["answer"],
            crc(pending, old["answer"] or b""),
        ),
    )


def _route(content: bytes, wall: float, most_s: float) -> bytes:
    """Return the route with its expiry on the new clock, as it is where it cannot be read."""
    try:
        route = msgspec.json.decode(content, type=Route)
    except msgspec.MsgspecError:
        return content
    if route.expires is None:
        return content
    left_s = min(max(0.0, route.expires - wall), most_s)
    return encode(msgspec.structs.replace(route, expires=left_s))


def _keep(db: sqlite3.Connection, key: tuple[str, bytes, bytes], content: bytes, s: float) -> None:
    try:
        answer = msgspec.json.decode(content, type=Answer)
    except msgspec.MsgspecError:
        return
    db.execute(
        "INSERT INTO requests (client, correlation, digest, state, due, answer, code, source, crc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, TAKEN, s, content, answer.code, answer.source, crc(b"", content)),
    )


# format -> the step to the next one, which makes the tables as they were then
STEPS = {1: Step(_from_1)}
