"""One escalation without a node: for a command that asks the workers itself and waits."""

from __future__ import annotations

import secrets
import threading
import time

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import NO_SUBSCRIBER, Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.presence import is_online
from edge_runtime.bridge.protocol.route import escalation_message
from edge_runtime.bridge.protocol.topics import ANY_WORKER_STATUS, NodeTopics, worker_of
from edge_runtime.errors import EdgeError, ExpiredError, NotSentError, UnavailableError
from edge_runtime.messages import Escalation, Reply, decode

_CONNECT_TIMEOUT_S = 10.0
_PRESENCE_S = 1.0  # the broker sends each worker's retained status right after the subscription


def ask_workers(
    settings: BrokerSettings, node: str, escalation: Escalation, timeout_s: float
) -> Reply:
    """Escalate in the name of a node, wait, and return the reply, which may hold an error.

    Raises:
        NotSentError: the broker cannot be used, or no worker is online.
        ExpiredError: no reply within ``timeout_s``.
        ConfigError: the node's name is not valid.
    """
    give_up_at = time.monotonic() + timeout_s
    asking = _Asking(settings, NodeTopics(node), escalation)
    try:
        _connect(asking.connection, min(_CONNECT_TIMEOUT_S, timeout_s))
        left_s = max(0.0, give_up_at - time.monotonic())
        if not asking.has_worker.wait(min(_PRESENCE_S, left_s)):
            raise NotSentError("no worker is online; start one with: edge-cloud serve")
        asking.send(max(1, int(give_up_at - time.monotonic())))
        asking.over.wait(max(0.0, give_up_at - time.monotonic()))
    finally:
        asking.connection.stop()
    if asking.reply is not None:
        return asking.reply
    if asking.over.is_set():
        raise NotSentError("no worker is online any more; start one with: edge-cloud serve")
    raise ExpiredError(f"no answer from a worker within {timeout_s:g} s; ask again")


def _connect(connection: Connection, timeout_s: float) -> None:
    try:
        connection.start(timeout_s)
    except UnavailableError as exc:
        raise NotSentError(str(exc)) from exc


def check_broker(settings: BrokerSettings) -> None:
    """Connect, subscribe, and leave again.

    Raises:
        UnavailableError: the broker cannot be reached, or does not let this client in.
    """
    connection = Connection(
        settings,
        client_id=f"edge-check-{secrets.token_hex(4)}",
        on_message=lambda _message: None,
        subscriptions={ANY_WORKER_STATUS: 0},
    )
    try:
        connection.start(_CONNECT_TIMEOUT_S)
    finally:
        connection.stop()


class _Asking:
    """What the callbacks and the waiting thread share."""

    def __init__(
        self, settings: BrokerSettings, topics: NodeTopics, escalation: Escalation
    ) -> None:
        self.has_worker = threading.Event()
        self.over = threading.Event()
        self.reply: Reply | None = None
        self._topics = topics
        self._escalation = escalation
        self.connection = Connection(
            settings,
            client_id=f"edge-ask-{secrets.token_hex(8)}",
            on_message=self._received,
            subscriptions={topics.replies: 1, ANY_WORKER_STATUS: 0},
        )

    def send(self, expiry_s: int) -> None:
        """Publish the escalation."""
        message = escalation_message(self._escalation, self._topics, expiry_s)
        self.connection.publish(message, self._sent)

    def _sent(self, code: int) -> None:
        if code >= NO_SUBSCRIBER:
            self.over.set()

    def _received(self, message: Message) -> None:
        self.connection.acknowledge(message)
        if worker_of(message.topic) is not None:
            if is_online(message.payload):
                self.has_worker.set()
            return
        try:
            reply = decode(message.payload, Reply)
        except EdgeError:
            return
        if reply.id == self._escalation.id:
            self.reply = reply
            self.over.set()
