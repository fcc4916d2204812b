from __future__ import annotations

import json
from typing import Any

import pytest

from edge_runtime.bridge.protocol.hermes import (
    Query,
    answer_messages,
    error_message,
    read_query,
    request_message,
)
from edge_runtime.bridge.protocol.requests import Incoming, RequestReader
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Answer, ErrorInfo

QUERY = Query(input="dim it to half", site_id="kitchen", id="q", session_id="s")
SPANS = [{"start": 10, "end": 14, "label": "brightness", "text": "half", "score": 0.9}]
COMMAND = {"intent": "HassLightSet", "slots": {"brightness": 50, "area": "Kitchen"}, "sure": True}


def answer(confidence: float = 0.9, **result: Any) -> Answer:
    return Answer(id="r", task="ask", result=result, confidence=confidence)


def told(query: Query, given: Answer) -> dict[str, Any]:
    return {m.topic: json.loads(m.payload) for m in answer_messages(query, given)}


def test_a_query_as_rhasspy_sends_it_is_read() -> None:
    sent = {
        "input": "what time is it", "siteId": "default", "id": None, "intentFilter": ["GetTime"],
        "sessionId": "default-porcupine-1", "wakewordId": "porcupine", "lang": None,
        "customData": None, "asrConfidence": None,
    }  # fmt: skip
    query = read_query(json.dumps(sent).encode())
    assert query.input == "what time is it"
    assert query.intent_filter == ["GetTime"]
    assert query.session_id == "default-porcupine-1"


@pytest.mark.parametrize(
    "payload", [b"", b"text", b"{}", b'{"input": 1}', b'{"input": "\xff"}', b"[" * 100_000]
)
def test_what_is_no_query_is_refused(payload: bytes) -> None:
    with pytest.raises(BadRequestError, match="Hermes"):
        read_query(payload)


def test_the_request_is_one_that_a_node_accepts_and_that_leaves_no_device() -> None:
    topics = NodeTopics("n")
    reader = RequestReader(topics, ("ask",), now=lambda: 0.0)
    incoming = reader.read(request_message(QUERY, topics, "hermes-1"))
    assert isinstance(incoming, Incoming)
    assert incoming.request.id == "hermes-1"
    assert incoming.request.text == QUERY.input
    assert incoming.request.policy.privacy == "local"
    assert incoming.route.client == "hermes"
    assert incoming.route.topic == "edge/v1/n/res/hermes"


def test_an_intent_is_told_on_both_topics_with_who_asked() -> None:
    messages = told(QUERY, answer(intent="HassLightSet", slots=SPANS, command=COMMAND))
    assert list(messages) == ["hermes/nlu/intentParsed", "hermes/intent/HassLightSet"]
    for content in messages.values():
        assert content["input"] == QUERY.input
        assert content["intent"] == {"intentName": "HassLightSet", "confidenceScore": 0.9}
        assert (content["siteId"], content["sessionId"], content["id"]) == ("kitchen", "s", "q")


def test_slots_have_the_values_that_the_spans_stand_for() -> None:
    content = told(QUERY, answer(intent="x", slots=SPANS, command=COMMAND))
    spoken, given = content["hermes/nlu/intentParsed"]["slots"]
    assert spoken == {
        "entity": "brightness", "slotName": "brightness", "rawValue": "half", "confidence": 0.9,
        "value": {"kind": "Number", "value": 50},
        "range": {"start": 10, "end": 14, "rawStart": 10, "rawEnd": 14},
    }  # fmt: skip
    assert given["slotName"] == "area"
    assert given["value"] == {"kind": "Custom", "value": "Kitchen"}
    assert given["range"] is None


def test_a_span_that_became_another_slot_is_told_once() -> None:
    spans = [{"start": 4, "end": 16, "label": "hours", "text": "half an hour", "score": 0.8}]
    command = {"intent": "HassStartTimer", "slots": {"minutes": 30}, "sure": True}
    content = told(QUERY, answer(intent="timer", slots=spans, command=command))
    assert list(content) == ["hermes/nlu/intentParsed", "hermes/intent/HassStartTimer"]
    slots = content["hermes/nlu/intentParsed"]["slots"]
    assert [(each["slotName"], each["value"]["value"]) for each in slots] == [("minutes", 30)]


def test_without_a_command_the_spans_are_slots_as_they_were_said() -> None:
    content = told(QUERY, answer(intent="alarm_set", slots=SPANS))
    (slot,) = content["hermes/intent/alarm_set"]["slots"]
    assert slot["value"] == {"kind": "Custom", "value": "half"}


@pytest.mark.parametrize(
    ("query", "given"),
    [
        (QUERY, answer(0.4, intent="alarm_set")),
        (QUERY, answer()),
        (Query(input="x", intent_filter=["other"]), answer(intent="alarm_set")),
    ],
)
def test_what_is_not_likely_or_not_wanted_is_not_recognized(query: Query, given: Answer) -> None:
    messages = told(query, given)
    assert list(messages) == ["hermes/nlu/intentNotRecognized"]
    assert messages["hermes/nlu/intentNotRecognized"]["input"] == query.input


@pytest.mark.parametrize("label", ["a/b", "a+b", "#", "a b", "x\0"])
def test_no_label_of_a_bundle_names_another_topic(label: str) -> None:
    *_, topic = told(QUERY, answer(intent=label))
    assert topic.startswith("hermes/intent/")
    assert len(topic.split("/")) == 3
    assert not set(topic) & set("+#\0 ")


def test_an_error_is_told_as_one() -> None:
    failed = Answer(id="r", task="ask", status="error", error=ErrorInfo("503", "busy", "later"))
    assert told(QUERY, failed) == {
        "hermes/error/nlu": {
            "error": "later", "context": "busy", "siteId": "kitchen", "sessionId": "s",
        },
    }  # fmt: skip
    assert failed.error is not None
    assert error_message(QUERY, failed.error).topic == "hermes/error/nlu"
