from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bridge.node.asked import Asked
from edge_runtime.bridge.node.line import Line
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.messages import Request


def asked(client: str, text: str = "hi") -> Asked:
    message = Message(topic="t", payload=text.encode())
    return Asked(Incoming(message, Route(client, "r", text), Request(text=text), 0.0))


def client_of(each: Asked | None) -> str:
    assert each is not None
    return each.incoming.route.client


def test_clients_take_turns() -> None:
    line = Line(100, 10_000)
    for client in "aaaaabbc":
        assert line.add(asked(client))
    assert [client_of(each) for each in line.coming(6)] == list("abcaba")
    assert [client_of(line.next()) for _ in range(8)] == list("abcabaaa")
    assert line.next() is None
    assert (len(line), line.size_bytes, line.oldest_at()) == (0, 0, None)


def test_of_one_client_the_first_comes_first() -> None:
    line = Line(100, 10_000)
    for text in ("1", "2", "3"):
        line.add(asked("a", text))
    texts = []
    while (each := line.next()) is not None:
        texts.append(each.incoming.request.text)
    assert texts == ["1", "2", "3"]


def test_a_client_with_a_backlog_does_not_keep_others_out() -> None:
    line = Line(10, 10_000)
    assert sum(line.add(asked("greedy")) for _ in range(50)) == 10
    assert [line.add(asked("modest")) for _ in range(6)] == [True] * 5 + [False]
    assert not line.add(asked("greedy"))
    others = [line.add(asked(f"client {number}")) for number in range(20)]
    assert sum(others) == 5, "never more than twice as many as it may hold"


def test_bytes_are_bounded_too() -> None:
    line = Line(100, 100)
    assert line.add(asked("a", "x" * 90))
    assert not line.add(asked("a", "x" * 200))
    assert line.add(asked("b", "x" * 90))
    assert not line.add(asked("c", "x" * 90))
    assert line.add(asked("c", "x" * 90), always=True)


@given(st.lists(st.sampled_from("abcd"), max_size=60), st.integers(1, 8))
def test_whoever_waits_is_served_at_least_once_in_a_round(clients: list[str], limit: int) -> None:
    line = Line(limit, 10_000)
    taken = Counter(client for client in clients if line.add(asked(client)))
    assert len(line) == sum(taken.values()) <= 2 * limit
    served: Counter[str] = Counter()
    while (each := line.next()) is not None:
        served[client_of(each)] += 1
        waiting = [client for client in taken if served[client] < taken[client]]
        # nobody who still waits is more than one turn behind anybody
        assert all(max(served.values()) - served[client] <= 1 for client in waiting)
    assert served == taken


@pytest.mark.parametrize("count", [0, 3, 100])
def test_looking_ahead_changes_nothing(count: int) -> None:
    line = Line(100, 10_000)
    for client in "aabbb":
        line.add(asked(client))
    ahead = line.coming(count)
    order = [line.next() for _ in range(5)]
    assert ahead == order[:count]
