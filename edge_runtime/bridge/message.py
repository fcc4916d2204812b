"""One MQTT message, in or out, in plain Python types."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of QoS 1, or a received one of QoS 0.

    ``response_topic``, ``correlation``, ``expiry_s``, ``content_type`` and ``properties`` (user
    properties) exist in MQTT 5 only and are left out on 3.1.1. ``ticket`` is for
    ``Connection.acknowledge``; 0 where nothing has to be acknowledged.
    """

    topic: str
    payload: bytes = b""
    retain: bool = False
    dup: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    expiry_s: int | None = None
    content_type: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    ticket: int = 0
