"""Each kind of message as JSON, judged by the contract and read by the code."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from edge_runtime.bridge.protocol.cancels import Cancel
from edge_runtime.bridge.protocol.hermes import Query
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import Part
from edge_runtime.bridge.protocol.requests import Incoming, Refused, RequestReader
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import Answer, Escalation, Reply
from edge_runtime.routing.policy import OwnerPolicy
from tests.bridge.contract.document import load_document
from tests.bridge.contract.fixture_messages import Fixture, read_fixtures
from tests.bridge.contract.wire import channel_of, problems_of

FIXTURES = list(read_fixtures())
VALID = [each for each in FIXTURES if not each.why]
INVALID = [each for each in FIXTURES if each.why]
STRUCTS: dict[str, type[msgspec.Struct]] = {
    "answer": Answer,
    "escalation": Escalation,
    "reply": Reply,
    "part": Part,
    "replyPart": Part,
    "escalationCancel": Cancel,
    "hermesQuery": Query,
    "policy": OwnerPolicy,
}


def is_read(message: Message) -> bool:
    reader = RequestReader(NodeTopics("kitchen"), ("ask",), now=lambda: 1000.0)
    read = reader.read(message)
    assert isinstance(read, Incoming | Refused)
    return isinstance(read, Incoming)


def is_decoded(kind: str) -> Callable[[Message], bool]:
    def decoded(message: Message) -> bool:
        try:
            msgspec.json.decode(message.payload, type=STRUCTS[kind])
        except msgspec.MsgspecError:
            return False
        return True

    return decoded


@pytest.mark.parametrize("name", sorted(load_document()["components"]["messages"]))
def test_every_kind_of_message_has_valid_and_invalid_fixtures(name: str) -> None:
    assert any(each.kind == name for each in VALID)
    assert any(each.kind == name for each in INVALID)


@pytest.mark.parametrize("fixture", VALID, ids=str)
def test_a_valid_fixture_is_as_the_contract_says(fixture: Fixture) -> None:
    channel = channel_of(fixture.message.topic)
    assert channel is not None
    assert fixture.kind in [each.name for each in channel.types]
    assert problems_of(fixture.message) == []


@pytest.mark.parametrize("fixture", INVALID, ids=str)
def test_an_invalid_fixture_is_noticed(fixture: Fixture) -> None:
    assert problems_of(fixture.message) != []


@pytest.mark.parametrize(
    "fixture", [each for each in FIXTURES if each.kind in {"request", "text"}], ids=str
)
def test_a_node_takes_the_requests_that_the_contract_allows_and_refuses_the_others(
    fixture: Fixture,
) -> None:
    assert is_read(fixture.message) == (not fixture.why)


@pytest.mark.parametrize("fixture", [each for each in VALID if each.kind in STRUCTS], ids=str)
def test_the_code_reads_what_the_contract_allows(fixture: Fixture) -> None:
    assert is_decoded(fixture.kind)(fixture.message)
