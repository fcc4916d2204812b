from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.mqtt.broker import Protocol
from edge_runtime.bridge.node.hermes import Hermes
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import Answer, Request
from tests.bridge.harness import DEADLINE_S, App, Echo, settings

TOPICS = ("hermes/nlu/intentParsed", "hermes/nlu/intentNotRecognized", "hermes/intent/#",
          "hermes/error/nlu")  # fmt: skip


class Understanding(Echo):
    """Takes the last word of a text for its intent."""

    def begin(self, request: Request) -> Answer | Pending:
        outcome = super().begin(request)
        if not isinstance(outcome, Answer):
            return outcome
        result = {"intent": request.text.split()[-1], "slots": []}
        confidence = 0.2 if "unsure" in request.text else 0.9
        return msgspec.structs.replace(outcome, result=result, confidence=confidence)


@pytest.fixture
def handler() -> Understanding:
    return Understanding()


@pytest.fixture(params=["5", "3.1.1"])
def app(
    mosquitto: Broker,
    name: str,
    handler: Understanding,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[App]:
    protocol: Protocol = request.param
    node = Node(
        settings(mosquitto, protocol),
        handler,
        name=name,
        outbox=tmp_path / "outbox.db",
        companions=[Hermes(NodeTopics(name), frozenset({name}))],
    )
    with App(mosquitto, name, topics=TOPICS, protocol=protocol) as client:
        node.start(DEADLINE_S)
        yield client
        node.stop()


def say(app: App, name: str, text: str, **fields: Any) -> None:
    query = {"input": text, "siteId": name, **fields}
    app.connection.publish(Message(topic="hermes/nlu/query", payload=json.dumps(query).encode()))


def heard(app: App, name: str, number: int) -> dict[str, Any]:
    """Return what was said to the site of this test."""

    def ours(message: Message) -> bool:
        return message.topic.startswith("hermes/") and name in message.payload.decode()

    return {m.topic: json.loads(m.payload) for m in app.wait(ours, number)}


def test_a_query_becomes_an_intent_by_way_of_the_node(
    app: App, name: str, handler: Understanding
) -> None:
    say(app, name, "will it rain GetWeather", id="q1", sessionId="s1")
    messages = heard(app, name, 2)
    assert set(messages) == {"hermes/nlu/intentParsed", "hermes/intent/GetWeather"}
    parsed = messages["hermes/nlu/intentParsed"]
    assert parsed["intent"] == {"intentName": "GetWeather", "confidenceScore": 0.9}
    assert (parsed["id"], parsed["sessionId"]) == ("q1", "s1")
    (request,) = handler.begun
    assert (request.client, request.policy.privacy) == ("hermes", "local")


def test_what_the_node_is_not_sure_of_is_not_recognized(app: App, name: str) -> None:
    say(app, name, "unsure of this", sessionId="s1")
    assert set(heard(app, name, 1)) == {"hermes/nlu/intentNotRecognized"}


def test_a_refused_query_is_an_error_of_its_session(app: App, name: str) -> None:
    say(app, name, "refuse this", sessionId="s7")
    error = heard(app, name, 1)["hermes/error/nlu"]
    assert error["sessionId"] == "s7"
    assert error["context"] == "bad_request"


def test_other_sites_and_what_is_no_query_are_left_alone(
    app: App, name: str, handler: Understanding
) -> None:
    app.connection.publish(Message(topic="hermes/nlu/query", payload=b"no json"))
    say(app, "elsewhere", f"of {name}")
    say(app, name, "of this site Here")
    heard(app, name, 2)
    assert [request.text for request in handler.begun] == ["of this site Here"]
