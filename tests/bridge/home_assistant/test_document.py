"""The document against the schema that ``schema_of.py`` read out of Home Assistant."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge_runtime.bridge.protocol.home_assistant import (
    Device,
    discovery_document,
    discovery_message,
    removal_message,
)
from edge_runtime.bridge.protocol.topics import NodeTopics

HERE = Path(__file__).parent
TOPICS = NodeTopics("kitchen")
SCHEMA = json.loads((HERE / "discovery.schema.json").read_text())


@pytest.fixture
def document() -> Any:
    return copy.deepcopy(json.loads(discovery_message(TOPICS, Device("1.2", "a board")).payload))


def problems(document: Any) -> list[str]:
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


def test_home_assistant_accepts_the_document(document: Any) -> None:
    assert problems(document) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("o",), None),
        (("dev", "identifiers"), None),
        (("dev", "colour"), "red"),
        (("cmps", "temperature", "unit_of_measurement"), "degrees"),
        (("cmps", "temperature", "device_class"), "heat"),
        (("cmps", "temperature", "unique_id"), None),
        (("cmps", "usd_left", "state_class"), "measurement"),
        (("cmps", "flush", "command_topic"), None),
        (("cmps", "flush", "platform"), "knob"),
        (("cmps", "privacy", "choices"), []),
        (("cmps", "dropped", "entity_category"), "debug"),
    ],
)
def test_the_schema_refuses_what_home_assistant_does(
    document: Any, path: tuple[str, ...], value: Any
) -> None:
    place = document
    for name in path[:-1]:
        place = place[name]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert problems(document)


def test_the_schema_is_that_of_the_home_assistant_here(home_assistant_python: str) -> None:
    program = str(HERE / "schema_of.py")
    done = subprocess.run([home_assistant_python, program], capture_output=True, check=True)
    now = json.loads(done.stdout)
    validator = jsonschema.Draft202012Validator(now)
    document = json.loads(discovery_message(TOPICS, Device("1")).payload)
    assert [each.message for each in validator.iter_errors(document)] == []
    if now["$comment"] == SCHEMA["$comment"]:
        assert now == SCHEMA


def test_what_may_be_set_goes_to_the_owners_topics_only(document: Any) -> None:
    topics = {
        topic
        for entity in document["cmps"].values()
        if (topic := entity.get("command_topic")) is not None
    }
    assert topics == {
        TOPICS.policy_set,
        *(TOPICS.command(name) for name in ("flush", "pause", "update")),
    }


def test_ids_and_names_are_those_of_the_node_and_each_stands_once(document: Any) -> None:
    entities = document["cmps"].values()
    assert len({each["unique_id"] for each in entities}) == len(entities)
    assert len({(each["platform"], each["name"]) for each in entities}) == len(entities)
    assert all(each["unique_id"].startswith("edge_kitchen_") for each in entities)
    assert document["dev"]["model"] == "a board"
    assert "model" not in dict(discovery_document(TOPICS, Device("1"))["dev"])  # type: ignore[call-overload]


def test_the_messages_are_retained_and_the_empty_one_removes() -> None:
    message = discovery_message(TOPICS, Device("1"))
    removal = removal_message(TOPICS)
    assert message.topic == removal.topic == "homeassistant/device/kitchen/config"
    assert message.retain
    assert removal.retain
    assert (message.payload, removal.payload) == (message.payload, b"")
    assert len(message.payload) < 16_384
