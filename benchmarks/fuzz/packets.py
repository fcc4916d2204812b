"""Packets of MQTT 3.1.1 and 5, right or wrong: nothing here refuses to be put together."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PINGREQ = b"\xc0\x00"
CONNACK, PUBACK, PINGRESP = 0x20, 0x40, 0xD0

_LAST = 0x80
_EXPIRY, _CONTENT_TYPE, _RESPONSE_TOPIC, _CORRELATION, _USER = 0x02, 0x03, 0x08, 0x09, 0x26


def connect(client_id: str, *, is_v5: bool) -> bytes:
    """Return a CONNECT with a clean session and no keep-alive."""
    level, properties = (b"\x05", b"\x00") if is_v5 else (b"\x04", b"")
    return packet(
        0x10, b"\x00\x04MQTT" + level + b"\x02\x00\x00" + properties + sized(client_id.encode())
    )


def publish(
    topic: bytes,
    payload: bytes,
    packet_id: int,
    properties: bytes | None,
    *,
    retain: bool = False,
) -> bytes:
    """Return a PUBLISH, at QoS 1 unless the id is 0; ``properties`` is None for MQTT 3.1.1."""
    body = sized(topic)
    if packet_id:
        body += struct.pack("!H", packet_id)
    if properties is not None:
        body += length(len(properties)) + properties
    return packet(0x30 | retain | (0x02 if packet_id else 0), body + payload)


def properties(
    *,
    correlation: bytes | None = None,
    content_type: bytes | None = None,
    response_topic: bytes | None = None,
    expiry_s: int | None = None,
    user: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """Return the properties of a PUBLISH, without their length."""
    found = b"" if expiry_s is None else struct.pack("!BI", _EXPIRY, expiry_s)
    given = ((_CONTENT_TYPE, content_type), (_RESPONSE_TOPIC, response_topic),
             (_CORRELATION, correlation))  # fmt: skip
    for kind, value in given:
        if value is not None:
            found += bytes([kind]) + sized(value)
    return found + b"".join(bytes([_USER]) + sized(name) + sized(value) for name, value in user)


def packet(first: int, body: bytes) -> bytes:
    """Return a packet with its length."""
    return bytes([first]) + length(len(body)) + body


def sized(value: bytes) -> bytes:
    """Return a string with its length before it."""
    return struct.pack("!H", len(value)) + value


def length(number: int) -> bytes:
    """Return a number as a variable byte integer."""
    out = bytearray()
    while True:
        number, byte = number >> 7, number & 0x7F
        out.append(byte | (_LAST if number else 0))
        if not number:
            return bytes(out)


class Stream:
    """Cuts what a broker sends into packets."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def packets(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield kind and body of each packet that is whole by now."""
        self._bytes += data
        while True:
            size, at, shift = 0, 1, 0
            while at < len(self._bytes):
                byte = self._bytes[at]
                size |= (byte & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if byte < _LAST:
                    break
            else:
                return
            if len(self._bytes) < at + size:
                return
            kind, body = self._bytes[0] & 0xF0, bytes(self._bytes[at : at + size])
            del self._bytes[: at + size]  # before the yield: whoever reads may stop there
            yield kind, body
