"""Apps that ask, and ask again under the same correlation until they have a final answer."""

from __future__ import annotations

import heapq
import itertools
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.torture.questions import Question
from benchmarks.torture.record import Asked
from edge_runtime.bridge.mqtt.broker import BrokerSettings, Protocol
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import read_part
from edge_runtime.errors import EdgeError

_TASK = "ask"
_AGAIN_S = 3.0
_QUEUED_AGAIN_S = 12.0
_LONGEST_AGAIN_S = 20.0
_TICK_S = 0.02


class App:
    """One client; ``window`` is how many requests it has open at once.

    On MQTT 3.1.1 the id in the JSON is the correlation.
    """

    def __init__(
        self,
        url: str,
        node: str,
        *,
        name: str,
        protocol: Protocol,
        asked: Sequence[Asked],
        window: int,
    ) -> None:
        self._protocol = protocol
        self._topic = f"edge/v1/{node}/req/{_TASK}/{name}"
        self._window = window
        self._keys = [secrets.token_hex(8) for _ in asked]
        self._asked = dict(zip(self._keys, asked, strict=True))
        self._new = deque(self._keys)
        self._open: set[str] = set()
        self._due: list[tuple[float, int, str]] = []
        self._number = itertools.count()
        self._lock = threading.Lock()
        self._connection = Connection(
            BrokerSettings.parse(url, protocol=protocol, environ={}),
            client_id=f"torture-{name}",
            on_message=self._received,
            subscriptions={f"edge/v1/{node}/res/{name}/#": 1},
        )

    def start(self) -> None:
        """Go online."""
        self._connection.start()

    def stop(self) -> None:
        """Go offline."""
        self._connection.stop()

    def work(self) -> None:
        """Send what is due: new requests as far as the window goes, and old ones again."""
        if not self._connection.is_ready:
            return
        now = time.monotonic()
        with self._lock:
            while self._new and len(self._open) < self._window:
                key = self._new.popleft()
                self._open.add(key)
                self._schedule(key, now)
            due = []
            while self._due and self._due[0][0] <= now:
                _, _, key = heapq.heappop(self._due)
                if key in self._open:
                    due.append(key)
        for key in due:
            self._send(key, now)

    def repeat(self, count: int) -> list[Asked]:
        """Send the requests again that were answered last; return them."""
        answered = sorted(
            (key for key, each in self._asked.items() if each.finals),
            key=lambda key: self._asked[key].finals[0].at,
        )
        again = answered[-count:] if count else []
        for key in again:
            self._asked[key].repeat()
            self._send(key, time.monotonic())
        return [self._asked[key] for key in again]

    def _send(self, key: str, now: float) -> None:
        asked = self._asked[key]
        try:
            self._connection.publish(self._message(key, asked.question))
        except EdgeError:
            pass  # too much waits for the broker
        else:
            asked.sent.append(now)
        wait_s = _QUEUED_AGAIN_S if asked.queued else _AGAIN_S * 1.5 ** min(9, len(asked.sent))
        with self._lock:
            self._schedule(key, now + min(_LONGEST_AGAIN_S, wait_s))

    def _schedule(self, key: str, at: float) -> None:
        heapq.heappush(self._due, (at, next(self._number), key))

    def _message(self, key: str, question: Question) -> Message:
        content: dict[str, object] = {"text": question.text}
        if question.wants_pieces:
            content["options"] = {"stream": True}
        if question.deadline_s is not None:
            content["policy"] = {"deadline_ms": int(question.deadline_s * 1000)}
        if self._protocol != "5":
            content["id"] = key
        return Message(
            topic=self._topic,
            payload=json.dumps(content).encode(),
            correlation=key.encode() if self._protocol == "5" else None,
            content_type="application/json",
        )

    def _received(self, message: Message) -> None:
        self._connection.acknowledge(message)
        now = time.monotonic()
        if (part := read_part(message.payload)) is not None:
            self._asked[_key(message, part.id)].parts += 1
            return
        key = _key(message, msgspec.json.decode(message.payload, type=_Id).id)
        asked = self._asked[key]
        again_s = asked.hear(message.payload, now)
        with self._lock:
            if asked.finals:
                self._open.discard(key)
            elif again_s is not None:
                self._schedule(key, now + min(_LONGEST_AGAIN_S, again_s))


class _Id(msgspec.Struct):
    id: str


def _key(message: Message, answer_id: str) -> str:
    return answer_id if message.correlation is None else message.correlation.decode()


def work_until(apps: Sequence[App], is_over: Callable[[], bool]) -> None:
    """Let all apps work, on this thread."""
    while not is_over():
        for app in apps:
            app.work()
        time.sleep(_TICK_S)
