"""``serve`` with Home Assistant, Hermes and metrics: the real command and the shipped bundle."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.protocol.message import Message
from tests.bridge.harness import App, until
from tests.cli.test_services import online, started


@contextlib.contextmanager
def serving(own: Broker, name: str, state: Path, *options: str) -> Iterator[Any]:
    arguments = ("serve", "--broker", own.url, "--node", name, *options)
    with started("edge_runtime.cli.app", *arguments, state=state) as process:
        yield process


def test_a_served_node_is_a_device_of_home_assistant_and_answers_hermes(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    config = f"homeassistant/device/{name}/config"
    topics = (config, "hermes/intent/#", "hermes/nlu/#")
    with (
        App(mosquitto, name, topics=topics) as app,
        serving(mosquitto, name, tmp_path, "--home-assistant", "--hermes", f"{name},other"),
    ):
        (message,) = app.wait(lambda m: m.topic == config)
        assert json.loads(message.payload)["dev"]["name"] == name
        query = {"input": "set an alarm for seven in the morning", "siteId": name, "id": "q"}
        app.connection.publish(
            Message(topic="hermes/nlu/query", payload=json.dumps(query).encode())
        )
        (intent,) = app.wait(lambda m: m.topic.startswith("hermes/intent/") and name in str(m))
        assert intent.topic == "hermes/intent/alarm_set"
        content = json.loads(intent.payload)
        assert content["intent"]["confidenceScore"] > 0.9
        assert content["id"] == "q"


def test_without_the_settings_a_node_is_neither(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with (
        App(
            mosquitto,
            name,
            topics=("homeassistant/#", "hermes/nlu/intentParsed", "hermes/nlu/intentNotRecognized"),
        ) as app,
        serving(mosquitto, name, tmp_path),
    ):
        online(app)
        query = {"input": "set an alarm", "siteId": name}
        app.connection.publish(
            Message(topic="hermes/nlu/query", payload=json.dumps(query).encode())
        )
        app.ask("set an alarm for seven")
        topics_of_it = {m.topic for m in app.received if name in f"{m.topic}{m.payload!r}"}
        assert not [each for each in topics_of_it if each.startswith(("homeassistant", "hermes"))]


def test_a_served_node_is_scraped(mosquitto: Broker, name: str, tmp_path: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="needs the extra `metrics`")
    with (
        App(mosquitto, name) as app,
        serving(mosquitto, name, tmp_path, "--metrics", ":0") as process,
    ):
        url = ""
        while not url:
            line = process.stderr.readline().decode()
            assert line, "the node ended"
            url = "".join(re.findall(r"metrics at (\S+)", line))
        assert url.startswith("http://127.0.0.1:")
        online(app)
        app.ask("set an alarm for seven")

        def scraped() -> dict[str, float]:
            with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - http
                families = parser.text_string_to_metric_families(page.read().decode())
            return {each.name: each.value for family in families for each in family.samples}

        until(lambda: scraped().get("edge_runtime_answers_total") == 1)
        found = scraped()
        assert found["edge_runtime_answer_seconds_count"] == 1
        assert found["edge_runtime_coverage_ratio"] == 1.0
        assert found["edge_runtime_uptime_seconds"] > 0
        assert found["process_resident_memory_bytes"] > 0


def test_metrics_of_no_node_are_refused(edge_run: Any) -> None:
    done = edge_run("serve", "--http", ":0", "--metrics", ":0")
    assert done.code == 1
    assert "--broker" in done.err


def test_without_the_extra_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from edge_runtime.cli.measuring import open_metrics\n"
        "open_metrics(':0', 'n', ('ask',))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert "pip install 'edge-runtime[metrics]'" in done.stderr.splitlines()[-1]
