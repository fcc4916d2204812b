"""One escalation over a node's own connection, for a command that waits for the reply."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge_runtime.bridge.mqtt.connection import NO_SUBSCRIBER
from edge_runtime.bridge.protocol.message import Sender
from edge_runtime.bridge.protocol.presence import Presence
from edge_runtime.bridge.protocol.route import escalation_message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import ExpiredError, NotSentError, UnavailableError
from edge_runtime.messages import Escalation, Reply

_NO_WORKER = "no worker is online; start one with: edge-cloud serve"
_LOOK_S = 0.1


class DirectEscalations:
    """Asks workers without the outbox: whoever asks waits, and asks again if need be.

    ``presence_wait_s`` is how long the broker may take to say which workers are online.
    """

    def __init__(self, topics: NodeTopics, presence_wait_s: float) -> None:
        self._topics = topics
        self._presence = Presence(presence_wait_s)
        self._changed = threading.Condition()
        self._asking: set[str] = set()
        self._replies: dict[str, Reply] = {}
        self._refused: set[str] = set()
        self._is_connected = False

    def ask(
        self,
        sender: Sender,
        escalation: Escalation,
        timeout_s: float,
        is_cancelled: Callable[[], bool],
    ) -> Reply:
        """Escalate, wait, and return the reply, which may hold an error.

        Raises:
            NotSentError: the broker is not connected, or no worker is online.
            UnavailableError: nobody waits for the reply any more.
            ExpiredError: no reply within ``timeout_s``.
        """
        give_up_at = time.monotonic() + timeout_s
        with self._changed:
            self._await_worker(give_up_at)
            self._asking.add(escalation.id)
        try:
            self._send(sender, escalation, max(1, int(give_up_at - time.monotonic())))
            return self._await_reply(escalation.id, give_up_at, timeout_s, is_cancelled)
        finally:
            with self._changed:
                self._asking.discard(escalation.id)
                self._refused.discard(escalation.id)
                self._replies.pop(escalation.id, None)

    # any thread: what happens on the connection

    def connected(self) -> None:
        """The broker is there."""
        with self._changed:
            self._is_connected = True
            self._presence.connected()
            self._changed.notify_all()

    def lost(self) -> None:
        """The broker is gone."""
        with self._changed:
            self._is_connected = False
            self._presence.lost()
            self._changed.notify_all()

    def worker(self, name: str, *, online: bool) -> None:
        """A worker came or went."""
        with self._changed:
            self._presence.update(name, online=online)
            self._changed.notify_all()

    def replied(self, reply: Reply) -> bool:
        """Take a reply; False when nobody here waits for it."""
        with self._changed:
            if reply.id not in self._asking:
                return False
            self._replies[reply.id] = reply
            self._changed.notify_all()
            return True

    def _await_worker(self, give_up_at: float) -> None:
        while not self._presence.workers():
            wait_s = self._presence.unknown_for_s()
            left_s = give_up_at - time.monotonic()
            if not self._is_connected:
                raise NotSentError("the node is not connected to its broker")
            if wait_s is None or left_s <= 0:
                raise NotSentError(_NO_WORKER)
            self._changed.wait(min(wait_s, left_s) + 0.001)

    def _send(self, sender: Sender, escalation: Escalation, expiry_s: int) -> None:
        message = escalation_message(escalation, self._topics, expiry_s)
        sender.publish(message, lambda code: self._sent(escalation.id, code))

    def _sent(self, correlation: str, code: int) -> None:
        if code >= NO_SUBSCRIBER:
            with self._changed:
                if correlation in self._asking:
                    self._refused.add(correlation)
                    self._changed.notify_all()

    def _await_reply(
        self,
        correlation: str,
        give_up_at: float,
        timeout_s: float,
        is_cancelled: Callable[[], bool],
    ) -> Reply:
        with self._changed:
            while correlation not in self._replies:
                if correlation in self._refused:
                    raise NotSentError(_NO_WORKER)
                left_s = give_up_at - time.monotonic()
                if left_s <= 0:
                    raise ExpiredError(f"no answer from a worker within {timeout_s:g} s; ask again")
                if is_cancelled():
                    raise UnavailableError("whoever asked is gone")
                self._changed.wait(min(_LOOK_S, left_s))
            return self._replies[correlation]
