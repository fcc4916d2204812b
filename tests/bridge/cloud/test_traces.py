"""The trace of whoever asked, as workers see it: user property, or a field in the JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.mqtt.broker import Protocol
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.messages import encode
from tests.bridge.cloud.node_stand_in import NodeStandIn, escalation
from tests.bridge.harness import App, Scripted, running_node, running_worker

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-00000000000000000000000000000001-00f067aa0ba902b7-00"


@pytest.mark.parametrize("node", ["5", "3.1.1"])
@pytest.mark.parametrize("worker", ["5", "3.1.1"])
def test_that_of_an_app_on_mqtt_3_1_1_arrives_whatever_node_and_worker_speak(
    own_broker: Broker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    node: Protocol,
    worker: Protocol,
) -> None:
    caplog.set_level(logging.INFO)
    llm = Scripted()
    with (
        running_node(own_broker, "n", tmp_path, protocol=node),
        App(own_broker, "n", protocol="3.1.1") as app,
        running_worker(own_broker, llm, protocol=worker),
    ):
        app.send(json.dumps({"id": "r1", "text": "why?", "traceparent": TRACE}))
        app.wait(lambda m: b'"source":"cloud"' in m.payload)
    assert [each.traceparent for each in llm.asked] == [TRACE]
    assert f"node n: answered, trace {TRACE}" in caplog.messages


@pytest.mark.parametrize(
    ("of_property", "of_json", "expected"),
    [(TRACE, OTHER, TRACE), (None, OTHER, OTHER), (None, "nonsense", None), ("", OTHER, None)],
)
def test_the_property_wins_and_what_is_not_valid_is_none(
    own_broker: Broker, of_property: str | None, of_json: str, expected: str | None
) -> None:
    llm = Scripted()
    asked = msgspec.structs.replace(escalation(), traceparent=of_json)
    properties = () if of_property is None else (("traceparent", of_property),)
    with NodeStandIn(own_broker) as node, running_worker(own_broker, llm):
        node.connection.publish(
            Message(topic="edge/v1/n/esc/req", payload=encode(asked), properties=properties)
        )
        node.replies()
    assert [each.traceparent for each in llm.asked] == [expected]
