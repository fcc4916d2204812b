from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import part_message
from edge_runtime.bridge.protocol.route import Route, escalation_message, response
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.protocol.traffic import Seen, TrafficReader
from edge_runtime.errors import TooLargeError
from edge_runtime.messages import Answer, Escalation, Reply, Timing, encode, error_answer

ROUTE = Route(client="app", topic="edge/v1/n/res/app", request_id="7")
SECRET = "what Ada wrote"


def read(message: Message, reader: TrafficReader | None = None) -> Seen:
    seen = (reader or TrafficReader(lambda: 5.0)).read(message)
    assert seen is not None
    assert seen.time == 5.0
    return seen


def test_a_request_is_shown_with_who_asks_for_what() -> None:
    payload = json.dumps({"id": "7", "text": SECRET}).encode()
    seen = read(Message(topic="edge/v1/n/req/ask/app", payload=payload))
    assert (seen.node, seen.kind, seen.client, seen.task) == ("n", "request", "app", "ask")
    assert (seen.id, seen.text) == ("7", SECRET)


def test_plain_text_of_nobody_is_a_request_too() -> None:
    seen = read(Message(topic="edge/v1/n/req/ask", payload=b"hi", correlation=b"\x01"))
    assert (seen.client, seen.id, seen.text) == ("anon", "01", "hi")


def test_an_answer_is_shown_with_status_source_time_and_confidence() -> None:
    answer = Answer(id="7", task="ask", source="cloud", confidence=0.5, ms=Timing(1.0, 2.0, 4.0),
                    result={"text": SECRET})  # fmt: skip
    seen = read(response(answer, ROUTE, 0.0))
    assert (seen.kind, seen.client, seen.task, seen.id) == ("answer", "app", "ask", "7")
    assert (seen.status, seen.source, seen.ms, seen.confidence) == ("200", "cloud", 7.0, 0.5)
    assert seen.text == SECRET


def test_an_error_is_shown_with_its_type() -> None:
    seen = read(response(error_answer("7", "ask", TooLargeError("too long")), ROUTE, 0.0))
    assert (seen.status, seen.detail) == ("413", "too_large")


def test_an_answer_on_a_clients_own_topic_belongs_to_the_node_that_was_asked() -> None:
    reader = TrafficReader(lambda: 5.0)
    answer = response(
        Answer(id="7", task="ask"), Route(client="app", topic="edge/clients/app/in"), 0.0
    )
    assert read(answer, reader).node is None
    read(Message(topic="edge/v1/n/req/ask/app", payload=b'{"id": "7", "text": "hi"}'), reader)
    assert read(answer, reader).node == "n"


def test_another_nodes_answer_on_a_clients_own_topic_is_left_out() -> None:
    reader = TrafficReader(lambda: 5.0, node="n")
    answer = Answer(id="8", task="ask")
    message = response(answer, Route(client="app", topic="edge/clients/app/in"), 0.0)
    assert reader.read(message) is None
    assert reader.filters[0] == "edge/v1/n/#"


def test_a_part_names_its_request() -> None:
    seen = read(part_message(ROUTE, 3, SECRET))
    assert (seen.kind, seen.id, seen.detail, seen.text) == ("part", "7", "piece 3", SECRET)


def test_escalation_and_reply_have_their_text_apart() -> None:
    topics = NodeTopics("n")
    asked = read(escalation_message(Escalation(id="ab" * 16, text=SECRET), topics, 60))
    assert (asked.kind, asked.id, asked.text) == ("esc/req", "ab" * 16, SECRET)
    reply = encode(Reply(id="ab" * 16, text=SECRET, model="m", cost_usd=0.5, cloud_ms=9.0))
    seen = read(Message(topic=topics.replies, payload=reply))
    assert (seen.status, seen.ms, seen.detail) == ("200", 9.0, "model=m cost_usd=0.5")


def test_an_event_shows_facts_and_the_text_of_a_command_apart() -> None:
    fields = {"v": 1, "client": "app", "id": "7", "intent": "HassTurnOn", "speech": SECRET,
              "slots": {"name": SECRET}}  # fmt: skip
    seen = read(Message(topic="edge/v1/n/evt/command", payload=json.dumps(fields).encode()))
    assert (seen.kind, seen.client, seen.detail) == ("evt/command", "app", "intent=HassTurnOn")
    assert seen.text is not None
    assert SECRET in seen.text


@pytest.mark.parametrize(
    ("topic", "payload", "kind", "status", "detail"),
    [
        ("edge/v1/n/status", b"online", "status", "online", None),
        ("edge/v1/n/health", b'{"v":1,"queue":{"requests":2},"coverage":null}', "health", None,
         "queue.requests=2"),
        ("edge/v1/n/cmd/pause", b'{"paused":true}', "cmd/pause", None, "paused=True"),
        ("edge/v1/n/policy/state", b'{"version":3,"error":"no"}', "policy/state", None,
         "version=3 error=no"),
        ("edge/v1/n/req/cancel/app", b'{"id":"7"}', "cancel", None, None),
        ("edge/workers/w/status", b'{"status":"online","llm":"m"}', "worker", "online", "llm=m"),
        ("edge/workers/w/status", b"", "worker", "offline", None),
        ("edge/v1/n/res/app", b"not json", "answer", None, "not readable"),
        ("edge/v1/n/esc/req", b"{}", "esc/req", None, "not readable"),
    ],
)  # fmt: skip
def test_each_kind_is_shown_by_its_topic(
    topic: str, payload: bytes, kind: str, status: str | None, detail: str | None
) -> None:
    seen = read(Message(topic=topic, payload=payload))
    assert (seen.kind, seen.status, seen.detail) == (kind, status, detail)


@given(
    topic=st.lists(
        st.sampled_from(["edge", "v1", "workers", "clients", "n", "req", "res", "esc", "evt",
                         "health", "status", "cmd", "policy", "part", "ask", "app", ""]),
        max_size=7,
    ).map("/".join),
    payload=st.binary(max_size=64) | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    correlation=st.none() | st.binary(max_size=8),
)  # fmt: skip
def test_whatever_comes_is_read_or_left(
    topic: str, payload: bytes, correlation: bytes | None
) -> None:
    reader = TrafficReader(lambda: 5.0)
    seen = reader.read(Message(topic=topic, payload=payload, correlation=correlation))
    assert seen is None or msgspec.json.encode(seen)
