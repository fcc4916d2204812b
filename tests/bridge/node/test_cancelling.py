from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.protocol.message import Message
from tests.bridge.harness import App, Echo, answer_in, running_node, status_of, until

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


@pytest.mark.parametrize("by", ["id", "correlation"])
def test_a_request_that_waits_can_be_cancelled(app: App, handler: Echo, by: str) -> None:
    handler.hold.set()
    app.send("first")
    until(lambda: handler.begun)
    correlation = app.send(json.dumps({"id": "second", "text": "second"}))
    cancel(app, by, "second", correlation)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(message) == "499"
    error = answer_in(message).error
    assert error is not None
    assert error.type == "cancelled"
    app.wait(lambda m: m.topic == f"{app.root}/evt/cancelled")
    handler.go.set()
    app.ask("third")
    assert [request.text for request in handler.begun] == ["first", "third"]


def cancel(app: App, by: str, request_id: str, correlation: bytes) -> None:
    payload = json.dumps({"id": request_id}).encode() if by == "id" else b""
    app.connection.publish(
        Message(
            topic=f"{app.root}/req/cancel/{app.client}",
            payload=payload,
            correlation=None if by == "id" else correlation,
        )
    )


def test_what_is_being_written_is_cancelled_at_the_next_token(app: App, handler: Echo) -> None:
    handler.hold.set()
    correlation = app.send("write a b c d e")
    until(lambda: handler.begun)
    cancel(app, "correlation", "", correlation)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(message) == "499"
    handler.hold.clear()
    assert app.ask("next").status == "ok"


def test_an_escalation_can_be_cancelled(app: App) -> None:
    correlation = app.send("why?")
    app.wait(lambda m: m.correlation == correlation and status_of(m) == "202")
    cancel(app, "correlation", "", correlation)
    app.wait(lambda m: m.correlation == correlation and status_of(m) == "499")


def test_only_the_same_client_can_cancel(
    mosquitto: Broker, name: str, app: App, handler: Echo
) -> None:
    handler.hold.set()
    app.send("first")
    until(lambda: handler.begun)
    correlation = app.send(json.dumps({"id": "second", "text": "second"}))
    with App(mosquitto, name, client="other") as other:
        cancel(other, "id", "second", correlation)
        cancel(other, "correlation", "second", correlation)
        other.ask("refused", "nonsense")
    handler.go.set()
    (answer,) = app.answers(correlation)
    assert answer.status == "ok"


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"[]", b'{"id": 5}', b"\xff"])
def test_a_cancel_that_names_nothing_does_no_harm(app: App, payload: bytes) -> None:
    app.connection.publish(Message(topic=f"{app.root}/req/cancel/app", payload=payload))
    assert app.ask("hi").status == "ok"
