from __future__ import annotations

import json

import pytest

from edge_runtime.dashboard.orders import order_message, read_order
from edge_runtime.errors import BadRequestError


@pytest.mark.parametrize(
    ("order", "topic", "payload"),
    [
        ({"do": "pause"}, "cmd/pause", b'{"paused":true}'),
        ({"do": "pause", "paused": False}, "cmd/pause", b'{"paused":false}'),
        ({"do": "flush"}, "cmd/flush", b""),
        ({"do": "reload"}, "cmd/reload", b""),
        ({"do": "policy", "document": ' privacy = "local"\n'}, "policy/set", b'privacy = "local"'),
        ({"do": "policy", "document": '{"privacy":"local"}'}, "policy/set", b'{"privacy":"local"}'),
    ],
)
def test_an_order_is_a_message_to_one_node(
    order: dict[str, object], topic: str, payload: bytes
) -> None:
    message = order_message(read_order(json.dumps({**order, "node": "kitchen"}).encode()))
    assert message.topic == f"edge/v1/kitchen/{topic}"
    assert message.payload == payload
    assert (message.qos, message.retain) == (1, False)


def test_an_order_is_not_for_the_day_the_node_is_back() -> None:
    for order in ({"do": "flush"}, {"do": "policy", "document": "privacy = 'local'"}):
        message = order_message(read_order(json.dumps({**order, "node": "n"}).encode()))
        assert message.expiry_s == 60


@pytest.mark.parametrize("node", ["", "+", "#", "a/cmd/pause", "a b", "n" * 65])
def test_an_order_reaches_no_topic_but_that_of_a_node(node: str) -> None:
    with pytest.raises(BadRequestError):
        order_message(read_order(json.dumps({"do": "flush", "node": node}).encode()))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"do":"update","node":"n"}', b'{"do":"flush"}', b"\xff",
     b'{"do":"flush","node":"n","topic":"x"}', b'{"do":"policy","node":"n","document":"  "}',
     b'{"do":"pause","node":"n","paused":"yes"}',
     json.dumps({"do": "policy", "node": "n", "document": "#" * 70_000}).encode()],
)  # fmt: skip
def test_what_is_no_order_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_order(body)
