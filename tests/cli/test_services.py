"""The commands that stay: a real node, a real worker and a real broker, killed and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.cli.escalate import direct_route
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Request, encode
from edge_runtime.settings import load_settings
from tests.bridge.harness import App, answer_in, status_of

QUESTION = "Who was Angela Merkel, and why did she call +49 170 1234567?"
STOP_TIMEOUT_S = 20


def start(*arguments: str, state: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={
            **os.environ,
            "EDGE_STATE": str(state),
            "EDGE_CONFIG": os.devnull,
            "EDGE_SOCKET": "off",
        },
        stderr=subprocess.PIPE,
    )


@contextlib.contextmanager
def started(*arguments: str, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(*arguments, state=state)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def node(own: Broker, state: Path) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    arguments = ("serve", "--broker", own.url, "--node", "n")
    return started("edge_runtime.cli.app", *arguments, state=state)


def worker(own: Broker, state: Path) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    arguments = ("serve", "--broker", own.url, "--llm", "inspect", "--id", "w")
    return started("edge_runtime.cli.cloud", *arguments, state=state)


def online(app: App) -> None:
    app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"online")


def test_an_escalation_survives_kill_9_of_the_node(own_broker: Broker, tmp_path: Path) -> None:
    with App(own_broker, "n", topics=("edge/v1/n/esc/req",)) as app:
        with node(own_broker, tmp_path) as first:
            online(app)
            correlation = app.send(encode(Request(text=QUESTION, id="q")))
            [queued] = app.wait(lambda m: m.correlation == correlation and m.topic != "esc")
            assert status_of(queued) == "202"
            guess = answer_in(queued)
            assert guess.status == "queued"
            assert guess.result is not None
            first.kill()
            first.wait()
        app.received.clear()
        with node(own_broker, tmp_path), worker(own_broker, tmp_path):
            [final] = app.wait(lambda m: m.correlation == correlation and "/res/" in m.topic)
            answer = answer_in(final)
            assert (answer.id, answer.status, answer.source) == ("q", "ok", "cloud")
            assert answer.result is not None
            assert "<PHONE_1>" in answer.result["text"], "inspect shows what was sent, as it was"
            [sent] = app.wait(lambda m: m.topic.endswith("/esc/req"))
            assert b"Merkel" not in sent.payload
            assert b"1234567" not in sent.payload


def test_local_answers_come_with_status_and_source(own_broker: Broker, tmp_path: Path) -> None:
    with App(own_broker, "n") as app, node(own_broker, tmp_path):
        online(app)
        answer = app.ask("turn on the kitchen light")
        assert answer.result is not None
        assert answer.result["intent"] == "HassTurnOn"
        options = json.dumps({"text": "I love it", "options": {"head": "sentiment"}})
        review = app.ask(options, "classify")
        assert review.result is not None
        assert review.result["label"] == "positive"
        huge = app.ask("x" * (1 << 20))
        assert huge.code == "413"


def test_sigterm_ends_node_and_worker_cleanly(own_broker: Broker, tmp_path: Path) -> None:
    with App(own_broker, "n", topics=("edge/workers/w/status",)) as app:
        with node(own_broker, tmp_path) as one, worker(own_broker, tmp_path) as two:
            online(app)
            app.wait(lambda m: m.topic == "edge/workers/w/status" and b'"online"' in m.payload)
            for process in (one, two):
                process.terminate()
                assert process.wait(STOP_TIMEOUT_S) == 0
        app.wait(lambda m: m.topic == "edge/workers/w/status" and b'"offline"' in m.payload)
        app.wait(lambda m: m.topic == f"{app.root}/status" and m.payload == b"offline")


def test_a_second_node_on_the_same_state_is_refused(own_broker: Broker, tmp_path: Path) -> None:
    with App(own_broker, "n") as app, node(own_broker, tmp_path):
        online(app)
        with node(own_broker, tmp_path) as second:
            _, err = second.communicate(timeout=STOP_TIMEOUT_S)
            assert second.returncode == 1
            assert b"another node owns" in err
            assert b"Traceback" not in err


def test_ask_goes_through_the_broker(own_broker: Broker, tmp_path: Path) -> None:
    command = ["edge_runtime.cli.app", "ask", QUESTION, "--json", "--broker", own_broker.url]
    with App(own_broker, "n", topics=("edge/workers/w/status",)) as app:
        with started(*command, state=tmp_path) as alone:
            alone.wait(STOP_TIMEOUT_S)
        assert alone.returncode == 0
        with worker(own_broker, tmp_path):
            app.wait(lambda m: m.topic == "edge/workers/w/status" and b'"online"' in m.payload)
            done = subprocess.run(
                [sys.executable, "-m", *command],
                env={**os.environ, "EDGE_STATE": str(tmp_path), "EDGE_SOCKET": "off"},
                capture_output=True,
                check=True,
            )
    answer = json.loads(done.stdout)
    assert answer["source"] == "cloud"
    assert "PHONE:1" in answer["redacted"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["edge_runtime.cli.app", "serve"], b"which broker"),
        (["edge_runtime.cli.cloud", "serve"], b"which broker"),
        (["edge_runtime.cli.cloud", "serve", "--broker", "mqtt://localhost"], b"which LLM"),
        (
            [
                "edge_runtime.cli.cloud",
                "serve",
                "--broker",
                "mqtt://localhost",
                "--llm",
                "http://192.0.2.1/v1",
            ],
            b"llm_allow_plain",
        ),
        (
            [
                "edge_runtime.cli.cloud",
                "serve",
                "--broker",
                "mqtt://localhost",
                "--llm",
                "inspect",
                "--state",
                "/proc/none",
            ],
            b"choose another --state",
        ),
        (["edge_runtime.cli.app", "serve", "--broker", "mqtt://a:b@localhost"], b"password"),
        (
            ["edge_runtime.cli.app", "serve", "--broker", "mqtt://localhost", "--node", "a/b"],
            b"node name 'a/b'",
        ),
    ],
)
def test_wrong_settings_are_one_line(arguments: list[str], says: bytes, tmp_path: Path) -> None:
    with started(*arguments, state=tmp_path) as process:
        _, err = process.communicate(timeout=STOP_TIMEOUT_S)
    assert process.returncode == 1
    assert says in err
    assert err.count(b"\n") == 1


def test_a_model_of_this_network_is_asked_where_that_is_allowed() -> None:
    variables = {"EDGE_LLM_URL": "http://192.0.2.1/v1", "EDGE_LLM_MODEL": "m"}
    with pytest.raises(ConfigError, match="llm_allow_plain"):
        direct_route(load_settings(variables))
    allowed = {**variables, "EDGE_LLM_ALLOW_PLAIN": "true"}
    assert direct_route(load_settings(allowed)) is not None
