"""The node: answers requests over MQTT, and escalates those that the device is not sure of."""

from __future__ import annotations

import collections
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

import edge_runtime
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.handler import Handler
from edge_runtime.bridge.jobs import Jobs
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.node.companion import Companion
from edge_runtime.bridge.node.direct import DirectEscalations
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.protocol.commands import command_message
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.presence import is_online
from edge_runtime.bridge.protocol.requests import Incoming, Refused, RequestReader
from edge_runtime.bridge.protocol.route import JSON, Route, response
from edge_runtime.bridge.protocol.topics import (
    ANY_WORKER_STATUS,
    NodeTopics,
    worker_of,
)
from edge_runtime.bridge.queue.escalations import Escalations
from edge_runtime.bridge.queue.gate import Gatekeeper
from edge_runtime.errors import (
    BadRequestError,
    EdgeError,
    ExpiredError,
    TooLargeError,
    UnavailableError,
)
from edge_runtime.messages import (
    MAX_PAYLOAD_BYTES,
    MAX_TEXT_BYTES,
    PROTOCOL_VERSION,
    Answer,
    Escalation,
    Reply,
    decode,
    error_answer,
)

_log = logging.getLogger(__name__)

_RETRY_AFTER_S = 1.0
_STOP_TIMEOUT_S = 10.0
_TOGETHER = 16  # requests that the handler is told of at a time


