"""The trace of whoever asked: on the way to the worker, in events, and back with the answer."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.mqtt.broker import Protocol
from edge_runtime.bridge.protocol.message import Message
from tests.bridge.harness import App, Scripted, running_node, running_worker

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def on(app: App, topic: str) -> list[Message]:
    return app.wait(lambda m: m.topic == topic)


def test_an_escalation_carries_it_to_the_worker_and_the_events_tell_it(
    own_broker: Broker, tmp_path: Path
) -> None:
    asked = "edge/v1/n/esc/req"
    with (
        running_node(own_broker, "n", tmp_path),
        App(own_broker, "n", topics=(asked,)) as app,
    ):
        correlation = app.send("why?", properties=(("traceparent", TRACE),))
        app.answers(correlation)
        with running_worker(own_broker, Scripted()):
            _, final = app.answers(correlation, 2)
        (escalation,) = on(app, asked)
        assert dict(escalation.properties)["traceparent"] == TRACE
        for kind in ("queued", "escalated"):
            (event,) = on(app, f"edge/v1/n/evt/{kind}")
            assert json.loads(event.payload)["traceparent"] == TRACE
        assert final.traceparent == TRACE


def test_what_has_none_gets_none(own_broker: Broker, tmp_path: Path) -> None:
    with (
        running_node(own_broker, "n", tmp_path),
        App(own_broker, "n") as app,
        running_worker(own_broker, Scripted()),
    ):
        for text in ("hi", "why?"):
            assert app.ask(text).traceparent is msgspec.UNSET
        assert all(b"traceparent" not in each.payload for each in app.received)


@pytest.mark.parametrize(
    ("text", "code"), [("hi", None), ("why?", None), ("refuse", "400"), ("", "400")]
)
def test_without_properties_the_answer_itself_says_it(
    own_broker: Broker, tmp_path: Path, text: str, code: str | None
) -> None:
    old: Protocol = "3.1.1"
    with (
        running_node(own_broker, "n", tmp_path, protocol=old),
        App(own_broker, "n", protocol=old) as app,
        running_worker(own_broker, Scripted(), protocol=old),
    ):
        app.send(json.dumps({"id": "r1", "text": text, "traceparent": TRACE}))

        def fits(message: Message) -> bool:
            return message.topic == "edge/v1/n/res/app" and b'"queued"' not in message.payload

        answer = json.loads(app.wait(fits)[0].payload)
    assert answer["traceparent"] == TRACE
    assert code == (answer["error"] and answer["error"]["code"])
