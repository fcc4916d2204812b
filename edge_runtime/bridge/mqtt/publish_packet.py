"""PUBLISH and PUBACK of MQTT 3.1.1 and 5 as bytes (sections 3.3 and 3.4 of both); pure.

They are on the way of every message: with paho's ``Properties`` they would be half of a node's
CPU time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

from edge_runtime.bridge.protocol.message import Message

PUBLISH, PUBACK = 0x30, 0x40

_EXPIRY, _CONTENT_TYPE, _RESPONSE_TOPIC, _CORRELATION, _USER = 0x02, 0x03, 0x08, 0x09, 0x26
_SIZED = {_CONTENT_TYPE, _RESPONSE_TOPIC, _CORRELATION, _USER}
_SUBSCRIPTION = 0x0B  # as the next two of no use here, and of one to four bytes
_FIXED_BYTES = {0x01: 1, 0x23: 2}  # payload format, topic alias
_MOST_BYTES = 0xFFFF
_MOST_EXPIRY_S = 0xFFFF_FFFF
_MORE = 0x80
_REMEMBERED = 256  # topics and user properties, of which a node sends few
_DUP, _QOS, _QOS_1, _RETAIN = 0x08, 0x06, 0x02, 0x01

_u16 = struct.Struct("!H")
_u32 = struct.Struct("!I")
_expiry = struct.Struct("!BI")
_sized = struct.Struct("!BH")
_puback = struct.Struct("!BBH")


def publish_packet(message: Message, packet_id: int, *, dup: bool, is_v5: bool) -> bytes:
    """Return the packet that publishes a message; ``packet_id`` is 0 at QoS 0.

    Raises:
        ValueError: the topic or a property cannot be sent.
    """
    body = _packed_topic(message.topic)
    if packet_id:
        body += _u16.pack(packet_id)
    if is_v5:
        body += _packed_properties(message)
    first = PUBLISH | message.retain | (_QOS_1 if packet_id else 0) | (_DUP if dup else 0)
    size_bytes = len(body) + len(message.payload)
    return b"".join((bytes((first,)), _packed_length(size_bytes), body, message.payload))


def puback_packet(packet_id: int) -> bytes:
    """Return the packet that acknowledges a message."""
    return _puback.pack(PUBACK, 2, packet_id)


def read_puback(body: bytes) -> tuple[int, int]:
    """Return packet id and reason code; 0 for success, as always on MQTT 3.1.1.

    Raises:
        ValueError: the packet is not valid.
    """
    if len(body) < 2:  # noqa: PLR2004 - the id
        raise ValueError("not a PUBACK: it ends too early")
    (packet_id,) = _u16.unpack_from(body)
    return packet_id, body[2] if len(body) > 2 else 0  # noqa: PLR2004


def _packed_properties(message: Message) -> bytes:
    parts = []
    if message.expiry_s is not None:
        parts.append(_expiry.pack(_EXPIRY, min(message.expiry_s, _MOST_EXPIRY_S)))
    if message.content_type is not None:
        parts.append(_packed(_CONTENT_TYPE, message.content_type.encode()))
    if message.response_topic is not None:
        parts.append(_packed(_RESPONSE_TOPIC, message.response_topic.encode()))
    if message.correlation is not None:
        parts.append(_packed(_CORRELATION, message.correlation))
    parts += [_packed_user(name, value) for name, value in message.properties]
    out = b"".join(parts)
    return _packed_length(len(out)) + out


@lru_cache(_REMEMBERED)
def _packed_topic(topic: str) -> bytes:
    packed = topic.encode()
    if not packed or len(packed) > _MOST_BYTES or b"+" in packed or b"#" in packed:
        raise ValueError(f"nothing can be published on the topic {topic[:100]!r}")
    return _u16.pack(len(packed)) + packed


@lru_cache(_REMEMBERED)
def _packed_user(name: str, value: str) -> bytes:
    # of a pair only the first has the kind before it
    return _packed(_USER, name.encode()) + _packed(_USER, value.encode())[1:]


def read_publish(first: int, body: bytes, *, is_v5: bool, arrived: Callable[[int], int]) -> Message:
    """Return the message of a packet, given its first byte and all that follows its length.

    ``arrived`` gives the ticket for a packet id; it is not called at QoS 0, nor for what is wrong.

    Raises:
        ValueError: the packet is not valid.
    """
    try:
        (size,) = _u16.unpack_from(body)
        topic, at = body[2 : 2 + size].decode(), 2 + size
        packet_id = 0
        if first & _QOS:
            (packet_id,) = _u16.unpack_from(body, at)
            at += 2
        found = _NOTHING
        if is_v5:
            found, at = _read_properties(body, at)
    except (struct.error, IndexError, KeyError) as exc:
        raise ValueError(f"not a PUBLISH: {exc!r}") from exc
    if at > len(body):
        raise ValueError("not a PUBLISH: it ends too early")
    return Message(
        topic=topic,
        payload=body[at:],
        qos=1 if packet_id else 0,
        retain=bool(first & _RETAIN),
        dup=bool(first & _DUP),
        response_topic=found.response_topic,
        correlation=found.correlation,
        expiry_s=found.expiry_s,
        content_type=found.content_type,
        properties=tuple(found.user),
        ticket=arrived(packet_id) if packet_id else 0,
    )


def packet_id_of(first: int, body: bytes) -> int:
    """Return the packet id of a PUBLISH that cannot be read otherwise; 0 where there is none."""
    try:
        (size,) = _u16.unpack_from(body)
        (packet_id,) = _u16.unpack_from(body, 2 + size)
    except struct.error:
        return 0
    return int(packet_id) if first & _QOS else 0


class _Properties:
    __slots__ = ("content_type", "correlation", "expiry_s", "response_topic", "user")

    def __init__(self) -> None:
        self.content_type: str | None = None
        self.correlation: bytes | None = None
        self.expiry_s: int | None = None
        self.response_topic: str | None = None
        self.user: list[tuple[str, str]] = []


_NOTHING = _Properties()


def _read_properties(body: bytes, at: int) -> tuple[_Properties, int]:
    found = _Properties()
    length, at = _length(body, at)
    end = at + length
    while at < end:
        kind = body[at]
        at += 1
        if kind in _SIZED:
            value, at = _value(body, at)
            if kind == _CORRELATION:
                found.correlation = value
            elif kind == _USER:
                second, at = _value(body, at)
                found.user.append((value.decode(), second.decode()))
            elif kind == _CONTENT_TYPE:
                found.content_type = value.decode()
            else:
                found.response_topic = value.decode()
        elif kind == _EXPIRY:
            (found.expiry_s,) = _u32.unpack_from(body, at)
            at += 4
        elif kind == _SUBSCRIPTION:
            _, at = _length(body, at)
        else:
            at += _FIXED_BYTES[kind]
    if at != end:
        raise ValueError("its properties are not as long as they say")
    return found, at


def _value(body: bytes, at: int) -> tuple[bytes, int]:
    (size,) = _u16.unpack_from(body, at)
    end = at + 2 + size
    return body[at + 2 : end], end


def _length(body: bytes, at: int) -> tuple[int, int]:
    """Return a variable byte integer and where it ends."""
    byte = body[at]
    at += 1
    if byte < _MORE:
        return byte, at
    value, shift = byte - _MORE, 7
    while byte >= _MORE:
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value, at


def _packed(kind: int, value: bytes) -> bytes:
    if len(value) > _MOST_BYTES:
        raise ValueError(f"a property of {len(value)} bytes; at most {_MOST_BYTES} are possible")
    return _sized.pack(kind, len(value)) + value


def _packed_length(length: int) -> bytes:
    if length < _MORE:
        return bytes((length,))
    out = bytearray()
    while length:
        length, byte = length >> 7, length & 0x7F
        out.append(byte | (_MORE if length else 0))
    return bytes(out)
