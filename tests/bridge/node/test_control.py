from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from edge_runtime.assistant.governing.policy_desk import PolicyDesk
from edge_runtime.bridge.node.control import Steering
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import ConfigError
from edge_runtime.routing.policy import OwnerPolicy
from tests.bridge.harness import (
    DEADLINE_S,
    FAST,
    App,
    Echo,
    Scripted,
    running_node,
    running_worker,
    settings,
    status_of,
)


@pytest.fixture
def app(mosquitto: Broker, name: str, tmp_path: Path) -> Iterator[App]:
    with running_node(mosquitto, name, tmp_path), watching(mosquitto, name) as client:
        yield client


@contextlib.contextmanager
def watching(mosquitto: Broker, name: str) -> Iterator[App]:
    root = f"edge/v1/{name}"
    with App(mosquitto, name, topics=(f"{root}/policy/state", f"{root}/health")) as client:
        yield client


@contextlib.contextmanager
def steered(
    mosquitto: Broker, name: str, directory: Path, steering: Steering, handler: Echo | None = None
) -> Iterator[None]:
    node = Node(
        settings(mosquitto),
        handler or Echo(),
        name=name,
        outbox=directory / "outbox.db",
        options=NodeOptions(escalations=FAST),
        steering=steering,
    )
    node.start(DEADLINE_S)
    try:
        yield
    finally:
        node.stop()


def command(app: App, name: str, payload: bytes = b"", **more: Any) -> None:
    app.connection.publish(Message(topic=f"{app.root}/cmd/{name}", payload=payload, **more))


def outcomes(app: App, number: int = 1) -> list[dict[str, Any]]:
    messages = app.wait(lambda m: m.topic == f"{app.root}/evt/cmd", number)
    return [json.loads(message.payload) for message in messages]


def test_paused_escalations_wait_and_local_answers_go_on(mosquitto: Broker, app: App) -> None:
    llm = Scripted()
    with running_worker(mosquitto, llm):
        command(app, "pause")
        assert outcomes(app) == [{"v": 1, "type": "cmd", "cmd": "pause", "ok": True, "error": None}]
        correlation = app.send("why?")
        app.wait(lambda m: m.correlation == correlation and status_of(m) == "202")
        assert app.ask("hi").status == "ok"
        (health,) = app.wait(
            lambda m: m.topic.endswith("/health") and json.loads(m.payload)["paused"]
        )[-1:]
        assert json.loads(health.payload)["queue"]["escalations"] in {0, 1}
        assert llm.asked == []
        command(app, "pause", b'{"paused": false}')
        app.wait(lambda m: m.correlation == correlation and status_of(m) == "200")


@pytest.mark.parametrize(
    ("name_", "payload", "error"),
    [
        ("pause", b"maybe", "paused"),
        ("pause", b'{"paused": 5}', "paused"),
        ("dance", b"", "pause, flush, reload, update"),
        ("update", b"", "nothing here updates"),
    ],
)
def test_a_command_that_cannot_be_obeyed_says_why(
    app: App, name_: str, payload: bytes, error: str
) -> None:
    command(app, name_, payload)
    (outcome,) = outcomes(app)
    assert (outcome["cmd"], outcome["ok"]) == (name_, False)
    assert error in outcome["error"]


def test_a_retained_command_is_refused(app: App) -> None:
    command(app, "flush", retain=True)
    (outcome,) = outcomes(app)
    assert "retained" in outcome["error"]
    command(app, "flush", retain=True)  # with an empty payload it removes the retained one


def test_reload_reads_settings_again_and_tells_anew_what_the_node_is(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    handler = Echo()
    problems: list[str] = []

    def reload() -> None:
        if problems:
            raise ConfigError(problems[0])

    steering = Steering(reload=reload)
    with steered(mosquitto, name, tmp_path, steering, handler), watching(mosquitto, name) as app:
        app.wait(lambda m: m.topic.endswith("/info"))
        command(app, "reload")
        app.wait(lambda m: m.topic.endswith("/info"), number=2)
        problems.append("edge.toml:3: wrong")
        command(app, "reload")
        assert outcomes(app, 2)[1]["error"] == "edge.toml:3: wrong"


def test_an_update_is_handed_to_whoever_updates(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    asked: list[bytes] = []
    steering = Steering(update=asked.append)
    with steered(mosquitto, name, tmp_path, steering), watching(mosquitto, name) as app:
        command(app, "update", b'{"bundle":"x"}')
        assert outcomes(app)[0]["ok"]
    assert asked == [b'{"bundle":"x"}']


def test_a_bug_in_a_command_is_told_and_the_next_is_obeyed(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    def fail(_payload: bytes) -> None:
        raise RuntimeError("a bug")

    steering = Steering(update=fail)
    with steered(mosquitto, name, tmp_path, steering), watching(mosquitto, name) as app:
        command(app, "update")
        command(app, "flush")
        first, second = outcomes(app, 2)
    assert (first["ok"], second["ok"]) == (False, True)
    assert "a bug" not in first["error"]


def test_the_policy_can_be_set_and_is_told(mosquitto: Broker, name: str, tmp_path: Path) -> None:
    owner = OwnerPolicy(privacy="redact")
    desk = PolicyDesk(lambda: owner, tmp_path / "policy.json")
    with (
        steered(mosquitto, name, tmp_path, Steering(policies=desk)),
        watching(mosquitto, name) as app,
    ):
        (first,) = policy_states(app, 1)
        assert (first["version"], first["source"], first["error"]) == (1, "file", None)
        assert first["policy"]["privacy"] == "redact"
        policy_set(app, b'{"patch": {"privacy": "local", "gates.max_failures": 2}}')
        second = policy_states(app, 2)[1]
        assert (second["version"], second["source"]) == (2, "set")
        assert second["policy"]["privacy"] == "local"
        assert second["policy"]["gates"]["max_failures"] == 2
        policy_set(app, b'{"patch": {"privacy": "none"}}')
        third = policy_states(app, 3)[2]
        assert third["version"] == 2
        assert "privacy" in third["error"]
        assert third["policy"] == second["policy"]
        (event,) = app.wait(lambda m: m.topic.endswith("/evt/policy-refused"))
        assert json.loads(event.payload)["error"] == third["error"]
    assert desk().privacy == "local"


def policy_states(app: App, number: int) -> list[dict[str, Any]]:
    messages = app.wait(lambda m: m.topic.endswith("/policy/state"), number)
    return [json.loads(message.payload) for message in messages]


def policy_set(app: App, payload: bytes) -> None:
    app.connection.publish(Message(topic=f"{app.root}/policy/set", payload=payload))


def test_a_node_without_a_policy_refuses_one(app: App) -> None:
    policy_set(app, b"privacy = 'local'")
    app.wait(lambda m: m.topic.endswith("/evt/policy-refused"))
