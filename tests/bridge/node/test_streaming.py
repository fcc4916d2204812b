from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from tests.bridge.harness import App, Echo, answer_in, running_node, until

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def handler() -> Echo:
    return Echo()


@pytest.fixture
def app(mosquitto: Broker, name: str, handler: Echo, tmp_path: Path) -> Iterator[App]:
    with (
        running_node(mosquitto, name, tmp_path, handler=handler),
        App(mosquitto, name) as client,
    ):
        yield client
        handler.go.set()


def test_a_streamed_request_gets_pieces_and_then_the_whole(
    mosquitto: Broker, name: str, app: App
) -> None:
    with App(mosquitto, name, topics=(f"{app.root}/res/#",)) as watcher:
        payload = json.dumps({"id": "s", "text": "write a b c", "options": {"stream": True}})
        correlation = watcher.send(payload)
        (final,) = watcher.wait(lambda m: m.correlation == correlation and m.qos == 1 and m.ticket)
        pieces = [
            json.loads(m.payload)
            for m in watcher.received
            if m.topic == f"{app.root}/res/app/part" and m.correlation == correlation
        ]
    assert answer_in(final).result == {"text": "a b c", "finish_reason": "stop"}
    assert pieces == [
        {"id": "s", "seq": 0, "delta": "a"},
        {"id": "s", "seq": 1, "delta": "b"},
        {"id": "s", "seq": 2, "delta": "c"},
    ]


def test_without_the_option_there_are_no_pieces(app: App) -> None:
    app.ask("write a b c")
    assert not [m for m in app.received if m.topic.endswith("/part")]


@pytest.mark.parametrize("where", ["property", "field"])
def test_the_trace_is_passed_on(app: App, handler: Echo, where: str) -> None:
    in_property: dict[str, Any] = (
        {"properties": (("traceparent", TRACE),)} if where == "property" else {}
    )
    in_field = {} if where == "property" else {"traceparent": TRACE}
    correlation = app.send(json.dumps({"text": "hi", **in_field}), **in_property)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert dict(message.properties)["traceparent"] == TRACE
    handler.hold.set()
    app.send("first")
    late = {"text": "hi", "policy": {"deadline_ms": 100}, **in_field}
    app.send(json.dumps(late), **in_property)
    (event,) = app.wait(lambda m: m.topic == f"{app.root}/evt/expired")
    assert json.loads(event.payload)["traceparent"] == TRACE


def test_a_trace_that_is_not_valid_is_none(app: App) -> None:
    correlation = app.send("hi", properties=(("traceparent", "ff-" + TRACE[3:]),))
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert "traceparent" not in dict(message.properties)


def test_one_client_with_a_backlog_does_not_hold_up_another(
    mosquitto: Broker, name: str, app: App, handler: Echo
) -> None:
    handler.hold.set()
    app.send("first")
    until(lambda: handler.begun)
    backlog = [app.send(f"backlog {number}") for number in range(15)]
    app.ask("refused", "nonsense")
    with App(mosquitto, name, client="other") as other:
        correlation = other.send("quick")
        other.ask("refused", "nonsense")
        time.sleep(0.05)
        handler.go.set()
        other.answers(correlation)
    app.wait(lambda m: m.correlation in backlog, number=15)
    order = [request.text for request in handler.begun]
    assert order.index("quick") <= 2
