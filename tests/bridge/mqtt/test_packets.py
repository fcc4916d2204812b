from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bridge.mqtt.packets import Packets
from edge_runtime.bridge.mqtt.publish_packet import publish_packet
from edge_runtime.bridge.protocol.message import Message

_sizes = st.sampled_from([0, 1, 100, 127, 128, 200, 16_383, 16_384, 20_000])


@given(st.lists(_sizes, max_size=5), st.integers(1, 5000))
def test_packets_are_found_however_the_stream_is_cut(sizes: list[int], piece: int) -> None:
    sent = [
        publish_packet(Message(topic="t", payload=b"x" * size), 0, dup=False, is_v5=True)
        for size in sizes
    ]
    stream = b"".join(sent)
    packets, found = Packets(), []
    for at in range(0, len(stream), piece):
        found += packets.add(stream[at : at + piece])
    assert [first for first, _ in found] == [0x30] * len(sizes)
    assert [body[4:] for _, body in found] == [b"x" * size for size in sizes]


def test_a_packet_without_a_body_is_one() -> None:
    assert Packets().add(b"\xd0\x00\xd0\x00") == [(0xD0, b""), (0xD0, b"")]


def test_what_is_no_mqtt_is_an_error() -> None:
    packets = Packets()
    assert packets.add(b"\x30\xff\xff\xff") == []
    with pytest.raises(ValueError, match="length"):
        packets.add(b"\xff")
