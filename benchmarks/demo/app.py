"""The demo's own app: sends requests, collects answers, and listens to what leaves the node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from benchmarks.broker import Broker
from benchmarks.demo.queries import Query
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.messages import Answer, Request, RequestPolicy, decode, encode

TIMEOUT_S = 30.0
_CLIENT = "demo-app"


@dataclass
class Outcome:
    """All answers to one query with the milliseconds until each, and what left meanwhile."""

    query: Query
    answers: list[tuple[Answer, float]] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)

    @property
    def final(self) -> Answer:
        """The last answer."""
        return self.answers[-1][0]


class App:
    """A client that uses only what MQTT 3.1.1 has, so that any broker will do."""

    def __init__(self, broker: Broker, node: str) -> None:
        self._root = f"edge/v1/{node}"
        self._changed = threading.Condition()
        self._received: list[tuple[float, Message]] = []
        self._online: dict[str, bool] = {}
        filters = [f"{self._root}/res/{_CLIENT}", f"{self._root}/esc/req", f"{self._root}/status"]
        self._connection = Connection(
            BrokerSettings.parse(broker.url, protocol=broker.protocol, environ={}),
            client_id=_CLIENT,
            on_message=self._on_message,
            subscriptions=dict.fromkeys([*filters, "edge/workers/+/status"], 1),
        )

    def start(self) -> None:
        """Connect.

        Raises:
            UnavailableError: the broker does not answer.
        """
        self._connection.start(TIMEOUT_S)

    def stop(self) -> None:
        """Disconnect."""
        self._connection.stop()

    def wait_online(self, part: str, *, online: bool = True) -> None:
        """Wait for the presence of the node (``/status`` of its root) or of a worker.

        Raises:
            TimeoutError: it did not come in time.
        """
        topic = f"{self._root}/status" if part == "node" else f"edge/workers/{part}/status"
        self._wait(lambda: self._online.get(topic, False) == online, f"{part} is not online")

    def send(self, number: int, query: Query) -> Outcome:
        """Send a query; its answers are collected by ``wait_answer``."""
        request = Request(
            text=query.text,
            id=f"query-{number}",
            options=query.options,
            policy=msgspec.convert(query.policy, RequestPolicy),
        )
        self._received.clear()
        self._sent_at = time.perf_counter()
        topic = f"{self._root}/req/{query.task}/{_CLIENT}"
        self._connection.publish(Message(topic=topic, payload=encode(request)))
        self._request_id = request.id
        return Outcome(query)

    def wait_answer(self, outcome: Outcome, status: tuple[str, ...]) -> None:
        """Wait for an answer with one of these statuses; adds all that came to the outcome.

        Raises:
            TimeoutError: none came in time.
        """

        def arrived() -> bool:
            outcome.answers = list(self._answers())
            return bool(outcome.answers) and outcome.final.status in status

        self._wait(arrived, f"no answer to {outcome.query.text!r}")
        with self._changed:
            outcome.left = [m.payload for _, m in self._received if m.topic.endswith("/esc/req")]

    def _answers(self) -> list[tuple[Answer, float]]:
        found = []
        for at, message in self._received:
            if message.topic.endswith(f"/res/{_CLIENT}"):
                answer = decode(message.payload, Answer)
                if answer.id == self._request_id:
                    found.append((answer, (at - self._sent_at) * 1e3))
        return found

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, TIMEOUT_S):
                raise TimeoutError(f"{what} within {TIMEOUT_S:g} s")

    def _on_message(self, message: Message) -> None:
        self._connection.acknowledge(message)
        with self._changed:
            if message.topic.endswith("/status"):
                self._online[message.topic] = b"online" in message.payload
            else:
                self._received.append((time.perf_counter(), message))
            self._changed.notify_all()
