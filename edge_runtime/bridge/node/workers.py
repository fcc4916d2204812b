"""What the workers say: that they are there, and their answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from edge_runtime.bridge.node.direct import DirectEscalations
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.presence import is_online
from edge_runtime.bridge.protocol.topics import ANY_WORKER_STATUS, NodeTopics, worker_of
from edge_runtime.bridge.queue.escalations import Escalations
from edge_runtime.bridge.queue.replies import plausible
from edge_runtime.errors import BadRequestError, EdgeError, TooLargeError
from edge_runtime.messages import Reply, decode, error_info

_log = logging.getLogger(__name__)


class Workers:
    """A companion that passes it on to whoever waits for it."""

    def __init__(
        self, topics: NodeTopics, escalations: Escalations, direct: DirectEscalations
    ) -> None:
        self._replies = topics.replies
        self._escalations = escalations
        self._direct = direct
        self._sender: Sender | None = None
        self.subscriptions: Mapping[str, int] = {topics.replies: 1, ANY_WORKER_STATUS: 0}

    def start(self, sender: Sender) -> None:
        """Begin to listen."""
        self._sender = sender

    def connected(self) -> None:
        """The broker says now which workers are online."""
        self._escalations.connected()
        self._direct.connected()

    def lost(self) -> None:
        """Nobody can be asked."""
        self._escalations.lost()
        self._direct.lost()

    def received(self, message: Message) -> bool:
        """Take a reply, or the status of a worker."""
        if message.topic == self._replies:
            self._replied(message)
            return True
        worker = worker_of(message.topic)
        if worker is None:
            return False
        online = is_online(message.payload)
        self._escalations.worker(worker, online=online)
        self._direct.worker(worker, online=online)
        self._acknowledge(message)
        return True

    def stop(self) -> None:
        """Do nothing: the queue is stopped by the node."""

    def _replied(self, message: Message) -> None:
        try:
            reply = plausible(_read(message))
            if message.correlation not in {None, bytes.fromhex(reply.id)}:
                raise BadRequestError("the id is not the correlation")
        except (EdgeError, ValueError) as exc:
            _log.warning("a reply on %s is not valid: %s", message.topic, exc)
            self._acknowledge(message)
            return
        if self._direct.replied(reply):
            self._acknowledge(message)
        else:
            self._escalations.replied(reply, message)

    def _acknowledge(self, message: Message) -> None:
        if self._sender is not None:
            self._sender.acknowledge(message)


def _read(message: Message) -> Reply:
    """Return a worker's reply; one that is too large is an error, so that it is not paid again.

    Raises:
        BadRequestError: it is no reply.
        TooLargeError: nobody can tell to what it replies.
    """
    try:
        return decode(message.payload, Reply)
    except TooLargeError as exc:
        if message.correlation is None:
            raise
        return Reply(id=message.correlation.hex(), error=error_info(exc))
