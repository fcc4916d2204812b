"""An app, a handler and a node process for the tests of the bridge."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from benchmarks.broker import Broker
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.cloud.llm import Llm
from edge_runtime.bridge.cloud.worker import Worker
from edge_runtime.bridge.cloud.written import Price
from edge_runtime.bridge.mqtt.broker import BrokerSettings, Protocol
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Answer, Escalation, Reply, Request, Timing

if TYPE_CHECKING:
    from edge_runtime.tasks.text_output import Limits

DEADLINE_S = 30.0
FAST = EscalationOptions(cloud_timeout_s=1.0, retry_s=0.1, longest_retry_s=0.5, presence_wait_s=0.2)


def settings(broker: Broker, protocol: Protocol | None = None) -> BrokerSettings:
    return BrokerSettings.parse(broker.url, protocol=protocol or broker.protocol, environ={})


def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until something is true."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < give_up_at, f"{what} did not come true"
        time.sleep(0.01)


class Echo:
    """A handler without a model: texts with `why` are escalated, `crash` is a bug in it.

    While `hold` is set, `begin` waits for `go`; what begins with `slow` takes a second.
    """

    tasks = ("ask", "echo")

    def __init__(self) -> None:
        self.begun: list[Request] = []
        self.expected: list[list[str]] = []
        self.hold = threading.Event()
        self.go = threading.Event()
        self.happened: list[tuple[str, dict[str, Any]]] = []

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        happened, self.happened = self.happened, []
        return happened

    def expect(self, requests: Sequence[Request]) -> None:
        self.expected.append([request.text for request in requests])

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer | Pending]:
        """Write word by word what begins with `write`, one after the other while `hold` is set."""
        if not request.text.startswith("write"):
            yield self.begin(request)
            return
        self.begun.append(request)
        words = request.text.split()[1:]
        written: list[str] = []
        while words and not limits.interrupted():
            written.append(words.pop(0))
            yield written[-1]
            while self.hold.is_set() and not limits.interrupted():
                time.sleep(0.005)
        yield Answer(
            id=request.id,
            task=request.task,
            result={"text": " ".join(written), "finish_reason": limits.reached() or "stop"},
        )

    def begin(self, request: Request) -> Answer | Pending:
        self.begun.append(request)
        if self.hold.is_set():
            self.go.wait(DEADLINE_S)
        if request.text.startswith("slow"):
            time.sleep(1.0)
        if "crash" in request.text:
            raise RuntimeError(f"a bug with {request.text}")
        if "refuse" in request.text:
            raise BadRequestError("refused by the handler")
        answer = Answer(
            id=request.id,
            task=request.task,
            result={"text": request.text},
            confidence=0.5,
            model="echo",
            ms=Timing(infer=1.0),
        )
        if "why" not in request.text:
            return answer
        policy = request.policy
        return Pending(
            escalation=Escalation(
                id=secrets.token_hex(16),
                text=request.text.replace("Ada", "<PERSON_1>"),
                max_cost_usd=policy.max_cost_usd,
            ),
            guess=answer,
            placeholders={"<PERSON_1>": "Ada"},
            when_offline=policy.when_offline or "queue",
            deadline_ms=policy.deadline_ms or 600_000,
        )

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        if "unusable" in reply.text:
            raise RuntimeError("a bug")
        text = reply.text
        for placeholder, original in pending.placeholders.items():
            text = text.replace(placeholder, original)
        return msgspec.structs.replace(
            pending.guess, source="cloud", result={"text": text}, model=reply.model
        )

    def info(self) -> dict[str, Any]:
        return {"bundles": []}


class Scripted:
    """An LLM that gives the next of some replies, then repeats the last one."""

    name = "scripted"
    price: Price | None = Price(1.0, 2.0)

    def __init__(self, *replies: Callable[[Escalation], Reply]) -> None:
        self.asked: list[Escalation] = []
        self._replies = list(replies) or [
            lambda e: Reply(id=e.id, text=f"because {e.text}", model="scripted")
        ]
        self._lock = threading.Lock()

    def __call__(self, escalation: Escalation) -> Reply:
        with self._lock:
            self.asked.append(escalation)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return reply(escalation)

    def close(self) -> None:
        pass


class App:
    """A client of a node that keeps all it receives."""

    def __init__(
        self,
        broker: Broker,
        node: str,
        *,
        client: str = "app",
        protocol: Protocol | None = None,
        topics: tuple[str, ...] = (),
    ) -> None:
        self.root = f"edge/v1/{node}"
        self.client = client
        self.received: list[Message] = []
        self._changed = threading.Condition()
        filters = [f"{self.root}/res/#", f"{self.root}/evt/#", f"{self.root}/status"]
        filters += [f"{self.root}/info", *topics]
        self.connection = Connection(
            settings(broker, protocol),
            client_id=f"app-{secrets.token_hex(8)}",
            on_message=self._on_message,
            subscriptions=dict.fromkeys(filters, 1),
        )

    def __enter__(self) -> Self:
        self.connection.start(DEADLINE_S)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.connection.stop()

    def _on_message(self, message: Message) -> None:
        self.connection.acknowledge(message)
        with self._changed:
            self.received.append(message)
            self._changed.notify_all()

    def send(self, payload: bytes | str, task: str = "ask", **fields: Any) -> bytes:
        """Publish a request; return its correlation."""
        payload = payload.encode() if isinstance(payload, str) else payload
        correlation: bytes = fields.pop("correlation", secrets.token_bytes(8))
        topic = fields.pop("topic", f"{self.root}/req/{task}/{self.client}")
        self.connection.publish(
            Message(topic=topic, payload=payload, correlation=correlation, **fields)
        )
        return correlation

    def wait(self, condition: Callable[[Message], object], number: int = 1) -> list[Message]:
        """Return the messages that fit, once there are so many."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: sum(bool(condition(each)) for each in self.received) >= number, DEADLINE_S
            )
            seen = [(each.topic, each.payload[:200]) for each in self.received[-20:]]
            assert enough, f"not received; the last ones are {seen}"
            return [each for each in self.received if condition(each)]

    def answers(self, correlation: bytes, number: int = 1) -> list[Answer]:
        """Return the answers to a request, once there are so many."""
        return [answer_in(m) for m in self.wait(lambda m: m.correlation == correlation, number)]

    def ask(self, payload: bytes | str, task: str = "ask", **fields: Any) -> Answer:
        """Send a request and return the first answer."""
        return self.answers(self.send(payload, task, **fields))[0]


