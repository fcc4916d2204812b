"""As much of MQTT 5 as a client needs that asks and waits; written apart from the runtime's."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PUBLISH, PUBACK, CONNACK, SUBACK = 0x30, 0x40, 0x20, 0x90
_QOS_1 = 0x02


def connect(client_id: str) -> bytes:
    """Return a CONNECT with a clean start, Receive Maximum 1000 and no keep-alive."""
    body = b"\x00\x04MQTT\x05\x02\x00\x00" + b"\x03\x21" + struct.pack("!H", 1000)
    return _packet(0x10, body + _string(client_id.encode()))


def subscribe(topic: str) -> bytes:
    """Return a SUBSCRIBE at QoS 1."""
    return _packet(0x82, b"\x00\x01\x00" + _string(topic.encode()) + b"\x01")


def publish(topic: str, payload: bytes, packet_id: int, correlation: bytes) -> bytes:
    """Return a PUBLISH at QoS 1 with correlation data and an expiry of 60 s."""
    properties = b"\x02" + struct.pack("!I", 60) + b"\x09" + _string(correlation)
    body = _string(topic.encode()) + struct.pack("!H", packet_id)
    return _packet(PUBLISH | _QOS_1, body + bytes([len(properties)]) + properties + payload)


def puback(packet_id: int) -> bytes:
    """Return a PUBACK."""
    return struct.pack("!BBH", PUBACK, 2, packet_id)


class Received:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def packets(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield first byte and body of each packet that is complete now."""
        self._bytes += data
        at = 0
        while True:
            length, shift, start = 0, 0, at + 1
            while start < len(self._bytes):
                byte = self._bytes[start]
                length |= (byte & 127) << shift
                shift += 7
                start += 1
                if byte < 128:  # noqa: PLR2004 - the last byte of a length
                    break
            else:
                break
            if len(self._bytes) < start + length:
                break
            yield self._bytes[at], bytes(self._bytes[start : start + length])
            at = start + length
        del self._bytes[:at]


def published(body: bytes) -> tuple[int, bytes, bytes]:
    """Return packet id, correlation and payload of a PUBLISH at QoS 1."""
    (topic_bytes,) = struct.unpack_from("!H", body)
    (packet_id,) = struct.unpack_from("!H", body, 2 + topic_bytes)
    length, at = _variable(body, 4 + topic_bytes)
    end = at + length
    correlation = b""
    while at < end:
        kind = body[at]
        at += 1
        if kind in {0x09, 0x03, 0x08}:
            (size,) = struct.unpack_from("!H", body, at)
            if kind == 0x09:  # noqa: PLR2004 - correlation data
                correlation = body[at + 2 : at + 2 + size]
            at += 2 + size
        elif kind == 0x26:  # noqa: PLR2004 - a user property, two strings
            for _ in range(2):
                (size,) = struct.unpack_from("!H", body, at)
                at += 2 + size
        else:
            at += {0x02: 4, 0x01: 1}[kind]
    return packet_id, correlation, body[end:]


def _packet(first: int, body: bytes) -> bytes:
    size, rest = bytearray(), len(body)
    while True:
        size.append(rest % 128 | (128 if rest > 127 else 0))  # noqa: PLR2004
        rest //= 128
        if not rest:
            return bytes([first]) + bytes(size) + body


def _string(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


def _variable(body: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = body[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:  # noqa: PLR2004
            return value, at
