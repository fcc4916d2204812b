"""``asyncapi.yaml`` is a valid document, complete, and says what the code says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
import yaml

from edge_runtime.bridge.protocol.cancels import Cancel
from edge_runtime.bridge.protocol.health import Health, Pace
from edge_runtime.bridge.protocol.parts import Part
from edge_runtime.bridge.protocol.topics import (
    ANONYMOUS,
    RESPONSE_PREFIXES,
    NodeTopics,
    worker_status,
)
from edge_runtime.cli.asyncapi import asyncapi
from edge_runtime.messages import Answer, Escalation, Reply, Request
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.updates.progress import Progress, State
from tests.bridge.contract.document import closed, load_document, resolved
from tests.bridge.contract.reduce_schema import SCHEMA
from tests.bridge.contract.wire import channel_of

DOCUMENT = load_document()
SCHEMAS = DOCUMENT["components"]["schemas"]
_, COMPONENTS = msgspec.json.schema_components(
    [Request, Answer, Escalation, Reply, Part, Cancel, OwnerPolicy],
    ref_template="#/components/schemas/{name}",
)
STRUCTS = json.loads(msgspec.json.encode(COMPONENTS))
ENVELOPE = {"Request": {"traceparent"}}  # read apart from the rest, so that errors carry it, too


def examples() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, message in DOCUMENT["components"]["messages"].items():
        for number, example in enumerate(message.get("examples", [])):
            yield f"{name}-{number}", message, example


def essence(schema: dict[str, Any]) -> Any:
    """What a schema allows, however it is written and whatever it narrows."""
    if "$ref" in schema:
        return schema["$ref"]
    if "anyOf" in schema:
        return frozenset().union(*(kinds(each) for each in schema["anyOf"]))
    return kinds(schema)


def kinds(schema: dict[str, Any]) -> frozenset[object]:
    if "anyOf" in schema or "$ref" in schema:
        found = essence(schema)
        return found if isinstance(found, frozenset) else frozenset([found])
    if "enum" in schema:
        values = [each for each in schema["enum"] if each is not None]
        null = frozenset(["null"] if None in schema["enum"] else [])
        return frozenset([("enum", frozenset(values))]) | null
    given = schema["type"]
    found = frozenset([given] if isinstance(given, str) else given)
    if "items" in schema:
        return found | {("items", essence(schema["items"]))}
    return found


def test_it_fits_the_official_schema_of_asyncapi() -> None:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    assert [each.message for each in validator.iter_errors(DOCUMENT)] == []
    assert not validator.is_valid({**DOCUMENT, "asyncapi": "2.6.0"})
    assert not validator.is_valid({**DOCUMENT, "topics": {}})


def test_every_reference_leads_somewhere() -> None:
    assert resolved(DOCUMENT, DOCUMENT)["channels"]


def test_every_channel_has_one_operation_of_the_node() -> None:
    named = [each["channel"]["$ref"].split("/")[-1] for each in DOCUMENT["operations"].values()]
    assert sorted(named) == sorted(DOCUMENT["channels"])


@pytest.mark.parametrize("part", ["messages", "schemas", "parameters", "operationBindings"])
def test_nothing_is_defined_that_nothing_uses(part: str) -> None:
    text = json.dumps(DOCUMENT)
    for name in DOCUMENT["components"][part]:
        assert f'"#/components/{part}/{name}"' in text, name


@pytest.mark.parametrize(
    ("message", "example"), [each[1:] for each in examples()], ids=[each[0] for each in examples()]
)
def test_an_example_is_valid(message: dict[str, Any], example: dict[str, Any]) -> None:
    schema = closed(resolved(message["payload"], DOCUMENT))
    jsonschema.Draft7Validator(schema).validate(example["payload"])
    if "headers" in example:
        jsonschema.validate(example["headers"], closed(resolved(message["headers"], DOCUMENT)))


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_a_schema_has_the_fields_of_the_struct_in_the_code(name: str) -> None:
    ours, theirs = SCHEMAS[name], STRUCTS[name]
    assert set(ours["properties"]) == set(theirs["properties"]) | ENVELOPE.get(name, set())
    assert set(ours.get("required", [])) >= set(theirs["required"])
    assert ours.get("additionalProperties") == theirs.get("additionalProperties")
    for field, schema in theirs["properties"].items():
        assert essence(ours["properties"][field]) == essence(schema), field
        if "default" in ours["properties"][field]:
            assert ours["properties"][field]["default"] == schema["default"], field


def test_an_update_is_told_with_the_fields_and_states_of_the_updater() -> None:
    update = SCHEMAS["Update"]["properties"]
    assert set(update) == {"v", "type", "offered_version", *Progress.__struct_fields__}
    assert update["state"]["enum"] == list(get_args(State))


def test_health_has_the_fields_of_the_code() -> None:
    assert set(SCHEMAS["Health"]["properties"]) == set(Health.__struct_fields__)
    assert set(SCHEMAS["Pace"]["properties"]) == set(Pace.__struct_fields__)
    for name in ("queue", "counts", "board", "budget"):
        part = type(getattr(Health(), name))
        assert set(SCHEMAS["Health"]["properties"][name]["properties"]) == set(
            part.__struct_fields__
        ), name


def test_the_topics_are_those_of_the_code() -> None:
    topics = NodeTopics("kitchen")
    named = {
        "status": topics.status,
        "info": topics.info,
        "health": topics.health,
        "request": topics.request_of("ask", "panel"),
        "cancel": topics.request_of("cancel", "panel"),
        "response": topics.response(ANONYMOUS),
        "escalation": topics.escalations,
        "reply": topics.replies,
        "replyPart": topics.reply_parts,
        "escalationCancel": topics.escalation_cancels,
        "queryEvent": topics.event("escalated"),
        "updateEvent": topics.event("update"),
        "policySet": topics.policy_set,
        "policyState": topics.policy_state,
        "pause": topics.command("pause"),
        "command": topics.command("flush"),
        "updateCommand": topics.command("update"),
        "workerStatus": worker_status("cloud-1"),
    }
    found = {name: channel_of(topic) for name, topic in named.items()}
    assert {name: channel and channel.name for name, channel in found.items()} == {
        name: name for name in named
    }


@pytest.mark.parametrize("prefix", RESPONSE_PREFIXES)
@pytest.mark.parametrize("below", ["", "/17", "/17/in"])
@pytest.mark.parametrize(("part", "kind"), [("", "answer"), ("/part", "part")])
def test_a_response_topic_that_a_client_may_have_is_a_channel(
    prefix: str, below: str, part: str, kind: str
) -> None:
    topic = prefix.format(node="kitchen", client="panel") + below
    assert NodeTopics("kitchen").response_to(topic, "panel", RESPONSE_PREFIXES) == topic
    channel = channel_of(topic + part)
    assert channel is not None
    assert [each.name for each in channel.types] == [kind]
    assert channel.qos == (0 if part else 1)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    asyncapi()
    assert yaml.safe_load(capsys.readouterr().out) == DOCUMENT