class Node:
    """One device on the broker.

    ``outbox`` is the file of the durable queue; ``gate`` is asked before an escalation is sent;
    ``companions`` share the connection; ``now`` returns seconds since the epoch.

    Raises:
        ConfigError: the name, the topic for commands, the outbox or a certificate file cannot be
            used.
    """

    def __init__(  # noqa: PLR0913 - all but two are keywords
        self,
        settings: BrokerSettings,
        handler: Handler,
        *,
        name: str,
        outbox: Path,
        options: NodeOptions | None = None,
        gate: Gatekeeper | None = None,
        companions: Sequence[Companion] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        options = options or NodeOptions()
        self._topics = NodeTopics(name)
        wanted = options.commands_topic
        self._commands_topic = None if wanted is None else self._topics.commands(wanted)
        self._address = settings.address
        self._handler = handler
        self._companions = companions
        self._now = now
        self._info = self._describe()
        # those that wait for the inference thread; of the first ones the handler has been told
        self._waiting: collections.deque[Incoming] = collections.deque()
        self._expected = 0
        self._inference = Jobs("inference", limit=options.queue_limit)
        self._reader = RequestReader(
            self._topics, handler.tasks, now=now, prefixes=options.response_prefixes
        )
        self._connection = Connection(
            settings,
            client_id=f"edge-{name}",
            on_message=self._received,
            subscriptions={
                **dict.fromkeys(self._topics.requests, 1),
                self._topics.replies: 1,
                ANY_WORKER_STATUS: 0,
                **{topic: qos for each in companions for topic, qos in each.subscriptions.items()},
            },
            will=self._status("offline"),
            on_ready=self._ready,
            on_lost=self._lost,
            session_expiry_s=options.session_expiry_s,
        )
        self._escalations = Escalations(
            outbox,
            topics=self._topics,
            handler=handler,
            inference=self._inference,
            options=options.escalations,
            gate=gate,
            now=now,
        )
        self._direct = DirectEscalations(self._topics, options.escalations.presence_wait_s)

    def start(self, timeout_s: float | None = None) -> None:
        """Go online; without a timeout keep trying in the background.

        Raises:
            UnavailableError: the broker cannot be used within the timeout.
        """
        self._inference.start()
        self._escalations.start(self._connection)
        for companion in self._companions:
            companion.start(self._connection)
        try:
            self._connection.start(timeout_s)
        except UnavailableError:
            self.stop()
            raise

    def stop(self) -> None:
        """Finish the request at hand, say goodbye, and close the outbox.

        Requests that wait stay with the broker until the node is back.
        """
        self._inference.stop(_STOP_TIMEOUT_S)
        for companion in self._companions:
            companion.stop()
        self._connection.stop(self._status("offline"))
        self._escalations.stop()

    def ask_workers(
        self,
        escalation: Escalation,
        timeout_s: float,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Reply:
        """Escalate for a command on this device, wait, and return the reply, maybe an error.

        Nothing is queued; any thread but those of the node may ask.

        Raises:
            UnavailableError: the broker is not connected, or no worker is online.
            ExpiredError: no reply within ``timeout_s``.
        """
        return self._direct.ask(self._connection, escalation, timeout_s, is_cancelled)

    def forget(self, client: str | None, session: str | None) -> int:
        """Delete what the outbox holds of a client or its session; return how many queries.

        Raises:
            UnavailableError: the outbox could not be changed.
        """
        count = self._escalations.forget(client, session)
        # an answer that was being finished meanwhile is remembered before this returns
        finished = threading.Event()
        if self._inference.submit(finished.set, urgent=True):
            finished.wait(_STOP_TIMEOUT_S)
        return count

    def _describe(self) -> bytes:
        return msgspec.json.encode(
            {
                "v": PROTOCOL_VERSION,
                "version": edge_runtime.__version__,
                "tasks": self._handler.tasks,
                "limits": {"text_bytes": MAX_TEXT_BYTES, "payload_bytes": MAX_PAYLOAD_BYTES},
                **self._handler.info(),
            }
        )

    def _status(self, status: str) -> Message:
        return Message(topic=self._topics.status, payload=status.encode(), retain=True)

    # network thread: look, hand over, return

    def _ready(self) -> None:
        self._connection.publish(
            Message(topic=self._topics.info, payload=self._info, retain=True, content_type=JSON)
        )
        self._connection.publish(self._status("online"))
        self._escalations.connected()
        self._direct.connected()
        for companion in self._companions:
            companion.connected()
        _log.info("ready: node %s at %s", self._topics.node, self._address)

    def _lost(self) -> None:
        self._escalations.lost()
        self._direct.lost()
        for companion in self._companions:
            companion.lost()

    def _received(self, message: Message) -> None:
        worker = worker_of(message.topic)
        if worker is not None:
            online = is_online(message.payload)
            self._escalations.worker(worker, online=online)
            self._direct.worker(worker, online=online)
            self._connection.acknowledge(message)
        elif message.topic == self._topics.replies:
            self._replied(message)
        elif not any(companion.received(message) for companion in self._companions):
            self._requested(message)

    def _replied(self, message: Message) -> None:
        try:
            reply = decode(message.payload, Reply)
            if message.correlation not in {None, bytes.fromhex(reply.id)}:
                raise BadRequestError("the id is not the correlation")
        except (EdgeError, ValueError) as exc:
            _log.warning("a reply on %s is not valid: %s", message.topic, exc)
            self._connection.acknowledge(message)
            return
        if self._direct.replied(reply):
            self._connection.acknowledge(message)
        else:
            self._escalations.replied(reply, message)

    def _requested(self, message: Message) -> None:
        incoming = self._reader.read(message)
        if incoming is None:
            self._connection.acknowledge(message)
        elif isinstance(incoming, Refused):
            self._respond(incoming.answer, incoming.route, message)
        elif not self._take(incoming):
            request = incoming.request
            busy = error_answer(request.id, request.task, UnavailableError("the node is busy"))
            self._respond(_retry_later(busy), incoming.route, message)

    def _take(self, incoming: Incoming) -> bool:
        """Queue a request; False when too many wait already."""
        self._waiting.append(incoming)
        if self._inference.submit(lambda: self._answer(incoming)):
            return True
        self._waiting.pop()
        return False

    # inference thread

    def _expect_more(self) -> None:
        """Tell the handler what waits, when all that it was told of has been answered."""
        if self._expected == 0:
            batch = list(itertools.islice(self._waiting, _TOGETHER))
            self._expected = len(batch)
            if len(batch) > 1:
                self._handler.expect([each.request for each in batch])
        self._expected -= 1
        self._waiting.popleft()

    def _answer(self, incoming: Incoming) -> None:
        self._expect_more()
        request = incoming.request
        waited_s = max(0.0, self._now() - incoming.arrived)
        deadline_ms = request.policy.deadline_ms
        try:
            if deadline_ms is not None and waited_s * 1000 >= deadline_ms:
                raise ExpiredError(f"no answer within {deadline_ms} ms; the node was busy")  # noqa: TRY301
            outcome = self._handler.begin(request)
        except EdgeError as exc:
            outcome = error_answer(request.id, request.task, exc)
        except Exception as exc:  # noqa: BLE001 - whoever asked gets an answer, whatever happens
            log_failure(_log, f"request {request.id} failed", exc)
            internal = EdgeError("the node could not answer; see its log")
            outcome = error_answer(request.id, request.task, internal)
        self._tell(self._handler.facts())
        if isinstance(outcome, Pending):
            self._escalations.add(incoming, outcome)
            return
        timing = msgspec.structs.replace(outcome.ms, queue=round(waited_s * 1000, 3))
        answer = msgspec.structs.replace(outcome, ms=timing)
        self._respond(answer, incoming.route, incoming.message)
        if self._commands_topic is not None and self._connection.is_ready:  # later is too late
            command = command_message(answer, incoming, self._commands_topic, self._now())
            if command is not None:
                self._connection.publish(command)

    def _tell(self, facts: list[tuple[str, dict[str, Any]]]) -> None:
        """Publish facts as events; one that nobody is connected for is only logged."""
        for kind, content in facts:
            _log.warning("%s: %s", kind, content)
            if self._connection.is_ready:
                payload = msgspec.json.encode({"v": PROTOCOL_VERSION, "type": kind, **content})
                topic = self._topics.event(kind)
                self._connection.publish(Message(topic=topic, payload=payload, content_type=JSON))

    # either thread

    def _respond(self, answer: Answer, route: Route, message: Message) -> None:
        """Publish an answer; acknowledge the request once the broker has taken it."""

        def taken(_code: int) -> None:
            self._connection.acknowledge(message)

        try:
            self._connection.publish(response(answer, route, self._now()), taken)
        except TooLargeError as exc:
            small = error_answer(answer.id, answer.task, exc)
            self._connection.publish(response(small, route, self._now()), taken)


def _retry_later(answer: Answer) -> Answer:
    if answer.error is None:
        return answer
    error = msgspec.structs.replace(answer.error, retry_after_s=_RETRY_AFTER_S)
    return msgspec.structs.replace(answer, error=error)
