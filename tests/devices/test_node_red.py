"""The shipped flow in a real Node-RED, with a real broker and node."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from benchmarks.broker import Broker
from edge_runtime.assistant.pending import Pending
from edge_runtime.messages import Answer, Request
from tests.bridge.harness import DEADLINE_S, App, Echo, running_node, until

FLOW = Path(__file__).parents[2] / "devices/edge_devices/assets/node_red/flows.json"
NODE = "kitchen"
COMMAND = {"intent": "HassTurnOn", "slots": {"name": "light"}, "speech": "On it.", "sure": True}


class Commanding(Echo):
    """Answers each text with the same command, as a node or as a large model would."""

    def __init__(self) -> None:
        super().__init__()
        self.command: dict[str, Any] = COMMAND
        self.source: Literal["local", "cloud"] = "local"

    def begin(self, request: Request) -> Answer | Pending:
        outcome = super().begin(request)
        assert isinstance(outcome, Answer)
        result = {"text": request.text, "command": self.command}
        return msgspec.structs.replace(outcome, result=result, source=self.source)


class NodeRed:
    """Node-RED with the flow, whose buttons can be pressed."""

    def __init__(self, program: str, own: Broker, directory: Path) -> None:
        flow = json.loads(FLOW.read_text())
        (broker,) = [each for each in flow if each["type"] == "mqtt-broker"]
        broker["broker"], broker["port"] = own.host, str(own.port)
        path = directory / "flows.json"
        path.write_text(json.dumps(flow))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        self._log = directory / "log"
        command = [program, "--userDir", str(directory), "--port", str(port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "-D", "uiHost=127.0.0.1", str(path)], stdout=log, stderr=log
            )

    def is_ready(self) -> bool:
        assert self._process.poll() is None, self.log()
        return "Started flows" in self.log() and "Connected to broker" in self.log()

    def log(self) -> str:
        return self._log.read_text()

    def press(self, button: str) -> None:
        url = f"{self._url}/inject/{button}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10):  # noqa: S310
            pass

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="module")
def handler() -> Commanding:
    return Commanding()


@pytest.fixture(scope="module")
def node_red(
    mosquitto: Broker, handler: Commanding, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeRed]:
    program = os.environ.get("NODE_RED") or shutil.which("node-red")
    if program is None:
        pytest.skip("needs Node-RED: npm install node-red@4, and NODE_RED=…/.bin/node-red")
    with running_node(mosquitto, NODE, tmp_path_factory.mktemp("node"), handler=handler):
        running = NodeRed(program, mosquitto, tmp_path_factory.mktemp("node-red"))
        with contextlib.ExitStack() as stack:
            stack.callback(running.stop)
            until(running.is_ready, "Node-RED is ready")
            with App(mosquitto, NODE, topics=("home/say",)) as first:

                def is_heard() -> bool:
                    running.press("edge-ask-light")
                    time.sleep(0.2)
                    return any(m.topic == "home/say" for m in first.received)

                until(is_heard, "the flow listens")
            yield running


@pytest.fixture
def app(mosquitto: Broker, node_red: NodeRed) -> Iterator[App]:
    assert node_red.is_ready()
    topics = ("home/#", f"edge/v1/{NODE}/req/#", f"edge/v1/{NODE}/cmd/#")
    with App(mosquitto, NODE, topics=topics) as client:
        yield client


def heard(app: App, number: int) -> dict[str, str]:
    messages = app.wait(lambda m: m.topic.startswith("home/"), number)
    return {m.topic: m.payload.decode() for m in messages}


def test_a_sure_command_of_the_device_is_done_and_said(
    app: App, node_red: NodeRed, handler: Commanding
) -> None:
    handler.command, handler.source = COMMAND, "local"
    node_red.press("edge-ask-light")
    assert heard(app, 2) == {
        "home/command/HassTurnOn": '{"name":"light"}', "home/say": "On it.",
    }  # fmt: skip
    request = app.wait(lambda m: "/req/ask/node-red" in m.topic)[-1]
    assert json.loads(request.payload)["text"] == "turn on the kitchen light"
    assert request.expiry_s is not None


@pytest.mark.parametrize(
    ("source", "changes"),
    [("cloud", {}), ("local", {"sure": False}), ("local", {"intent": "Hass/x"})],
)
def test_what_is_not_sure_or_not_of_the_device_is_only_said(
    app: App,
    node_red: NodeRed,
    handler: Commanding,
    source: Literal["local", "cloud"],
    changes: dict[str, Any],
) -> None:
    handler.command, handler.source = {**COMMAND, **changes}, source
    node_red.press("edge-ask-light")
    assert heard(app, 1) == {"home/say": "On it."}


def test_the_owners_buttons_reach_the_node(app: App, node_red: NodeRed) -> None:
    node_red.press("edge-watch-flush")
    node_red.press("edge-watch-pause")
    messages = app.wait(lambda m: "/cmd/" in m.topic, 2)
    commands = {m.topic.rsplit("/", 1)[1]: json.loads(m.payload) for m in messages}
    assert commands == {"flush": {}, "pause": {"paused": True}}


def test_every_wire_of_the_flow_leads_to_a_node_of_it() -> None:
    flow = json.loads(FLOW.read_text())
    known = {each["id"] for each in flow}
    assert len(known) == len(flow)
    for each in flow:
        ends = {end for wire in each.get("wires", []) for end in wire}
        assert ends <= known, each["name"]
        assert each.get("broker") in {None, "edge-broker", "localhost"}
        assert "credentials" not in each
