from __future__ import annotations

import pytest

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.trace import trace_in

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = TRACE.replace("4bf9", "0000")


@pytest.mark.parametrize(
    ("properties", "said", "found"),
    [
        ((), None, None),
        ((), TRACE, TRACE),
        ((("traceparent", OTHER),), TRACE, OTHER),
        ((("app", "panel"),), TRACE, TRACE),
        ((("traceparent", "x"),), TRACE, None),
        ((), TRACE.upper(), None),
        ((), f"ff{TRACE[2:]}", None),
        ((), f"{TRACE}\n", None),
    ],
)
def test_the_property_comes_before_the_json(
    properties: tuple[tuple[str, str], ...], said: str | None, found: str | None
) -> None:
    assert trace_in(Message(topic="t", properties=properties), said) == found
