"""Pieces of a worker's answer on their way to whoever asked, filled in again as they come."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from edge_runtime.assistant.finalizing.placeholders import mended
from edge_runtime.assistant.finalizing.signs import clean
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.parts import ReplyPart, is_streamed, part_message, read_part
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import UnusableAnswerError
from edge_runtime.messages import MAX_PAYLOAD_BYTES, MAX_TEXT_BYTES, Request
from edge_runtime.routing.redaction.restoring import Restorer

_MOST_OPEN = 256
_LONGEST_PLACEHOLDER = 64


def with_stream(pending: Pending, request: Request) -> Pending:
    """Return the query as one that is streamed, where the request has the option ``stream``.

    An answer in JSON is not: half of it is of no use, and it is filled in as a whole.
    """
    escalation = pending.escalation
    if not is_streamed(request) or escalation.context.schema is not None:
        return pending
    streamed = msgspec.structs.replace(escalation, stream=True)
    return msgspec.structs.replace(pending, escalation=streamed)


@dataclass
class _Stream:
    route: Route
    placeholders: Mapping[str, str]
    restorer: Restorer = field(init=False)
    attempt: str | None = None  # whose pieces are passed on; None: nobody's
    expected: int = 0
    next: int = 0
    left: int = MAX_TEXT_BYTES
    seen: str = ""

    def begin(self, attempt: str) -> None:
        self.restorer = Restorer(self.placeholders)
        self.attempt = attempt
        self.expected = self.next = 0
        self.left = MAX_TEXT_BYTES
        self.seen = ""

    def take(self, part: ReplyPart) -> str:
        """Return what of a piece can be passed on."""
        if part.seq == 0:
            self.begin(part.stream)
        is_next = (part.stream, part.seq) == (self.attempt, self.expected)
        if not is_next or len(part.delta) > self.left:
            return ""
        self.expected += 1
        self.left -= len(part.delta)
        delta = _without_signs(part.delta)
        self.seen = (self.seen + delta)[-len(delta) - _LONGEST_PLACEHOLDER :]
        if not _is_usable(self.seen, self.placeholders):
            self.attempt = None
            return ""
        return self.restorer.feed(delta)


class RelayedParts:
    """Passes pieces of escalations that are open on, in order; all others are dropped.

    What may be the beginning of a placeholder waits for its end, so none is ever seen, nor half of
    one. After a loss nothing more is passed on, nor once a placeholder shows that stands for
    nothing, for which the whole answer will be refused: the final answer comes all the same. It is
    a companion of the node; ``open`` and ``close`` may be called from any thread.
    """

    def __init__(self, topics: NodeTopics) -> None:
        self._topic = topics.reply_parts
        self.subscriptions: Mapping[str, int] = {self._topic: 0}
        self._lock = threading.Lock()
        self._sender: Sender | None = None
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    def open(self, pending: Pending, route: Route) -> None:
        """An escalation is sent, perhaps again; nothing is passed on unless it is streamed."""
        escalation = pending.escalation
        if not escalation.stream:
            return
        with self._lock:
            self._streams.setdefault(escalation.id, _Stream(route, pending.placeholders))
            while len(self._streams) > _MOST_OPEN:
                self._streams.popitem(last=False)

    def close(self, escalation_id: str) -> None:
        """The final answer is there, or nobody waits for it any more."""
        with self._lock:
            self._streams.pop(escalation_id, None)

    def start(self, sender: Sender) -> None:
        """Begin to pass on."""
        self._sender = sender

    def connected(self) -> None:
        """Nothing has to be done."""

    def lost(self) -> None:
        """Nothing has to be done: a gap shows itself."""

    def received(self, message: Message) -> bool:
        """Pass a piece on; False if the message is none."""
        if message.topic != self._topic:
            return False
        part = read_part(message.payload) if len(message.payload) <= MAX_PAYLOAD_BYTES else None
        if part is not None:
            self._relay(part)
        if self._sender is not None:
            self._sender.acknowledge(message)
        return True

    def stop(self) -> None:
        """Pass nothing on any more."""
        self._sender = None

    def _relay(self, part: ReplyPart) -> None:
        with self._lock:
            stream = self._streams.get(part.id)
            text = "" if stream is None else stream.take(part)
            if stream is None or not text or self._sender is None:
                return
            self._sender.publish(part_message(stream.route, stream.next, text))
            stream.next += 1


def _is_usable(text: str, placeholders: Mapping[str, str]) -> bool:
    try:
        mended(text, placeholders)
    except UnusableAnswerError:
        return False
    return True


def _without_signs(delta: str) -> str:
    """Return a piece without control characters; the white space at its ends belongs to it."""
    cleaned, _ = clean(f"|{delta}|")
    return cleaned[1:-1]
