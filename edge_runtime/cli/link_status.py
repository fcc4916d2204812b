"""The state of the link in the service manager's status line."""

from __future__ import annotations

from collections.abc import Mapping

from edge_devices.notify import notify
from edge_runtime.bridge.protocol.message import Message, Sender


class LinkStatus:
    """A companion of the node that says whether the broker is there; ``address`` is the broker's.

    ``systemctl status`` shows it.
    """

    subscriptions: Mapping[str, int] = {}

    def __init__(self, address: str) -> None:
        self._address = address

    def start(self, _sender: Sender) -> None:
        """Say that the broker is not there yet."""
        notify(f"STATUS=answers on this device; {self._address} is not connected yet")

    def connected(self) -> None:
        """Say that the broker is there."""
        notify(f"STATUS=answers on this device and at {self._address}")

    def lost(self) -> None:
        """Say that the broker is away."""
        notify(f"STATUS=answers on this device; {self._address} is away, escalations wait")

    def received(self, _message: Message) -> bool:
        """Take nothing."""
        return False

    def stop(self) -> None:
        """Nothing is left to say."""
