"""``mqtt watch`` and ``mqtt forget-device`` against a real broker."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker, broker
from edge_runtime.bridge.protocol.home_assistant import Device, discovery_message
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.protocol.traffic import Seen
from edge_runtime.cli.traffic_lines import line
from tests.bridge.harness import DEADLINE_S, App, running_node, until

SECRET = "turn on Ada's light"


class Watch:
    """The command in a process of its own; keeps the lines that it prints."""

    def __init__(self, own: Broker, *arguments: str, terminal: bool = False) -> None:
        self.lines: list[str] = []
        command = [sys.executable, "-m", "edge_runtime.cli.entry", "mqtt", "watch"]
        out, behind = pty.openpty() if terminal else os.pipe()
        self._process = subprocess.Popen(
            [*command, "--broker", own.url, *arguments],
            stdout=behind,
            stderr=subprocess.PIPE,
            env={**os.environ, "EDGE_CONFIG": os.devnull, "EDGE_SOCKET": "off"},
        )
        os.close(behind)
        self._reader = threading.Thread(target=self._read, args=(out,))
        self._reader.start()

    def _read(self, out: int) -> None:
        # a terminal whose other side is gone gives an error, not an end
        with os.fdopen(out, newline="") as lines, contextlib.suppress(OSError):
            self.lines.extend(lines)

    def until(self, pattern: str) -> None:
        until(lambda: any(re.search(pattern, each) for each in list(self.lines)), pattern)

    def end(self) -> int:
        """Wait for its own end."""
        self._process.communicate(timeout=DEADLINE_S)
        self._reader.join()
        return self._process.returncode

    def kill(self) -> None:
        self._process.terminate()
        self._process.communicate()
        self._reader.join()


@contextlib.contextmanager
def watching(own: Broker, *arguments: str, terminal: bool = False) -> Iterator[Watch]:
    watch = Watch(own, *arguments, terminal=terminal)
    try:
        yield watch
    finally:
        watch.kill()


def rows(watch: Watch) -> list[dict[str, Any]]:
    return [json.loads(each) for each in watch.lines]


def test_traffic_is_one_line_each_and_without_anybodys_text(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with (
        running_node(mosquitto, name, tmp_path),
        App(mosquitto, name) as app,
        watching(mosquitto, "--node", name) as watch,
    ):
        watch.until(f"{name} +status .*online")
        app.ask(SECRET)
        watch.until("answer")
    (request,) = [each for each in watch.lines if " request " in each]
    (answer,) = [each for each in watch.lines if " answer " in each]
    assert re.match(rf"\d\d:\d\d:\d\d\.\d\d\d {name} request +app +ask ", request)
    assert re.match(rf"\S+ {name} answer +app +ask +200 +local +\d+\.\d 0\.50$", answer.strip())
    assert "Ada" not in "".join(watch.lines)


def test_json_has_the_fields_and_the_text_on_request(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with (
        running_node(mosquitto, name, tmp_path),
        App(mosquitto, name) as app,
        watching(mosquitto, "--node", name, "--json", "--text") as watch,
    ):
        watch.until('"status"')
        app.ask(SECRET)
        watch.until('"answer"')
    (request,) = [row for row in rows(watch) if row["kind"] == "request"]
    (answer,) = [row for row in rows(watch) if row["kind"] == "answer"]
    assert (request["node"], request["client"], request["text"]) == (name, "app", SECRET)
    assert (answer["status"], answer["source"], answer["confidence"]) == ("200", "local", 0.5)


def test_it_ends_after_so_many_messages(mosquitto: Broker, name: str, tmp_path: Path) -> None:
    with running_node(mosquitto, name, tmp_path):
        watch = Watch(mosquitto, "--node", name, "--count", "2", "--json")
        assert watch.end() == 0
        assert sorted(row["kind"] for row in rows(watch)) == ["info", "status"]


def test_it_goes_on_when_the_broker_was_away(name: str, tmp_path: Path) -> None:
    with (
        broker() as own,
        running_node(own, name, tmp_path),
        App(own, name) as app,
        watching(own, "--node", name) as watch,
    ):
        watch.until(" status ")
        own.restart(kill=True)
        app.wait(lambda m: m.payload == b"online", 2)
        watch.until(" info ")
        until(lambda: app.connection.is_ready)

        def ask_again() -> bool:
            app.send("hello")
            return any(" request " in each for each in watch.lines)

        until(ask_again, "a request seen after the restart")


def test_colours_are_for_terminals(mosquitto: Broker, name: str, tmp_path: Path) -> None:
    with (
        running_node(mosquitto, name, tmp_path),
        watching(mosquitto, "--node", name, terminal=True) as shown,
        watching(mosquitto, "--node", name) as piped,
    ):
        shown.until("online")
        piped.until("online")
    assert "\x1b[" in "".join(shown.lines)
    assert "\x1b[" not in "".join(piped.lines)


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    evil = "\x1b[2J\x07\u202ex"
    shown = line(Seen(time=0.0, kind="request", client=evil, text=evil, detail=evil), colour=False)
    assert shown.isprintable()


def test_what_is_long_is_cut_so_that_a_line_stays_one() -> None:
    seen = Seen(time=0.0, node="n", kind="info", detail="x=1 " * 500, text="y" * 5000)
    said = line(seen, colour=False)
    assert len(said) < 600
    assert said.count("…") == 2


@pytest.mark.wire("*/evt/last")
def test_a_forgotten_device_is_gone_from_the_broker(
    edge_run: Any, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with running_node(mosquitto, name, tmp_path), App(mosquitto, name) as app:
        document = discovery_message(NodeTopics(name), Device("1"))
        app.connection.publish(document)
    done = edge_run("mqtt", "forget-device", "--all", "--broker", mosquitto.url, "--node", name)
    assert done.code == 0, done.err
    assert f"homeassistant/device/{name}/config" in done.out
    with App(mosquitto, name, topics=("homeassistant/#", f"edge/v1/{name}/#")) as app:
        app.connection.publish(Message(topic=f"edge/v1/{name}/evt/last"))
        app.wait(lambda m: m.topic.endswith("/evt/last"))
        assert not [m for m in app.received if m.retain and name in m.topic]


@pytest.mark.parametrize(
    ("name", "part"),
    [("home-assistant", "automation:"), ("node-red", '"mqtt-broker"'), ("grafana", '"panels"')],
)
def test_an_example_is_printed_as_it_is_shipped(edge_run: Any, name: str, part: str) -> None:
    done = edge_run("mqtt", "example", name)
    assert done.code == 0, done.err
    assert part in done.out
    assert done.out.endswith("\n")


@pytest.mark.parametrize("verb", ["watch", "forget-device"])
def test_without_a_broker_it_says_what_to_give(edge_run: Any, verb: str) -> None:
    done = edge_run("mqtt", verb)
    assert done.code == 1
    assert "--broker" in done.err
    gone = edge_run("mqtt", verb, "--broker", "mqtt://127.0.0.1:1")
    assert gone.code == 1
    assert gone.err.splitlines()[-1].startswith("error: the broker 127.0.0.1:1 cannot be used")
