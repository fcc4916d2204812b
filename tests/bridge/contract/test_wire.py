"""What the listeners of the tests notice, and what they leave alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker, broker
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.route import JSON, Route, response
from edge_runtime.messages import Answer, ErrorInfo, encode
from tests.bridge.contract.watching import Taps
from tests.bridge.contract.wire import Wire
from tests.bridge.harness import DEADLINE_S, App, running_node, settings

REQUEST = "edge/v1/kitchen/req/ask/panel"
ROUTE = Route("panel", "edge/v1/kitchen/res/panel", "1", b"1")
OK = Answer(id="1", task="ask")
REFUSED = Answer(id="1", task="ask", status="error", error=ErrorInfo("400", "bad_request", "no"))


def seen(*messages: Message) -> list[str]:
    wire = Wire()
    for each in messages:
        wire.see(each)
    return wire.problems


def request(payload: bytes, **fields: bytes | bool) -> Message:
    return Message(topic=REQUEST, payload=payload, correlation=b"1", retain="retain" in fields)


def answer(content: Answer) -> Message:
    return response(content, ROUTE, 0.0)


@pytest.mark.parametrize("payload", [b"", b'{"text": 1}', b"{", b'{"text": "hi", "v": 2}'])
def test_a_request_that_is_not_valid_has_to_end_in_an_error(payload: bytes) -> None:
    assert seen(request(payload), answer(REFUSED)) == []
    assert "though not valid" in seen(request(payload), answer(OK))[0]


def test_a_retained_request_has_to_end_in_an_error() -> None:
    assert seen(request(b"hi"), answer(OK)) == []
    assert "is retained" in seen(request(b"hi", retain=True), answer(OK))[0]


def test_a_topic_that_is_not_in_the_contract_is_noticed() -> None:
    assert "no such topic" in seen(Message(topic="edge/v1/kitchen/debug"))[0]
    assert "no such topic" in seen(Message(topic="homeassistant/light/x/config"))[0]
    assert seen(Message(topic="zigbee2mqtt/lamp")) == [], "that is somebody else's"


def test_an_answer_to_mqtt_3_1_1_has_no_properties() -> None:
    assert seen(Message(topic=ROUTE.topic, payload=encode(OK))) == []
    said = seen(Message(topic=ROUTE.topic, payload=encode(OK), content_type=JSON))
    assert "'status' is a required property" in said[0]


def test_what_is_sent_to_a_node_may_be_anything() -> None:
    topics = ("edge/v1/kitchen/cmd/dance", "edge/v1/kitchen/esc/res", "edge/v1/kitchen/policy/set")
    assert seen(*(Message(topic=topic, payload=b"?") for topic in topics)) == []


def test_what_is_on_purpose_is_left_alone() -> None:
    wire = Wire([re.compile("edge/v1/.*/evt/.*")])
    wire.see(Message(topic="edge/v1/kitchen/evt/nonsense"))
    assert wire.problems == []


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    with broker(persistence=True) as running:
        yield running


def publish(running: Broker, *messages: Message) -> None:
    connection = Connection(
        settings(running), client_id="x", on_message=lambda _: None, subscriptions={"x": 0}
    )
    connection.start(DEADLINE_S)
    for each in messages:
        connection.publish(each)
    connection.stop(Message(topic="x"))


BAD = Message(topic="edge/v1/kitchen/evt/dropped", payload=b"{}", content_type=JSON)


def test_a_message_on_a_broker_is_judged(own_broker: Broker, taps: Taps) -> None:
    publish(own_broker, BAD)
    assert "'reason' is a required property" in " ".join(taps.problems([]))
    assert taps.problems([]) == [], "once"


def test_what_went_over_a_broker_that_is_gone_is_judged_too(taps: Taps) -> None:
    with broker() as running:
        publish(running, BAD)
    assert taps.problems([]) != []


def test_a_broker_that_starts_again_is_listened_to_again(own_broker: Broker, taps: Taps) -> None:
    own_broker.restart(kill=True)
    assert taps.problems([]) == []
    publish(own_broker, BAD)
    assert taps.problems([]) != []


@pytest.mark.parametrize(("client_id", "is_judged"), [("edge-kitchen", True), ("app", False)])
def test_an_escalation_is_judged_where_a_node_sends_it_without_a_subscription(
    own_broker: Broker, taps: Taps, client_id: str, *, is_judged: bool
) -> None:
    codes: list[int] = []
    connection = Connection(
        settings(own_broker), client_id=client_id, on_message=lambda _: None, subscriptions={"x": 0}
    )
    connection.start(DEADLINE_S)
    bad = Message(topic="edge/v1/kitchen/esc/req", payload=b"{}", content_type=JSON)
    connection.publish(bad, codes.append)
    connection.stop(Message(topic="x"))
    assert codes == [0x10], "no subscriber, says the broker"
    assert ("'id' is a required property" in " ".join(taps.problems([]))) == is_judged


def test_a_node_says_nothing_else_than_the_contract(
    own_broker: Broker, taps: Taps, tmp_path: Path
) -> None:
    with running_node(own_broker, "kitchen", tmp_path), App(own_broker, "kitchen") as app:
        assert app.ask("hi").status == "ok"
        assert app.ask("").status == "error"
        assert app.ask("why?").status == "queued"
    assert taps.problems([]) == []