def answer_in(message: Message) -> Answer:
    return msgspec.json.decode(message.payload, type=Answer)


def status_of(message: Message) -> str:
    return dict(message.properties)["status"]


@contextlib.contextmanager
def running_node(  # noqa: PLR0913
    broker: Broker,
    name: str,
    directory: Path,
    *,
    handler: Echo | None = None,
    protocol: Protocol | None = None,
    queue_limit: int = 1000,
    escalations: EscalationOptions = FAST,
) -> Iterator[Node]:
    node = Node(
        settings(broker, protocol),
        handler or Echo(),
        name=name,
        outbox=directory / "outbox.db",
        options=NodeOptions(queue_limit=queue_limit, escalations=escalations),
    )
    node.start(DEADLINE_S)
    try:
        yield node
    finally:
        node.stop()


@contextlib.contextmanager
def running_worker(
    broker: Broker, llm: Llm, *, protocol: Protocol | None = None, concurrency: int = 4
) -> Iterator[str]:
    """Run a worker and give its name."""
    name = f"worker-{secrets.token_hex(6)}"
    worker = Worker(settings(broker, protocol), llm, name=name, concurrency=concurrency)
    worker.start(DEADLINE_S)
    try:
        yield name
    finally:
        worker.stop()


class NodeProcess:
    """A real node process, which can be killed."""

    def __init__(self, broker: Broker, name: str, directory: Path) -> None:
        self._command = [sys.executable, "-m", "tests.bridge.node_process",
                         broker.url, name, str(directory / "outbox.db")]  # fmt: skip

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.kill()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        self._process.terminate()
        return self._process.wait(DEADLINE_S)
