"""Conversations: what was said in a session, and what its placeholders stand for.

Texts are kept redacted, whatever left the device, and the map beside them: so a turn can go along
as strictly as the next one asks for. Turns whose privacy is ``local`` are not kept at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from edge_runtime.routing.keeping import SessionPolicy

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.assistant.memory.file import Memory, Moment
    from edge_runtime.routing.redaction.redacting import Redacted

_LONGEST_TEXT = 4096  # characters
_LARGEST_MAP = 64 * 1024

Redact = Callable[[dict[str, str]], "Redacted"]
"""Redacts a text, given the map of the session."""


class Exchange(msgspec.Struct, frozen=True):
    """A question and its answer, redacted; ``answered`` is empty while there is none.

    ``terms`` are how strictly the question was handled: a privacy, and what the policy said of
    kinds of private text besides. ``was_asked`` is whether it went to the large model.
    """

    asked: str
    answered: str
    terms: str
    was_asked: bool = False


class Session(msgspec.Struct, frozen=True):
    """``exchanges`` are in order; ``placeholders`` maps what stands in them to what it means."""

    exchanges: list[Exchange] = []
    placeholders: dict[str, str] = {}


class Sessions:
    """The sessions of all clients; each is found by the client's name and its own.

    Raises:
        UnavailableError: from any method, when the memory cannot be used.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def load(self, client: str, name: str) -> Session:
        """Return a session, an empty one where none is kept."""
        with self._memory.transaction() as (db, _):
            rows = db.execute(
                "SELECT asked, answered, privacy, query != '' FROM turns"
                " WHERE client = ? AND session = ? ORDER BY id",
                (client, name),
            )
            exchanges = [Exchange(said, answer, terms, bool(a)) for said, answer, terms, a in rows]
            return Session(exchanges, _placeholders(db, client, name))

    def ask(  # noqa: PLR0913 - all keywords
        self,
        *,
        client: str,
        name: str,
        query: str,
        asked: Redact,
        answered: str,
        terms: str,
        policy: SessionPolicy,
    ) -> None:
        """Keep a question under an id, with its answer if there is one; the session lives on.

        The id is empty for one that the device answered itself.
        """
        with self._memory.transaction() as (db, moment):
            text = _redacted(db, client, name, asked, (moment, policy.ttl_s))
            db.execute(
                "DELETE FROM sessions WHERE client = ?1 AND session NOT IN (SELECT session FROM"
                " sessions WHERE client = ?1 ORDER BY lived_s DESC, session = ?2 DESC LIMIT ?3)",
                (client, name, policy.most_sessions),
            )
            db.execute(
                "INSERT INTO turns (client, session, query, privacy, asked, answered)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (client, name, query, terms, text, answered),
            )
            db.execute(
                "DELETE FROM turns WHERE client = ?1 AND session = ?2 AND id NOT IN (SELECT id"
                " FROM turns WHERE client = ?1 AND session = ?2 ORDER BY id DESC LIMIT ?3)",
                (client, name, policy.most_turns),
            )

    def answer(
        self, *, client: str, name: str, query: str, answered: Redact, policy: SessionPolicy
    ) -> None:
        """Keep the answer to a question, unless that is forgotten."""
        with self._memory.transaction() as (db, moment):
            found = db.execute(
                "SELECT id FROM turns WHERE client = ? AND session = ? AND query = ?",
                (client, name, query),
            ).fetchone()
            if found is not None:
                text = _redacted(db, client, name, answered, (moment, policy.ttl_s))
                db.execute("UPDATE turns SET answered = ? WHERE id = ?", (text, *found))


def _placeholders(db: sqlite3.Connection, client: str, name: str) -> dict[str, str]:
    row = db.execute(
        "SELECT placeholders FROM sessions WHERE client = ? AND session = ?", (client, name)
    ).fetchone()
    return {} if row is None else msgspec.json.decode(row[0], type=dict[str, str])


def _redacted(
    db: sqlite3.Connection, client: str, name: str, text: Redact, kept: tuple[Moment, float]
) -> str:
    """Redact a text with the session's map, and keep the map as that leaves it."""
    redacted = text(_placeholders(db, client, name))
    names = msgspec.json.encode(redacted.placeholders).decode()
    if len(names) > _LARGEST_MAP:
        # longer than any conversation: it begins anew
        db.execute("DELETE FROM sessions WHERE client = ? AND session = ?", (client, name))
        redacted = text({})
        names = msgspec.json.encode(redacted.placeholders).decode()
    moment, ttl_s = kept
    db.execute(
        "INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (client, session) DO"
        " UPDATE SET placeholders = ?3, wall_s = ?4, lived_s = ?5, ttl_s = ?6",
        (client, name, names, *moment.values, ttl_s),
    )
    return shortened(redacted.text)


def shortened(text: str) -> str:
    """Return the beginning of a text, as far as it could ever go along; whole words of it."""
    if len(text) <= _LONGEST_TEXT:
        return text
    return text[:_LONGEST_TEXT].rpartition(" ")[0]
