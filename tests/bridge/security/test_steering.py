"""What an owner's user may send by mistake must not end what it steers."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.node.control import Steering
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.settings import load_settings
from tests.bridge.harness import DEADLINE_S, App, Echo, settings


@pytest.mark.parametrize(
    "document", [b"a = " + b"[" * 20_000, b"[" * 50_000, b"x." * 9999, b"\xff", b'{"patch": [1]}']
)
def test_a_policy_that_nobody_can_read_is_refused_and_the_node_goes_on(
    mosquitto: Broker, name: str, tmp_path: Path, document: bytes
) -> None:
    own = load_settings({"EDGE_CONFIG": "/dev/null"}, state=str(tmp_path))
    node = Node(
        settings(mosquitto),
        Echo(),
        name=name,
        outbox=tmp_path / "outbox.db",
        steering=Steering(own.policy_desk(lambda: own)),
    )
    node.start(DEADLINE_S)
    try:
        with App(mosquitto, name) as app:
            app.connection.publish(Message(topic=f"{app.root}/policy/set", payload=document))
            app.wait(lambda m: m.topic == f"{app.root}/evt/policy-refused")
            app.connection.publish(Message(topic=f"{app.root}/cmd/flush"))
            app.wait(lambda m: m.topic == f"{app.root}/evt/cmd")
            assert app.ask("hello", "echo").status == "ok"
    finally:
        node.stop()
