"""What the real Home Assistant makes of a node; skips where it is not installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.node.discovery import Discovery
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.protocol.home_assistant import Device, removal_message
from edge_runtime.bridge.protocol.home_assistant_entities import entities
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from tests.bridge.harness import DEADLINE_S, App, Echo, settings, until
from tests.bridge.home_assistant.conftest import HomeAssistant
from tests.cli.test_services import started

NODE = "kitchen"  # that of the examples
TOPICS = NodeTopics(NODE)
# the tests speak in the name of this node, Home Assistant in its own and to a lamp
pytestmark = pytest.mark.wire(f"edge/v1/{NODE}/*", "homeassistant/*", "edge/clients/lamp/*")
HEALTH: dict[str, Any] = {
    "v": 1, "time": 1.0, "uptime_s": 60.0,
    "queue": {"requests": 1, "escalations": 2, "bytes": 4096, "oldest_s": 3.5},
    "dropped": {"ttl": 2, "rows": 3},
    "counts": {"answered": 10, "escalated": 4, "failed": 1, "expired": 0},
    "coverage": 0.625, "latency": {"ask": {"count": 9, "p50_ms": 4.5, "p95_ms": 9.25}},
    "board": {"temperature_c": 48.5, "rss_mb": 120.0, "battery_percent": None,
              "on_battery": None, "link": "up"},
    "pace": {"level": "slow", "reason": "temperature 75 °C >= 74 °C"},
    "budget": {"requests_left": 7, "tokens_left": None, "usd_left": 0.25},
    "workers": 1, "paused": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def app(
    home_assistant: HomeAssistant, mosquitto: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    node = Node(
        settings(mosquitto),
        Echo(),
        name=NODE,
        outbox=tmp_path_factory.mktemp("node") / "outbox.db",
        companions=[Discovery(TOPICS, Device("1.2.3", "a board"))],
    )
    node.start(DEADLINE_S)
    heard = (f"edge/v1/{NODE}/policy/set", f"edge/v1/{NODE}/cmd/#")
    with App(mosquitto, NODE, topics=heard) as client:
        home_assistant.until("button.kitchen_send_what_waits", "unknown")
        yield client
        client.connection.publish(removal_message(TOPICS))
    node.stop()
    assert home_assistant.complaints() == []


@pytest.fixture(autouse=True)
def unheard(app: App) -> None:
    app.received.clear()


def tell(app: App, topic: str, content: dict[str, Any]) -> None:
    app.connection.publish(Message(topic=topic, payload=json.dumps(content).encode()))


def policy(privacy: str, error: str | None = None) -> dict[str, Any]:
    document = {"privacy": privacy, "when_offline": "queue"}
    return {"v": 1, "version": 2, "policy": document, "error": error, "source": "set"}


def heard(app: App, topic: str) -> Any:
    (message,) = app.wait(lambda m: m.topic == topic)
    app.received.clear()
    return json.loads(message.payload)


def test_every_entity_is_there_and_nothing_was_complained_about(
    home_assistant: HomeAssistant, app: App
) -> None:
    assert app.connection.is_ready
    found = home_assistant("entities", NODE)
    described = entities(TOPICS, "assistant")
    assert set(found) == {f"edge_{NODE}_{name}" for name in described}
    wanted = {name: entity.get("entity_category") for name, entity in described.items()}
    assert {key.removeprefix(f"edge_{NODE}_"): value for key, value in found.items()} == wanted
    assert home_assistant("devices") == [{"name": NODE, "model": "a board", "sw": "1.2.3"}]
    assert home_assistant.complaints() == []


def test_health_is_shown_and_what_is_not_known_is_unknown(
    home_assistant: HomeAssistant, app: App
) -> None:
    def is_shown() -> bool:
        tell(app, TOPICS.health, HEALTH)  # it is not retained, so a node says it again
        return home_assistant.state("sensor.kitchen_waiting_escalations") == "2"

    until(is_shown)
    states = {name: each["state"] for name, each in home_assistant("states").items()}
    shown = {
        "waiting_requests": "1", "dropped": "5", "answered": "10", "escalated": "4",
        "answered_on_the_device": "62.5", "answer_time_median": "4.5",
        "answer_time_95": "9.25", "requests_left": "7", "money_left": "0.25",
        "temperature": "48.5", "memory": "120.0", "workers_online": "1",
        "pace": "slow",
    }  # fmt: skip
    assert {name: states[f"sensor.kitchen_{name}"] for name in shown} == shown
    unknown = {name: dict.fromkeys(HEALTH[name]) for name in ("board", "budget")}
    nothing = {**HEALTH, "coverage": None, "latency": {}, "dropped": {}, "pace": None, **unknown}
    tell(app, TOPICS.health, nothing)
    for name in (
        "answered_on_the_device",
        "answer_time_median",
        "temperature",
        "pace",
        "money_left",
    ):
        home_assistant.until(f"sensor.kitchen_{name}", "unknown")
    assert home_assistant.state("sensor.kitchen_dropped") == "0"


def test_allow_cloud_and_privacy_are_patches_of_the_policy(
    home_assistant: HomeAssistant, app: App
) -> None:
    tell(app, TOPICS.policy_state, policy("redact"))
    home_assistant.until("switch.kitchen_allow_cloud", "on")
    switch = {"entity_id": "switch.kitchen_allow_cloud"}
    home_assistant("call", "switch", "turn_off", switch)
    assert heard(app, TOPICS.policy_set) == {"patch": {"privacy": "local"}}
    tell(app, TOPICS.policy_state, policy("local"))
    home_assistant.until("switch.kitchen_allow_cloud", "off")
    home_assistant("call", "switch", "turn_on", switch)
    assert heard(app, TOPICS.policy_set) == {"patch": {"privacy": "redact"}}
    for name, key, option in (("privacy", "privacy", "cloud"), ("when_offline",) * 2 + ("fail",)):
        data = {"entity_id": f"select.kitchen_{name}", "option": option}
        home_assistant("call", "select", "select_option", data)
        assert heard(app, TOPICS.policy_set) == {"patch": {key: option}}
    tell(app, TOPICS.policy_state, policy("cloud"))
    home_assistant.until("select.kitchen_privacy", "cloud")
    assert home_assistant.state("switch.kitchen_allow_cloud") == "on"


def test_a_refused_policy_is_a_problem_that_says_why(
    home_assistant: HomeAssistant, app: App
) -> None:
    tell(app, TOPICS.policy_state, policy("redact", "privacy: no such level"))
    home_assistant.until("binary_sensor.kitchen_policy_refused", "on")
    attributes = home_assistant("states")["binary_sensor.kitchen_policy_refused"]["attributes"]
    assert attributes["error"] == "privacy: no such level"
    tell(app, TOPICS.policy_state, policy("redact"))
    home_assistant.until("binary_sensor.kitchen_policy_refused", "off")


def test_commands_are_sent_as_the_node_reads_them(home_assistant: HomeAssistant, app: App) -> None:
    home_assistant("call", "button", "press", {"entity_id": "button.kitchen_send_what_waits"})
    assert heard(app, TOPICS.command("flush")) == {}
    pause = {"entity_id": "switch.kitchen_pause_escalations"}
    home_assistant("call", "switch", "turn_on", pause)
    assert heard(app, TOPICS.command("pause")) == {"paused": True}
    home_assistant("call", "switch", "turn_off", pause)
    assert heard(app, TOPICS.command("pause")) == {"paused": False}


def test_a_newer_bundle_can_be_installed_and_how_far_that_is_is_shown(
    home_assistant: HomeAssistant, app: App
) -> None:
    entity = "update.kitchen_bundle"

    def say(state: str, **more: object) -> None:
        facts = {"v": 1, "type": "update", "kind": "bundle", "name": "assistant", "state": state}
        tell(app, TOPICS.event("update"), {**facts, **more})

    def shown(name: str) -> Any:
        return home_assistant("states")[entity]["attributes"][name]

    offered = {"installed_version": "0.1.0", "latest_version": "0.2.0"}
    say("available", **offered)
    home_assistant.until(entity, "on")
    home_assistant("call", "update", "install", {"entity_id": entity})
    assert heard(app, TOPICS.command("update")) == {}
    say("fetching", **offered, update_percentage=40)
    until(lambda: shown("update_percentage") == 40)
    assert shown("in_progress") is True
    say("testing", **offered)
    until(lambda: shown("update_percentage") is None)
    assert shown("in_progress") is True
    say("current", name="edge-runtime", kind="runtime", installed_version="7", latest_version="7")
    say("switched", installed_version="0.2.0", latest_version="0.2.0")
    home_assistant.until(entity, "off")
    assert shown("in_progress") is False


def test_a_node_is_asked_by_voice_and_its_answer_is_said(home_assistant: HomeAssistant) -> None:
    assert home_assistant("say", "ask the edge turn on the light") == "turn on the light"
    assert "refused by the handler" in home_assistant("say", "ask the edge please refuse")


def test_a_command_that_a_node_is_sure_of_switches_only_what_has_that_name(
    home_assistant: HomeAssistant, app: App
) -> None:
    lamp = {"name": "Ceiling Lamp", "unique_id": "lamp", "command_topic": "edge/clients/lamp/set"}
    tell(app, "homeassistant/switch/lamp/config", lamp)
    home_assistant.until("switch.ceiling_lamp", "unknown")
    for name, intent in (("other", "HassTurnOn"), ("Ceiling Lamp", "HassShoppingListAddItem"),
                         ("ceiling lamp", "HassTurnOn")):  # fmt: skip
        content = {"v": 1, "intent": intent, "slots": {"name": name}, "speech": ""}
        tell(app, TOPICS.event("command"), content)
    home_assistant.until("switch.ceiling_lamp", "on")
    tell(app, TOPICS.event("command"), {"intent": "HassTurnOff", "slots": {"name": ".*"}})
    tell(app, TOPICS.event("command"), {"intent": "HassTurnOff", "slots": {"name": "Ceiling Lamp"}})
    home_assistant.until("switch.ceiling_lamp", "off")
    app.connection.publish(Message(topic="homeassistant/switch/lamp/config", retain=True))


def test_entities_follow_the_nodes_status_and_go_with_the_device(
    home_assistant: HomeAssistant, app: App, mosquitto: Broker, tmp_path: Path
) -> None:
    name = "second"
    topics = NodeTopics(name)
    node = Node(
        settings(mosquitto),
        Echo(),
        name=name,
        outbox=tmp_path / "outbox.db",
        companions=[Discovery(topics, Device("1"))],
    )
    node.start(DEADLINE_S)
    home_assistant.until("button.second_send_what_waits", "unknown")
    node.stop()
    home_assistant.until("button.second_send_what_waits", "unavailable")
    app.connection.publish(removal_message(topics))
    home_assistant.until("button.second_send_what_waits", None)
    until(lambda: len(home_assistant("devices")) == 1)


def test_a_served_node_does_what_is_set_and_shows_it(
    home_assistant: HomeAssistant, mosquitto: Broker, tmp_path: Path
) -> None:
    arguments = ("serve", "--broker", mosquitto.url, "--node", "served", "--home-assistant")
    with started("edge_runtime.cli.app", *arguments, state=tmp_path):
        home_assistant.until("switch.served_allow_cloud", "on")
        allow = {"entity_id": "switch.served_allow_cloud"}
        home_assistant("call", "switch", "turn_off", allow)
        home_assistant.until("switch.served_allow_cloud", "off")
        assert home_assistant.state("select.served_privacy") == "local"
        pause = {"entity_id": "switch.served_pause_escalations"}
        home_assistant("call", "switch", "turn_on", pause)
        home_assistant.until("switch.served_pause_escalations", "on")
        assert float(home_assistant.state("sensor.served_memory") or 0) > 10
        assert home_assistant.state("update.served_bundle") != "unavailable"
    home_assistant.until("switch.served_allow_cloud", "unavailable")
    with App(mosquitto, "served") as last:
        last.connection.publish(removal_message(NodeTopics("served")))
        home_assistant.until("switch.served_allow_cloud", None)
