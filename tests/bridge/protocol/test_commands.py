from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_runtime.assistant.commands.command import home_instruction
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.protocol.commands import command_message
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Answer, Request, RequestPolicy
from tests.bridge.harness import FAST, App, Echo, Scripted, running_worker, settings

TURN_ON = {
    "intent": "HassTurnOn", "slots": {"name": "Lamp"}, "speech": "Turning on the lamp.",
    "sure": True,
}  # fmt: skip


def incoming(expires: float | None = None, **policy: Any) -> Incoming:
    request = Request(text="lamp on", policy=RequestPolicy(**policy))
    route = Route(client="app", topic="t", expires=expires)
    return Incoming(Message(topic="r"), route, request, arrived=100.0)


def answer(command: object, **changes: Any) -> Answer:
    fields = {"id": "7", "task": "ask", "confidence": 0.9, "result": {"command": command}}
    return Answer(**{**fields, **changes})


def test_a_sure_home_command_is_told_with_who_asked() -> None:
    message = command_message(answer(TURN_ON), incoming(), "home/commands", 100.0)
    assert message is not None
    assert (message.topic, message.retain, message.expiry_s) == ("home/commands", False, 60)
    assert json.loads(message.payload) == {
        "v": 1, "id": "7", "client": "app", "intent": "HassTurnOn", "slots": {"name": "Lamp"},
        "speech": "Turning on the lamp.", "confidence": 0.9,
    }  # fmt: skip


def test_it_expires_with_the_request() -> None:
    message = command_message(answer(TURN_ON), incoming(expires=105.5), "t", 101.0)
    assert message is not None
    assert message.expiry_s == 5


@pytest.mark.parametrize(
    "told",
    [
        answer({**TURN_ON, "sure": False}),
        answer({**TURN_ON, "intent": "play_music"}),
        answer(TURN_ON, source="cloud"),
        answer(TURN_ON, status="queued"),
        answer(None),
        answer("turn on"),
        answer(None, result=None),
    ],
)
def test_what_is_not_sure_not_for_the_home_or_not_from_here_is_not_told(told: Answer) -> None:
    assert command_message(told, incoming(), "t", 100.0) is None


def test_a_request_under_privacy_local_is_not_told() -> None:
    assert command_message(answer(TURN_ON), incoming(privacy="local"), "t", 100.0) is None


@pytest.mark.parametrize(
    ("wanted", "topic"),
    [
        ("home/commands", "home/commands"),
        ("edge/v1/{node}/evt/command", "edge/v1/n/evt/command"),
        ("{node}/commands", "n/commands"),
    ],
)
def test_the_owners_topic_may_name_the_node(wanted: str, topic: str) -> None:
    assert NodeTopics("n").commands(wanted) == topic


@pytest.mark.parametrize(
    "wanted",
    [
        "", "home/#", "home/+/x", "a\x00b", "x" * 2000, "edge/v1/n/cmd/pause", "edge/v1/n/req/ask",
        "edge/v1/n/esc/req", "edge/v1/n/policy/set", "edge/v1/m/evt/command", "edge/v1/n/status",
        "edge/v1/n/res/app", "edge/workers/w/status", "$SYS/x", "homeassistant/x",
    ],
)  # fmt: skip
def test_a_topic_that_steers_something_is_refused(wanted: str) -> None:
    with pytest.raises(ConfigError, match="commands_topic"):
        NodeTopics("n").commands(wanted)


class Homely(Echo):
    """Takes every text for a sure home command, and asks a worker for "why"."""

    def begin(self, request: Request) -> Answer | Pending:
        found = super().begin(request)
        slots = {"name": request.text}
        command = home_instruction(request.text, "HassTurnOn", slots, sure=True)
        result = {"command": msgspec.to_builtins(command)}
        if isinstance(found, Pending):
            guess = msgspec.structs.replace(found.guess, result=result)
            return msgspec.structs.replace(found, guess=guess)
        return msgspec.structs.replace(found, result=result)


def test_a_node_publishes_what_it_is_sure_of_and_never_what_a_cloud_says(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    node = Node(
        settings(mosquitto, None),
        Homely(),
        name=name,
        outbox=tmp_path / "outbox.db",
        options=NodeOptions(escalations=FAST, commands_topic="edge/v1/{node}/evt/command"),
    )
    with running_worker(mosquitto, Scripted()), App(mosquitto, name) as app:
        node.start(10.0)
        try:
            asked = app.send("why is it dark")
            app.wait(lambda m: m.correlation == asked and b'"cloud"' in m.payload)
            app.ask("desk lamp")
            (told,) = app.wait(lambda m: m.topic == f"{app.root}/evt/command")
            assert json.loads(told.payload)["slots"] == {"name": "desk lamp"}
            assert told.content_type == "application/json"
        finally:
            node.stop()


def test_without_the_setting_nothing_is_published(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    node = Node(settings(mosquitto, None), Homely(), name=name, outbox=tmp_path / "outbox.db")
    with App(mosquitto, name) as app:
        node.start(10.0)
        try:
            app.ask("desk lamp")
            app.ask("floor lamp")
            events = [m for m in app.received if m.topic.startswith(f"{app.root}/evt/")]
            assert events == []
        finally:
            node.stop()
