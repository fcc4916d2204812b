from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.broker import Broker
from edge_runtime.bridge.node.discovery import Discovery
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.protocol.home_assistant import Device, removal_message
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from tests.bridge.harness import DEADLINE_S, App, Echo, settings, until


@contextlib.contextmanager
def discovered_node(broker: Broker, name: str, directory: Path) -> Iterator[Node]:
    node = Node(
        settings(broker),
        Echo(),
        name=name,
        outbox=directory / "outbox.db",
        companions=[Discovery(NodeTopics(name), Device("1.2.3", "a board"))],
    )
    node.start(DEADLINE_S)
    try:
        yield node
    finally:
        node.stop()


def test_a_node_is_discovered_also_by_a_home_assistant_that_comes_later(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    topic = f"homeassistant/device/{name}/config"
    with discovered_node(mosquitto, name, tmp_path), App(mosquitto, name, topics=(topic,)) as app:
        (message,) = app.wait(lambda m: m.topic == topic)
        assert message.retain
        document = json.loads(message.payload)
        assert document["dev"]["name"] == name
        assert document["availability_topic"] == f"{app.root}/status"


def test_the_birth_of_home_assistant_is_answered_with_the_document(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    topic = f"homeassistant/device/{name}/config"
    with discovered_node(mosquitto, name, tmp_path), App(mosquitto, name, topics=(topic,)) as app:
        app.wait(lambda m: m.topic == topic)
        app.connection.publish(Message(topic="homeassistant/status", payload=b"offline"))
        app.connection.publish(Message(topic="homeassistant/status", payload=b"online"))
        first, second = app.wait(lambda m: m.topic == topic, 2)
        assert first.payload == second.payload
        assert app.ask("still a node?").status == "ok"
        assert len([m for m in app.received if m.topic == topic]) == 2, "not for offline"


def test_a_device_stays_when_its_node_stops_and_goes_when_it_is_removed(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    topic = f"homeassistant/device/{name}/config"
    with discovered_node(mosquitto, name, tmp_path):
        pass
    with App(mosquitto, name, topics=(topic,)) as app:
        app.wait(lambda m: m.topic == topic)
        app.connection.publish(removal_message(NodeTopics(name)))
        app.wait(lambda m: m.topic == topic and not m.payload)
    with App(mosquitto, name, topics=(topic,)) as app:
        # the node's last status comes after it: retained messages come in one go
        until(lambda: any(m.topic.endswith("/status") for m in app.received))
        assert not [m for m in app.received if m.topic == topic]
