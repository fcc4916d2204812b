"""How an older runtime goes on with state that a newer one brought to its format.

Updates go back: a runtime may have moved a file to its format before it is left again. So whoever
moves a database leaves in it, as SQL, what makes the format before of it. The older runtime runs
that and knows nothing of the newer format; what came meanwhile goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import sqlite3

_TABLE = """CREATE TABLE IF NOT EXISTS way_back (
    format INTEGER PRIMARY KEY,
    statements TEXT NOT NULL
) STRICT"""


def leave_way_back(db: sqlite3.Connection, to: int, statements: Sequence[str]) -> None:
    """Leave what makes format ``to`` of the one after it, as a part of the move's transaction."""
    text = msgspec.json.encode(statements).decode()
    db.execute(_TABLE)
    db.execute("INSERT OR REPLACE INTO way_back VALUES (?, ?)", (to, text))


def has_way_back(db: sqlite3.Connection, found: int, to: int) -> bool:
    """Whether a file of format ``found`` can be brought back to an older one."""
    named = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'way_back'").fetchone()
    if named is None:
        return False
    (steps,) = db.execute(
        "SELECT count(*) FROM way_back WHERE format >= ? AND format < ?", (to, found)
    ).fetchone()
    return bool(steps == found - to)


def go_back(db: sqlite3.Connection, to: int) -> None:
    """Bring a file that has a way back to an older format, as a part of the open transaction.

    Raises:
        sqlite3.Error: a step fails.
    """
    steps = db.execute(
        "SELECT statements FROM way_back WHERE format >= ? ORDER BY format DESC", (to,)
    ).fetchall()
    for (statements,) in steps:
        for statement in msgspec.json.decode(statements, type=list[str]):
            db.execute(statement)
    db.execute("DELETE FROM way_back WHERE format >= ?", (to,))
    db.execute(f"PRAGMA user_version = {to}")


def document_of(content: Mapping[str, Any], wanted: int) -> Any:  # noqa: ANN401 - JSON
    """Return a JSON document of the state as a format has it, None if it does not know how.

    One without a number is of format 1. A newer runtime writes under ``older``, by the number of
    the format, what an older one has to read instead.
    """
    if content.get("format", 1) == wanted:
        return content
    older = content.get("older")
    return older.get(str(wanted)) if isinstance(older, dict) else None
