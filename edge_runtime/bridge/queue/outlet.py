"""Where the queue's messages go: the node's connection, once there is one."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.bridge.protocol.message import Message, Sender


class Outlet:
    """A sender that is named later."""

    def __init__(self) -> None:
        self._sender: Sender | None = None

    def open(self, sender: Sender) -> None:
        """Begin to send."""
        self._sender = sender

    @property
    def is_ready(self) -> bool:
        """Whether the broker can be reached now."""
        return self._sender is not None and self._sender.is_ready

    def publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        """Publish, as soon as the broker is there.

        Raises:
            TooLargeError: more than the broker accepts.
            UnavailableError: too many messages wait already.
        """
        if self._sender is not None:
            self._sender.publish(message, on_taken)

    def publish_now(self, message: Message) -> None:
        """Publish if the broker is there."""
        if self.is_ready:
            self.publish(message)

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is dealt with."""
        if self._sender is not None:
            self._sender.acknowledge(message)
