"""Hermes, the protocol of Snips and Rhasspy, in terms of requests and answers; pure.

Fields as in https://rhasspy.readthedocs.io/en/latest/reference/#natural-language-understanding and
rhasspyhermes 0.6 (``nlu.py``, ``intent.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Answer, ErrorInfo, Request, RequestPolicy, encode

QUERY = "hermes/nlu/query"
CLIENT = "hermes"

_PARSED = "hermes/nlu/intentParsed"
_NOT_RECOGNIZED = "hermes/nlu/intentNotRecognized"
_ERROR = "hermes/error/nlu"
_INTENT = "hermes/intent/"
_TASK = "ask"
_EXPIRY_S = 60
_DEADLINE_MS = 10_000  # a dialogue manager does not wait longer
_LIKELY = 0.5  # confidence from which on an intent is recognized; handlers may ask for more
_NO_TOPIC_LEVEL = re.compile(r"[^\w.:-]")


class Query(msgspec.Struct, frozen=True, rename="camel"):
    """``hermes/nlu/query``: what was said, where, and in which session."""

    input: str
    site_id: str = "default"
    id: str | None = None
    session_id: str | None = None
    intent_filter: list[str] | None = None
    wakeword_id: str | None = None
    lang: str | None = None
    custom_data: str | None = None


class _Range(msgspec.Struct, frozen=True, rename="camel"):
    start: int
    end: int
    raw_start: int
    raw_end: int


class _Slot(msgspec.Struct, frozen=True, rename="camel"):
    entity: str
    slot_name: str
    raw_value: str
    value: Mapping[str, object]
    confidence: float
    range: _Range | None


def read_query(payload: bytes) -> Query:
    """Read a query.

    Raises:
        BadRequestError: it is not JSON, has no ``input``, or a field has the wrong type.
    """
    try:
        return msgspec.json.decode(payload, type=Query)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequestError(f"the Hermes query is not valid: {exc}") from exc


def request_message(query: Query, topics: NodeTopics, request_id: str) -> Message:
    """Return the node's own request for a query.

    It asks for privacy ``local``: Hermes wants an intent at once, which no large model gives.
    """
    request = Request(
        id=request_id,
        text=query.input,
        lang=query.lang,
        policy=RequestPolicy(privacy="local", deadline_ms=_DEADLINE_MS),
        reply_to=topics.response(CLIENT),
    )
    return Message(
        topic=topics.request_of(_TASK, CLIENT),
        payload=encode(request),
        expiry_s=_DEADLINE_MS // 1000,
        content_type=JSON,
    )


def answer_messages(query: Query, answer: Answer) -> Iterator[Message]:
    """Yield what Hermes is told: the parsed intent on both of its topics, or that there is none."""
    if answer.error is not None:
        yield error_message(query, answer.error)
        return
    result = answer.result or {}
    intent = _intent(result)
    wanted = query.intent_filter is None or intent in query.intent_filter
    if intent is None or not wanted or answer.confidence < _LIKELY:
        yield _message(_NOT_RECOGNIZED, _told(query))
        return
    content = {
        **_told(query),
        "intent": {"intentName": intent, "confidenceScore": answer.confidence},
        "slots": [msgspec.to_builtins(slot) for slot in _slots(result)],
    }
    yield _message(_PARSED, content)
    whole = {**content, "customData": query.custom_data, "rawInput": query.input}
    yield _message(_INTENT + _NO_TOPIC_LEVEL.sub("_", intent), whole)


def error_message(query: Query, error: ErrorInfo) -> Message:
    """Return the message that a query failed."""
    content = {
        "error": error.message,
        "context": error.type,
        "siteId": query.site_id,
        "sessionId": query.session_id,
    }
    return _message(_ERROR, content)


def _intent(result: Mapping[str, Any]) -> str | None:
    """Return the command's intent, which has slots, else that of the text."""
    command = result.get("command")
    intent = command.get("intent") if isinstance(command, dict) else result.get("intent")
    return intent if isinstance(intent, str) and intent else None


def _slots(result: Mapping[str, Any]) -> Iterator[_Slot]:
    """Yield the spans with the values that they stand for; then the values without a span."""
    command = result.get("command")
    values: dict[str, object] | None = None
    if isinstance(command, dict):
        values = dict(command.get("slots") or {})
    spans = [] if result.get("slots") is None else result["slots"]
    left = dict(values or {})
    for span in spans:
        label, start, end = span["label"], span["start"], span["end"]
        if values is not None and label not in values:
            continue  # "half an hour" was one, and is minutes now
        left.pop(label, None)
        value = span["text"] if values is None else values[label]
        place = _Range(start, end, start, end)
        yield _Slot(label, label, span["text"], _value(value), span["score"], place)
    for label, value in left.items():
        yield _Slot(label, label, str(value), _value(value), 1.0, None)


def _value(value: object) -> Mapping[str, object]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"kind": "Number" if is_number else "Custom", "value": value}


def _told(query: Query) -> dict[str, object]:
    return {
        "input": query.input,
        "siteId": query.site_id,
        "id": query.id,
        "sessionId": query.session_id,
        "wakewordId": query.wakeword_id,
        "lang": query.lang,
    }


def _message(topic: str, content: Mapping[str, object]) -> Message:
    return Message(
        topic=topic, payload=msgspec.json.encode(content), expiry_s=_EXPIRY_S, content_type=JSON
    )
