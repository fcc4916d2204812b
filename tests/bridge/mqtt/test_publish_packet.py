from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_runtime.bridge.mqtt.publish_packet import (
    packet_id_of,
    puback_packet,
    publish_packet,
    read_puback,
    read_publish,
)
from edge_runtime.bridge.protocol.message import Message

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
_topic = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="+#"), min_size=1, max_size=50
)
_messages = st.builds(
    Message,
    topic=_topic,
    payload=st.binary(max_size=300),
    qos=st.sampled_from([0, 1]),
    retain=st.booleans(),
    response_topic=st.none() | _text,
    correlation=st.none() | st.binary(max_size=300),
    expiry_s=st.none() | st.integers(0, 2**32 - 1),
    content_type=st.none() | _text,
    properties=st.lists(st.tuples(_text, _text), max_size=3).map(tuple),
)


def _read(packet: bytes, *, is_v5: bool = True, ticket: int = 9) -> Message:
    size_bytes = 2
    while packet[size_bytes - 1] & 0x80:
        size_bytes += 1
    return read_publish(packet[0], packet[size_bytes:], is_v5=is_v5, arrived=lambda _: ticket)


@given(_messages, st.booleans())
def test_what_is_written_is_read(message: Message, dup: bool) -> None:  # noqa: FBT001
    packet_id = 77 if message.qos else 0
    read = _read(publish_packet(message, packet_id, dup=dup, is_v5=True))
    assert (read.topic, read.payload, read.qos, read.retain) == (
        message.topic, message.payload, message.qos, message.retain
    )  # fmt: skip
    assert (read.dup, read.ticket) == (dup, 9 if message.qos else 0)
    for name in ("response_topic", "correlation", "expiry_s", "content_type", "properties"):
        assert getattr(read, name) == getattr(message, name), name


@given(_messages)
def test_properties_are_as_paho_writes_them(message: Message) -> None:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    values: dict[str, Any] = {
        "MessageExpiryInterval": message.expiry_s,
        "ContentType": message.content_type,
        "ResponseTopic": message.response_topic,
        "CorrelationData": message.correlation,
        "UserProperty": list(message.properties) or None,
    }
    for name, value in values.items():
        if value is not None:
            setattr(properties, name, value)
    packet = publish_packet(message, 0, dup=False, is_v5=True)
    assert packet.endswith(properties.pack() + message.payload)  # type: ignore[no-untyped-call]


@given(_messages)
def test_mqtt_3_1_1_has_no_properties(message: Message) -> None:
    read = _read(publish_packet(message, 5, dup=False, is_v5=False), is_v5=False)
    assert (read.topic, read.payload) == (message.topic, message.payload)
    assert (read.correlation, read.expiry_s, read.properties) == (None, None, ())


@given(st.integers(0, 255), st.binary(max_size=100), st.booleans())
def test_nonsense_is_an_error_and_nothing_else(first: int, body: bytes, is_v5: bool) -> None:  # noqa: FBT001
    packet_id_of(first, body)
    try:
        read_publish(first, body, is_v5=is_v5, arrived=lambda _: 1)
    except ValueError:
        return


@given(_messages, st.integers(0, 200))
def test_a_packet_that_is_cut_is_not_read_as_a_whole_one(message: Message, cut: int) -> None:
    packet = publish_packet(Message(topic=message.topic), 5, dup=False, is_v5=True)
    body = packet[2:]
    if cut < len(body):
        with pytest.raises(ValueError):  # noqa: PT011 - a bad text is one, too
            read_publish(packet[0], body[:cut], is_v5=True, arrived=lambda _: 1)


def test_what_is_of_no_use_here_is_skipped() -> None:
    properties = b"\x01\x01" + b"\x23\x00\x07" + b"\x0b\x85\x01" + b"\x09\x00\x01c"
    body = b"\x00\x01t\x00\x05" + bytes([len(properties)]) + properties + b"hi"
    read = read_publish(0x32, body, is_v5=True, arrived=lambda packet_id: packet_id)
    assert (read.correlation, read.payload, read.ticket) == (b"c", b"hi", 5)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "x" * 65_536])
def test_a_topic_that_nothing_can_be_published_on_is_an_error(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        publish_packet(Message(topic=topic), 1, dup=False, is_v5=True)


def test_acknowledgements_carry_id_and_reason() -> None:
    assert puback_packet(258) == b"\x40\x02\x01\x02"
    assert read_puback(b"\x01\x02") == (258, 0)
    assert read_puback(b"\x01\x02\x10\x00") == (258, 16)
    with pytest.raises(ValueError, match="PUBACK"):
        read_puback(struct.pack("!B", 1))
