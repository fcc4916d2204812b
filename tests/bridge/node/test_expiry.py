from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from tests.bridge.harness import App, Echo, running_node, status_of, until

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


@pytest.mark.parametrize("deadline", [{"deadline_ms": 100}, {"deadline_ms": 700}])
def test_a_request_that_waits_is_answered_when_its_time_is_over(
    app: App, handler: Echo, deadline: dict[str, int]
) -> None:
    handler.hold.set()
    app.send("first")
    until(lambda: handler.begun)
    correlation = app.send(json.dumps({"text": "second", "policy": deadline}))
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(message) == "408"
    assert not handler.go.is_set(), "the model was still busy"
    (event,) = app.wait(lambda m: m.topic == f"{app.root}/evt/expired")
    assert json.loads(event.payload)["client"] == "app"
    handler.go.set()
    app.ask("third")
    assert [request.text for request in handler.begun] == ["first", "third"]
    assert len(app.answers(correlation)) == 1


def test_the_message_expiry_counts_as_well(app: App, handler: Echo) -> None:
    handler.hold.set()
    app.send("first")
    until(lambda: handler.begun)
    correlation = app.send("second", expiry_s=1)
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(message) == "408"


def test_what_the_model_works_on_is_answered_in_time_too(app: App, handler: Echo) -> None:
    handler.hold.set()
    correlation = app.send(json.dumps({"text": "first", "policy": {"deadline_ms": 400}}))
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(message) == "408"
    handler.go.set()
    app.ask("second")
    assert len(app.answers(correlation)) == 1, "the late answer is not sent"


def test_writing_ends_at_the_deadline(app: App, handler: Echo) -> None:
    handler.hold.set()
    text = {"text": "write " + "word " * 1000, "policy": {"deadline_ms": 400}}
    correlation = app.send(json.dumps(text))
    (message,) = app.wait(lambda m: m.correlation == correlation)
    assert status_of(message) == "408"
    handler.hold.clear()
    assert app.ask("write on").result == {"text": "on", "finish_reason": "stop"}


def test_a_request_without_an_expiry_has_one_all_the_same(app: App, handler: Echo) -> None:
    app.ask("hi")
    assert handler.begun[0].policy.deadline_ms == 3_600_000
