"""What lives on the node's connection beside the requests: events in, messages out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edge_runtime.bridge.protocol.message import Message, Sender


class Companion(Protocol):
    """Health, control, discovery, adapters: each is one, and knows nothing of the others.

    ``connected``, ``lost`` and ``received`` run on the network thread and return at once.
    ``sender`` may be used from any thread between ``start`` and ``stop``.
    """

    @property
    def subscriptions(self) -> Mapping[str, int]:
        """Topic filters and their QoS."""

    def start(self, sender: Sender) -> None:
        """Begin; the broker may not be there yet."""

    def connected(self) -> None:
        """The broker has confirmed the subscriptions, at every connect."""

    def lost(self) -> None:
        """The broker is gone."""

    def received(self, message: Message) -> bool:
        """Take a message and acknowledge it, now or later; False if it is for somebody else."""

    def stop(self) -> None:
        """Say what has to be said before the node is offline, and end."""
