"""The query log: one JSON object on each line, so that another policy can be tried on the past.

A ``query`` is what was known when it was decided about it; a ``reply`` is what came of asking,
under the same ``id``. Of a query that had to stay private nothing is told but that there was one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_runtime.messages import RequestPolicy
from edge_runtime.routing.decision import Outcome


class QueryRecord(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="query"):
    """``at`` is in seconds since the epoch; fields are None where the bundle cannot tell them.

    ``nearness`` are the cosines with the descriptions of the policy in force. ``text`` is there
    only if the owner wants it to be.
    """

    at: float
    outcome: Outcome
    client: str = "local"
    id: str = ""
    private: bool = False
    intent: str | None = None
    confidence: float = 0.0
    command: str | None = None
    entities: list[str] | None = None
    language: str | None = None
    nearness: dict[str, float] | None = None
    difficulty: float | None = None
    follows: bool = False
    asked: RequestPolicy = RequestPolicy()
    infer_ms: float = 0.0
    text: str | None = None
    v: Literal[1] = 1


class ReplyRecord(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="reply"):
    """What one attempt took; ``error`` is the code of one that failed."""

    id: str
    cost_usd: float = 0.0
    tokens: int = 0
    cloud_ms: float = 0.0
    error: str | None = None
    v: Literal[1] = 1


Record = QueryRecord | ReplyRecord

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def read_record(line: bytes | str) -> Record:
    """Read a line; raises msgspec.MsgspecError and UnicodeDecodeError."""
    return _decoder.decode(line)
