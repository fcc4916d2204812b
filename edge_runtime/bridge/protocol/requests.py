"""From a received message to a request, or to the answer that says why not."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import DEFAULT_EXPIRY_S, JSON, Route
from edge_runtime.bridge.protocol.topics import ANONYMOUS, RESPONSE_PREFIXES, NodeTopics
from edge_runtime.bridge.protocol.trace import TRACE, trace_in
from edge_runtime.errors import BadRequestError, EdgeError, TooLargeError
from edge_runtime.messages import (
    MAX_PAYLOAD_BYTES,
    Answer,
    Request,
    RequestPolicy,
    check_text,
    decode,
    error_answer,
)

_TEXT = "text/plain"
_LONGEST_ID = 256
_LONGEST_SHOWN = 64


class Incoming(msgspec.Struct, frozen=True, weakref=True):
    """A request that can be worked on; ``arrived`` is in seconds since the epoch.

    ``digest`` is of what was asked, so that an id that is used again for something else is not
    taken for a repeat.
    """

    message: Message
    route: Route
    request: Request
    arrived: float
    digest: bytes = b""

    def __post_init__(self) -> None:
        asked = f"{self.request.task}\0{self.request.text}".encode()
        msgspec.structs.force_setattr(self, "digest", hashlib.sha256(asked).digest()[:16])

    @property
    def time_s(self) -> float:
        """How long after its arrival an answer is still wanted."""
        deadline_ms = self.request.policy.deadline_ms
        return DEFAULT_EXPIRY_S if deadline_ms is None else deadline_ms / 1000


@dataclass(frozen=True)
class Refused:
    """A request that cannot be worked on, and the answer to it."""

    message: Message
    route: Route
    answer: Answer


class RequestReader:
    """Reads the requests of one node; nothing in a message can make it raise.

    ``prefixes`` are the response topics that clients may name (see ``topics``).
    """

    def __init__(
        self,
        topics: NodeTopics,
        tasks: tuple[str, ...],
        *,
        now: Callable[[], float],
        prefixes: tuple[str, ...] = RESPONSE_PREFIXES,
    ) -> None:
        self._topics = topics
        self._tasks = tasks
        self._now = now
        self._prefixes = prefixes

    def read(self, message: Message) -> Incoming | Refused | None:
        """Return the request of a message, or its refusal; None when it is no request."""
        now = self._now()
        client, task = ANONYMOUS, ""
        envelope = _Envelope()
        problem: EdgeError | None = None
        try:
            parsed = self._topics.request(message.topic)
            if parsed is None:
                return None
            task, client = parsed
        except BadRequestError as exc:
            problem = exc
        if _is_json(message) and len(message.payload) <= MAX_PAYLOAD_BYTES:
            envelope = _read_envelope(message.payload)
        topic = self._topics.response(client)
        try:
            wanted = message.response_topic or envelope.reply_to
            if wanted is not None and problem is None:
                topic = self._topics.response_to(wanted, client, self._prefixes)
        except BadRequestError as exc:
            problem = exc
        route = Route(
            client=client,
            topic=topic,
            request_id=envelope.id or (message.correlation or secrets.token_bytes(8)).hex(),
            correlation=message.correlation,
            expires=None if message.expiry_s is None else now + message.expiry_s,
            traceparent=trace_in(message, envelope.traceparent),
        )
        try:
            if problem is not None:
                raise problem
            request = self._request(message, task, route)
        except EdgeError as exc:
            answer = error_answer(route.request_id, task[:_LONGEST_SHOWN], exc)
            return Refused(message, route, answer)
        return Incoming(message, route, request, now)

    def _request(self, message: Message, task: str, route: Route) -> Request:
        if message.retain:
            raise BadRequestError("a request must not be retained; publish it without retain")
        if task not in self._tasks:
            raise BadRequestError(
                f"unknown task {task[:_LONGEST_SHOWN]!r}; this node knows {', '.join(self._tasks)}"
            )
        if len(route.request_id) > _LONGEST_ID or len(route.key) > _LONGEST_ID:
            raise BadRequestError(f"the id or correlation is over {_LONGEST_ID} bytes")
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            raise TooLargeError(
                f"the request has {len(message.payload)} bytes; "
                f"at most {MAX_PAYLOAD_BYTES} are accepted"
            )
        if _is_json(message):
            request = decode(message.payload, Request)
        else:
            request = Request(text=_text(message))
        check_text(request.text)
        return msgspec.structs.replace(
            request,
            id=route.request_id,
            task=task,
            client=route.client,
            policy=_within(request.policy, message.expiry_s),
        )


class _Envelope(msgspec.Struct):
    """Where to answer, readable even when the rest of a request is wrong."""

    id: str = ""
    reply_to: str | None = None
    traceparent: str | None = None


def _read_envelope(payload: bytes) -> _Envelope:
    try:
        return msgspec.json.decode(payload, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_what_is_right(payload)


def _read_what_is_right(payload: bytes) -> _Envelope:
    try:
        fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Envelope()
    return _Envelope(
        id=_string(fields.get("id")) or "",
        reply_to=_string(fields.get("reply_to")),
        traceparent=_string(fields.get(TRACE)),
    )


def _string(value: msgspec.Raw | None) -> str | None:
    try:
        return None if value is None else msgspec.json.decode(value, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _is_json(message: Message) -> bool:
    if message.content_type is not None:
        return _media_type(message).endswith("json")
    return message.payload.lstrip()[:1] == b"{"


def _media_type(message: Message) -> str:
    return (message.content_type or "").split(";")[0].strip().lower()


def _text(message: Message) -> str:
    kind = _media_type(message)
    if kind not in {"", _TEXT}:
        raise BadRequestError(f"content type {kind!r} is not understood; use {_TEXT} or {JSON}")
    try:
        return message.payload.decode()
    except UnicodeDecodeError as exc:
        raise BadRequestError("the text is not valid UTF-8") from exc


def _within(policy: RequestPolicy, expiry_s: int | None) -> RequestPolicy:
    """Return the policy with the smaller of its deadline and the message's expiry.

    Where a request says neither, it is not for ever.
    """
    if expiry_s is None:
        if policy.deadline_ms is not None:
            return policy
        expiry_s = DEFAULT_EXPIRY_S
    expiry_ms = max(1, expiry_s * 1000)
    return msgspec.structs.replace(
        policy, deadline_ms=min(policy.deadline_ms or expiry_ms, expiry_ms)
    )
