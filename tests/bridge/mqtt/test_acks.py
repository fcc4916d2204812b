from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bridge.mqtt.acks import OrderedAcks


@given(st.permutations(range(8)))
def test_acknowledgements_leave_in_the_order_of_arrival(order: list[int]) -> None:
    sent: list[int] = []
    acks = OrderedAcks(sent.append)
    tickets = [acks.arrived(100 + number) for number in range(8)]
    for number in order:
        acks.settle(tickets[number])
        # never one before its elders
        assert sent == [100 + each for each in range(len(sent))]
    assert len(sent) == 8


def test_settling_twice_or_nothing_does_no_harm() -> None:
    sent: list[int] = []
    acks = OrderedAcks(sent.append)
    ticket = acks.arrived(1)
    for each in (0, ticket, ticket, 99):
        acks.settle(each)
    assert sent == [1]


def test_after_a_lost_connection_old_tickets_are_void() -> None:
    sent: list[int] = []
    acks = OrderedAcks(sent.append)
    old = acks.arrived(1)
    acks.reset()
    new = acks.arrived(1)
    acks.settle(old)
    assert sent == []
    acks.settle(new)
    assert sent == [1]
