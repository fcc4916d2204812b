from __future__ import annotations

import itertools

import pytest

from edge_runtime.bridge.mqtt.window import Window
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import UnavailableError


class Sent:
    """A window over no network: what it sends is kept."""

    def __init__(self, *, most: int = 100, most_bytes: int = 1000) -> None:
        self.packets: list[tuple[bytes, int, bool]] = []
        self.expiries: list[int | None] = []
        self.now = 0.0
        ids = itertools.count(1)
        self.window = Window(
            self._send, lambda: next(ids), most=most, most_bytes=most_bytes, clock=lambda: self.now
        )
        self.codes: list[tuple[str, int]] = []

    def _send(self, message: Message, packet_id: int, is_again: bool) -> None:  # noqa: FBT001
        self.packets.append((message.payload, packet_id, is_again))
        self.expiries.append(message.expiry_s)

    def publish(self, name: str, expiry_s: int | None = None) -> None:
        message = Message(topic="t", payload=name.encode(), expiry_s=expiry_s)
        self.window.publish(message, lambda code: self.codes.append((name, code)))


def test_no_more_than_the_broker_takes_are_under_way() -> None:
    sent = Sent()
    sent.window.open(2)
    for name in "abcd":
        sent.publish(name)
    assert sent.packets == [(b"a", 1, False), (b"b", 2, False)]
    sent.window.taken(2, 16)
    assert sent.packets[2:] == [(b"c", 3, False)]
    sent.window.taken(1, 0)
    assert sent.packets[3:] == [(b"d", 4, False)]
    assert sent.codes == [("b", 16), ("a", 0)]


def test_what_the_broker_has_not_taken_goes_again_first_after_a_lost_connection() -> None:
    sent = Sent()
    sent.window.open(2)
    for name in "abc":
        sent.publish(name)
    sent.window.close()
    sent.publish("d")
    sent.window.open(3)
    assert sent.packets[2:] == [(b"a", 1, True), (b"b", 2, True), (b"c", 3, False)]
    sent.window.taken(1, 0)
    assert sent.packets[5:] == [(b"d", 4, False)]


def test_a_broker_that_takes_fewer_than_before_gets_them_in_order() -> None:
    sent = Sent()
    sent.window.open(3)
    for name in "abc":
        sent.publish(name)
    sent.window.close()
    sent.window.open(1)
    for packet_id in (1, 4, 5):
        sent.window.taken(packet_id, 0)
    assert [payload for payload, _, _ in sent.packets[3:]] == [b"a", b"b", b"c"]
    assert [name for name, _ in sent.codes] == ["a", "b", "c"]


def test_what_expires_while_it_waits_is_not_sent_and_the_rest_has_less_time_left() -> None:
    sent = Sent()
    sent.publish("short", expiry_s=5)
    sent.publish("long", expiry_s=60)
    sent.now = 20.0
    sent.window.open(10)
    assert sent.packets == [(b"long", 1, False)]
    assert sent.expiries == [40]
    assert sent.codes == [("short", 0)]


def test_it_does_not_hold_more_than_it_may() -> None:
    for sent in (Sent(most=2), Sent(most_bytes=2)):
        sent.publish("a")
        sent.publish("b")
        with pytest.raises(UnavailableError):
            sent.publish("c")
        sent.window.open(10)
        sent.publish("c")
        assert len(sent.packets) == 3


def test_an_acknowledgement_of_nothing_does_no_harm() -> None:
    sent = Sent()
    sent.window.open(1)
    sent.window.taken(7, 0)
    sent.publish("a")
    sent.window.taken(1, 0)
    sent.window.taken(1, 0)
    assert sent.codes == [("a", 0)]
