"""One MQTT message, in or out, in plain Python types, and what it takes to send it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message, in or out; ``qos`` is how a message is published, 0 or 1.

    ``response_topic``, ``correlation``, ``expiry_s``, ``content_type`` and ``properties`` (user
    properties) exist in MQTT 5 only and are left out on 3.1.1. ``ticket`` is for
    ``Connection.acknowledge``; 0 where nothing has to be acknowledged.
    """

    topic: str
    payload: bytes = b""
    qos: Literal[0, 1] = 1
    retain: bool = False
    dup: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    expiry_s: int | None = None
    content_type: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    ticket: int = 0


class Sender(Protocol):
    """The part of a connection that services use."""

    @property
    def is_ready(self) -> bool:
        """Whether the broker can be reached now."""

    def publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        """Publish; ``on_taken`` is for QoS 1. QoS 0 is dropped while there is no broker."""

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is dealt with."""
