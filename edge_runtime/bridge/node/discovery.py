"""The node as a device of Home Assistant."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from edge_runtime.bridge.protocol.home_assistant import BIRTH, Device, discovery_message, is_birth
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import EdgeError

_log = logging.getLogger(__name__)


class Discovery:
    """A companion that tells Home Assistant of the node, again whenever that one has started.

    The document stays with the broker, so the device stays when the node stops; ``edge-run mqtt
    forget-device`` removes it.
    """

    def __init__(self, topics: NodeTopics, device: Device) -> None:
        self._document = discovery_message(topics, device)
        self._sender: Sender | None = None

    @property
    def subscriptions(self) -> Mapping[str, int]:
        """Home Assistant's birth message."""
        return {BIRTH: 0}

    def start(self, sender: Sender) -> None:
        """Keep the way out."""
        self._sender = sender

    def connected(self) -> None:
        """Publish the document."""
        self._publish()

    def lost(self) -> None:
        """Do nothing: the last will says it."""

    def received(self, message: Message) -> bool:
        """Publish again when Home Assistant is back."""
        if message.topic != BIRTH:
            return False
        if is_birth(message):
            self._publish()
        if self._sender is not None:
            self._sender.acknowledge(message)
        return True

    def stop(self) -> None:
        """Do nothing: the node's status says it."""

    def _publish(self) -> None:
        if self._sender is None:
            return
        try:
            self._sender.publish(self._document)
        except EdgeError as exc:  # the others at this connection are not to blame
            _log.warning("Home Assistant is not told of this node: %s", exc)
