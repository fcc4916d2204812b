"""The last queries with what became of each, put together from requests, answers and events."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Literal

import msgspec

from edge_runtime.bridge.protocol.traffic import Seen
from edge_runtime.messages import Answer

MOST_QUERIES = 200

_MOST_TEXT = 2000
_MOST_REASONS = 8
_NUMBER = re.compile(r"[0-9]{1,6}")

State = Literal["asked", "escalated", "queued", "answered", "failed"]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One query; ``at`` is when it was first seen, in seconds since the epoch.

    ``text``, ``answer`` and ``why`` hold or tell of what people wrote. ``ms`` is what the node says
    the answer took, ``alpha`` the error that is guaranteed for it.
    """

    key: str
    at: float
    state: State
    node: str | None
    client: str | None
    task: str | None
    id: str | None
    repeats: int = 0
    code: str | None = None
    source: str | None = None
    error: str | None = None
    confidence: float | None = None
    alpha: float | None = None
    ms: float | None = None
    cost_usd: float | None = None
    redacted: int = 0
    model: str | None = None
    text: str | None = None
    answer: str | None = None
    why: list[str] = []

    def without_text(self) -> Query:
        """Return it without what people wrote, or what tells of that."""
        return msgspec.structs.replace(self, text=None, answer=None, why=[])


class QueryLog:
    """Keeps the last ones; with ``texts`` also what was asked and answered."""

    def __init__(self, *, texts: bool) -> None:
        self._texts = texts
        self._queries: OrderedDict[str, Query] = OrderedDict()
        self._latest: dict[tuple[str | None, str | None], str] = {}

    @property
    def all(self) -> list[Query]:
        """The queries, the oldest first."""
        return list(self._queries.values())

    def get(self, key: str) -> Query | None:
        """Return one of them."""
        return self._queries.get(key)

    def asked(self, seen: Seen) -> str:
        """Take a request, and return the key of its query; one that is sent again is counted."""
        key = f"{seen.node}/{seen.client}/{seen.id}"
        query = self._queries.get(key)
        if query is not None:
            return self._put(msgspec.structs.replace(query, repeats=query.repeats + 1))
        return self._put(
            Query(
                key=key,
                at=seen.time,
                state="asked",
                node=seen.node,
                client=seen.client,
                task=_short(seen.task),
                id=seen.id,
                text=_short(seen.text) if self._texts else None,
            )
        )

    def answered(self, seen: Seen, answer: Answer) -> str:
        """Take an answer; the query is new where its request was not seen."""
        known = self._known(seen)
        key = f"{seen.node}/{seen.client}/{seen.id}" if known is None else known.key
        state: State = "answered"
        if answer.status != "ok":
            state = "queued" if answer.status == "queued" else "failed"
        return self._put(
            Query(
                key=key,
                at=seen.time if known is None else known.at,
                state=state,
                node=seen.node if known is None else known.node,
                client=seen.client,
                task=_short(answer.task) if known is None else known.task,
                id=seen.id,
                repeats=0 if known is None else known.repeats,
                code=_short(answer.code),
                source=answer.source,
                error=None if answer.error is None else _short(answer.error.type),
                confidence=answer.confidence,
                alpha=None if answer.guarantee is None else answer.guarantee.alpha,
                ms=seen.ms,
                cost_usd=answer.cost_usd,
                redacted=sum(map(_count, answer.redacted)),
                model=_short(answer.model),
                text=None if known is None else known.text,
                answer=_short(seen.text) if self._texts else None,
                why=[each[:_MOST_TEXT] for each in answer.reason[:_MOST_REASONS]]
                if self._texts
                else [],
            )
        )

    def escalated(self, seen: Seen) -> str | None:
        """Take the news that a query was sent to a worker; None where it is not known."""
        query = self._known(seen)
        if query is None or query.state not in {"asked", "queued"}:
            return None
        return self._put(msgspec.structs.replace(query, state="escalated"))

    def _known(self, seen: Seen) -> Query | None:
        key = self._latest.get((seen.client, seen.id))
        query = None if key is None else self._queries.get(key)
        if query is not None and seen.node in {None, query.node}:
            return query
        return self._queries.get(f"{seen.node}/{seen.client}/{seen.id}")

    def _put(self, query: Query) -> str:
        self._queries[query.key] = query
        self._latest[query.client, query.id] = query.key
        if len(self._queries) > MOST_QUERIES:
            _, gone = self._queries.popitem(last=False)
            if self._latest.get((gone.client, gone.id)) == gone.key:
                del self._latest[gone.client, gone.id]
        return query.key


def _short(text: str | None) -> str | None:
    return text if text is None else text[:_MOST_TEXT]


def _count(redacted: str) -> int:
    """Return the number in ``PERSON:2``."""
    number = redacted.rpartition(":")[2]
    return int(number) if _NUMBER.fullmatch(number) else 1
