"""The worker beside a large model: answers the escalations of all nodes."""

from __future__ import annotations

import logging
import threading

import msgspec

from edge_runtime.bridge.cloud.llm import Llm
from edge_runtime.bridge.jobs import Jobs
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import (
    ANY_ESCALATION,
    WORKER_GROUP,
    NodeTopics,
    check_name,
    node_of_escalation,
    worker_status,
)
from edge_runtime.errors import EdgeError, UnavailableError
from edge_runtime.messages import PROTOCOL_VERSION, ErrorInfo, Escalation, Reply, decode, encode

_log = logging.getLogger(__name__)

_WAITING_PER_THREAD = 4
_RETRY_AFTER_S = 2.0
_REPLY_EXPIRY_S = 3600
_STOP_TIMEOUT_S = 0.5


class Worker:
    """Takes its share of all escalations and asks the LLM, with ``concurrency`` calls at once.

    It keeps nothing and retries nothing: what it cannot do now it reports, and the node asks
    again. On MQTT 3.1.1, which has no shared subscriptions, every worker gets every escalation.

    Raises:
        ConfigError: the name or a certificate file cannot be used.
    """

    def __init__(
        self, settings: BrokerSettings, llm: Llm, *, name: str, concurrency: int = 4
    ) -> None:
        self._llm = llm
        self._name = check_name(name, "worker")
        self._address = settings.address
        self._calls = Jobs("llm", limit=concurrency * _WAITING_PER_THREAD, threads=concurrency)
        self._lock = threading.Lock()
        self._under_way: set[tuple[str, str]] = set()
        share = f"$share/{WORKER_GROUP}/" if settings.protocol == "5" else ""
        self._connection = Connection(
            settings,
            client_id=f"edge-worker-{name}",
            on_message=self._received,
            subscriptions={share + ANY_ESCALATION: 1},
            will=self._status("offline"),
            on_ready=self._ready,
        )

    def start(self, timeout_s: float | None = None) -> None:
        """Go online; without a timeout keep trying in the background.

        Raises:
            UnavailableError: the broker cannot be used within the timeout.
        """
        self._calls.start()
        try:
            self._connection.start(timeout_s)
        except UnavailableError:
            self.stop()
            raise

    def stop(self) -> None:
        """Say goodbye; the nodes ask another worker for what is under way."""
        self._connection.stop(self._status("offline"))
        self._calls.stop(_STOP_TIMEOUT_S)

    def _status(self, status: str) -> Message:
        price = self._llm.price
        fields = {
            "v": PROTOCOL_VERSION,
            "status": status,
            "llm": self._llm.name,
            "price_usd_per_million": None
            if price is None
            else {"prompt": price.prompt_usd, "generation": price.generation_usd},
        }
        return Message(
            topic=worker_status(self._name),
            payload=msgspec.json.encode(fields),
            retain=True,
            content_type=JSON,
        )

    # network thread: look, hand over, return

    def _ready(self) -> None:
        self._connection.publish(self._status("online"))
        _log.info("ready: worker %s at %s", self._name, self._address)

    def _received(self, message: Message) -> None:
        # acknowledged at once: the node's own timeout takes care of what this worker loses
        self._connection.acknowledge(message)
        node = node_of_escalation(message.topic)
        if node is None:
            return
        try:
            escalation = decode(message.payload, Escalation)
            bytes.fromhex(escalation.id)
        except (EdgeError, ValueError) as exc:
            self._refuse(node, message, exc)
            return
        with self._lock:
            if (node, escalation.id) in self._under_way:
                return
            self._under_way.add((node, escalation.id))
        if not self._calls.submit(lambda: self._ask(node, escalation)):
            self._done(node, escalation)
            busy = ErrorInfo("503", "unavailable", "the worker is busy", _RETRY_AFTER_S)
            self._send(node, Reply(id=escalation.id, error=busy))

    def _refuse(self, node: str, message: Message, exc: Exception) -> None:
        _log.warning("an escalation of node %s is not valid: %s", node, exc)
        if message.correlation is not None:
            error = ErrorInfo("400", "bad_request", str(exc))
            self._send(node, Reply(id=message.correlation.hex(), error=error))

    # threads of the calls

    def _ask(self, node: str, escalation: Escalation) -> None:
        try:
            reply = self._llm(escalation)
            error = reply.error
            _log.info(
                "node %s: %s", node, "answered" if error is None else f"{error.code} {error.type}"
            )
            self._send(node, reply)
        finally:
            self._done(node, escalation)

    def _done(self, node: str, escalation: Escalation) -> None:
        with self._lock:
            self._under_way.discard((node, escalation.id))

    def _send(self, node: str, reply: Reply) -> None:
        message = Message(
            # from the topic that the broker let the node publish on, not from what it says
            topic=NodeTopics(node).replies,
            payload=encode(reply),
            correlation=bytes.fromhex(reply.id),
            expiry_s=_REPLY_EXPIRY_S,
            content_type=JSON,
        )
        try:
            self._connection.publish(message)
        except EdgeError as exc:
            _log.warning("the answer to %s cannot be sent: %s", reply.id, exc)
