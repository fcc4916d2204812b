"""A way out that somebody may look at."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.bridge.protocol.message import Message, Sender


class Observed:
    """A sender that shows ``look`` each message that it has taken; any thread may publish."""

    def __init__(self, sender: Sender, look: Callable[[Message], None]) -> None:
        self._sender = sender
        self._look = look

    @property
    def is_ready(self) -> bool:
        """Whether the broker can be reached now."""
        return self._sender.is_ready

    def publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        """Publish; raises what the sender raises, and then nothing was to be seen."""
        self._sender.publish(message, on_taken)
        self._look(message)

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is dealt with."""
        self._sender.acknowledge(message)
