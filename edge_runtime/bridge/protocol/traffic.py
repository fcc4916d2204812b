"""What a message on the wire says, in one record, whoever sent it; pure.

Nothing that people wrote is in a record but in ``text``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import read_part
from edge_runtime.bridge.protocol.topics import ANONYMOUS, ANY_WORKER_STATUS, CLIENTS, ROOT, WORKERS
from edge_runtime.messages import Answer, Escalation, Reply

_REMEMBERED = 1000
_ROOT = ROOT.split("/")
_WRITTEN = {"text", "speech", "slots"}  # what an event may hold of a query: that of a home command


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One message; ``time`` is in seconds since the epoch, None is what it does not say.

    ``ms`` is the time that an answer took, ``detail`` what there is to say without anybody's text.
    """

    time: float
    kind: str
    node: str | None = None
    client: str | None = None
    task: str | None = None
    id: str | None = None
    status: str | None = None
    source: str | None = None
    ms: float | None = None
    confidence: float | None = None
    detail: str | None = None
    text: str | None = None


class _Envelope(msgspec.Struct):
    """What a request is known by, and its text."""

    id: str = ""
    text: str = ""


class TrafficReader:
    """Reads the messages of nodes, workers and clients.

    It remembers the last requests, because an answer on a topic of the client's own does not name
    the node. ``node`` leaves out what is known to be another's.
    """

    def __init__(self, now: Callable[[], float], node: str | None = None) -> None:
        self._now = now
        self._node = node
        self._asked: OrderedDict[str, str] = OrderedDict()

    @property
    def filters(self) -> tuple[str, ...]:
        """The topics to subscribe to."""
        return f"{ROOT}/{self._node or '+'}/#", f"{CLIENTS}/#", ANY_WORKER_STATUS

    def read(self, message: Message) -> Seen | None:
        """Return what a message says; None where it is not of this protocol or of another node."""
        levels = message.topic.split("/")
        if levels[:2] == _ROOT and len(levels) > len(_ROOT) + 1:
            return self._of_node(levels[2], levels[3], levels[4:], message)
        if message.topic.startswith(f"{WORKERS}/"):
            return self._worker(levels[2], message)
        if message.topic.startswith(f"{CLIENTS}/"):
            return self._answer(None, levels[2], message)
        return None

    def _of_node(self, node: str, room: str, rest: list[str], message: Message) -> Seen | None:
        last = rest[0] if rest else ""
        if room == "req":
            return self._request(node, rest, message)
        if room == "res" and rest:
            return self._answer(node, last, message)
        if room == "esc":
            return self._escalation(node, last, message)
        seen = Seen(time=self._now(), node=node, kind=room)
        if room == "status":
            return msgspec.structs.replace(seen, status=_decoded(message.payload))
        if room == "evt":
            fields = _fields(message.payload)
            client, request_id = (_string(fields.pop(name, None)) for name in ("client", "id"))
            written = {name: fields.pop(name) for name in _WRITTEN if name in fields}
            return msgspec.structs.replace(
                seen,
                kind=f"evt/{last}",
                client=client,
                id=request_id,
                detail=_said(fields),
                text=_said(written),
            )
        detail = _said(_fields(message.payload))
        return msgspec.structs.replace(seen, kind="/".join([room, *rest[:1]]), detail=detail)

    def _request(self, node: str, rest: list[str], message: Message) -> Seen:
        task, client = [*rest, "", ""][:2]
        envelope = _envelope(message)
        key = envelope.id or (message.correlation or b"").hex()
        if key:
            self._asked[key] = node
            if len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        return Seen(
            time=self._now(),
            node=node,
            kind="cancel" if task == "cancel" else "request",
            client=client or ANONYMOUS,
            task=None if task == "cancel" else task,
            id=key or None,
            detail="retained" if message.retain else None,
            text=envelope.text or None,
        )

    def _answer(self, node: str | None, client: str, message: Message) -> Seen | None:
        correlation = (message.correlation or b"").hex()
        if (part := read_part(message.payload)) is not None:
            node = node or self._asked.get(part.id) or self._asked.get(correlation)
            seen = Seen(
                time=self._now(), node=node, kind="part", client=client, id=part.id,
                detail=f"piece {part.seq}", text=part.delta,
            )  # fmt: skip
            return seen if self._is_wanted(node) else None
        try:
            answer = msgspec.json.decode(message.payload, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            seen = Seen(time=self._now(), node=node, kind="answer", client=client)
            return _unreadable(seen) if node is not None else None  # a client's own affair
        node = node or self._asked.get(answer.id) or self._asked.get(correlation)
        if not self._is_wanted(node):
            return None
        error = answer.error
        return Seen(
            time=self._now(),
            node=node,
            kind="answer",
            client=client,
            task=answer.task,
            id=answer.id,
            status=answer.code,
            source=answer.source,
            ms=round(sum(msgspec.structs.astuple(answer.ms)), 3),
            confidence=answer.confidence,
            detail=None if error is None else error.type,
            text=_result(answer.result) if error is None else error.message,
        )

    def _escalation(self, node: str, what: str, message: Message) -> Seen:
        seen = Seen(time=self._now(), node=node, kind=f"esc/{what}")
        try:
            if what == "req":
                asked = msgspec.json.decode(message.payload, type=Escalation)
                return msgspec.structs.replace(seen, task=asked.task, id=asked.id, text=asked.text)
            if what == "res":
                reply = msgspec.json.decode(message.payload, type=Reply)
                return msgspec.structs.replace(
                    seen,
                    id=reply.id,
                    status="200" if reply.error is None else reply.error.code,
                    ms=reply.cloud_ms,
                    detail=_said({"model": reply.model, "cost_usd": reply.cost_usd}),
                    text=reply.text or None,
                )
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _unreadable(seen)
        if (part := read_part(message.payload)) is not None:
            return msgspec.structs.replace(
                seen, id=part.id, detail=f"piece {part.seq}", text=part.delta
            )
        fields = _fields(message.payload)
        return msgspec.structs.replace(seen, id=_string(fields.get("id")))

    def _worker(self, worker: str, message: Message) -> Seen:
        fields = _fields(message.payload)
        status = _string(fields.pop("status", None)) or "offline"
        return Seen(
            time=self._now(), kind="worker", client=worker, status=status, detail=_said(fields)
        )

    def _is_wanted(self, node: str | None) -> bool:
        return self._node is None or node == self._node


def _envelope(message: Message) -> _Envelope:
    if message.payload.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(message.payload, type=_Envelope)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _Envelope()
    return _Envelope(text=_decoded(message.payload))


def _unreadable(seen: Seen) -> Seen:
    return msgspec.structs.replace(seen, detail="not readable")


def _decoded(payload: bytes) -> str:
    return payload.decode(errors="replace")


def _fields(payload: bytes) -> dict[str, object]:
    try:
        fields = msgspec.json.decode(payload, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: value for name, value in fields.items() if name not in {"v", "type"}}


def _said(fields: Mapping[str, object], under: str = "") -> str | None:
    """Return numbers, names and lists of them in one line, null and what is empty left out."""
    parts = []
    for name, value in fields.items():
        if isinstance(value, dict):
            parts.append(_said(value, f"{under}{name}."))
        elif isinstance(value, list):
            parts.append(f"{under}{name}={len(value)}" if value else None)
        elif value is not None and value != "":
            parts.append(f"{under}{name}={value}")
    return " ".join(filter(None, parts)) or None


def _result(result: Mapping[str, object] | None) -> str | None:
    """Return what an answer says: its text, its label or its intent."""
    found = result or {}
    for name in ("text", "answer", "label", "intent"):
        if isinstance(said := found.get(name), str):
            return said
    return None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None
