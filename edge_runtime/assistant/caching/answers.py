"""The answers that are kept, and how one is found: by the same text, else by the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edge_runtime.assistant.caching.known import CacheQuestion
from edge_runtime.assistant.caching.question import cosines
from edge_runtime.routing.keeping import CachePolicy

if TYPE_CHECKING:
    import sqlite3

    from edge_runtime.assistant.memory.file import Memory

_MOST_COMPARED = 256


class KeptReply(msgspec.Struct, frozen=True):
    """A reply as it came, with placeholders, after it was found to be in order."""

    text: str
    model: str


class Found(msgspec.Struct, frozen=True):
    """A kept reply, how old it is, and the cosine of its question; None for the same text."""

    reply: KeptReply
    age_s: float
    similarity: float | None = None

    def said(self) -> str:
        """Return in words what was found."""
        question = "the same question"
        if self.similarity is not None:
            question = f"a question that asks for the same, cosine {self.similarity:.2f}"
        return f"answer from {self.age_s:.0f} s ago to {question}"


class KeptAnswers:
    """The answers in a memory.

    Raises:
        UnavailableError: from any method, when the memory cannot be used.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def find(self, client: str, asked: CacheQuestion, policy: CachePolicy) -> Found | None:
        """Return the answer to the same text, else to the nearest with the same essence."""
        with self._memory.transaction() as (db, moment):
            whose = None if policy.across_clients else client
            age = "max(?1 - wall_s, ?2 - lived_s, 0)"
            values = (*moment.values, whose, asked.scope, policy.ttl_s)
            fits = f"client = ifnull(?3, client) AND scope = ?4 AND {age} < ?5"
            row = db.execute(
                f"SELECT reply, {age} FROM answers WHERE {fits} AND question = ?6"  # noqa: S608
                " ORDER BY id DESC LIMIT 1",
                (*values, asked.text),
            ).fetchone()
            if row is not None:
                return Found(msgspec.json.decode(row[0], type=KeptReply), row[1])
            if asked.essence is None or asked.vector is None:
                return None
            rows = db.execute(
                f"SELECT reply, {age}, vector FROM answers WHERE {fits} AND essence = ?6"  # noqa: S608
                f" ORDER BY id DESC LIMIT {_MOST_COMPARED}",
                (*values, asked.essence),
            ).fetchall()
        if not rows:
            return None
        similar = cosines([row[2] for row in rows], asked.vector)
        best = int(similar.argmax())
        if similar[best] < policy.similarity:
            return None
        reply, age_s, _ = rows[best]
        cosine = round(float(similar[best]), 4)
        return Found(msgspec.json.decode(reply, type=KeptReply), age_s, cosine)

    def keep(
        self, client: str, asked: CacheQuestion, reply: KeptReply, policy: CachePolicy
    ) -> None:
        """Keep an answer; the one before it to the same text goes, and the oldest past the most."""
        with self._memory.transaction() as (db, moment):
            db.execute(
                "DELETE FROM answers WHERE client = ? AND scope = ? AND question = ?",
                (client, asked.scope, asked.text),
            )
            db.execute(
                "INSERT INTO answers"
                " (client, scope, question, essence, vector, reply, wall_s, lived_s, ttl_s)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (client, asked.scope, asked.text, asked.essence, asked.vector,
                 msgspec.json.encode(reply).decode(), *moment.values, policy.ttl_s),
            )  # fmt: skip
            _drop_oldest(db, policy.most_answers)


def _drop_oldest(db: sqlite3.Connection, most: int) -> None:
    db.execute(
        "DELETE FROM answers"
        " WHERE id <= (SELECT id FROM answers ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (most,),
    )
