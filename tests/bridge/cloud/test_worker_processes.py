"""`edge-cloud serve` as processes of their own: killed, shared, with accounts on disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from edge_runtime.messages import encode
from tests.bridge.cloud.node_stand_in import NodeStandIn, escalation
from tests.bridge.harness import DEADLINE_S, App, running_node, until
from tests.endpoint import Endpoint


def edge_cloud(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "EDGE_CONFIG": os.devnull, "EDGE_LOG": "error"}
    command = [sys.executable, "-m", "edge_runtime.cli.cloud", *arguments]
    return subprocess.Popen(command, env=environment, **options)


@contextlib.contextmanager
def worker(
    at: Broker, name: str, state: Path, *options: str, llm: str = "inspect"
) -> Iterator[subprocess.Popen[bytes]]:
    process = edge_cloud(
        "serve", "--broker", at.url, "--llm", llm, "--id", name, "--state", str(state), *options
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def said(*arguments: str, code: int = 0) -> str:
    process = edge_cloud(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == code
    assert b"Traceback" not in err
    return (err if code else out).decode()


def spent(state: Path) -> list[dict[str, Any]]:
    lines = said("spend", "--json", "--state", str(state)).splitlines()
    return [json.loads(line) for line in lines]


def online(app: App, name: str) -> None:
    app.wait(lambda m: m.topic == f"edge/workers/{name}/status" and b'"online"' in m.payload)


def test_an_escalation_of_a_worker_that_is_killed_is_taken_over(
    own_broker: Broker, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.go.clear()
    arguments = ("--model", "tiny")
    with (
        App(own_broker, "n", topics=("edge/workers/+/status",)) as app,
        running_node(own_broker, "n", tmp_path),
        worker(own_broker, "first", tmp_path, *arguments, llm=endpoint.url) as first,
    ):
        online(app, "first")
        correlation = app.send("why did Ada leave?")
        until(lambda: endpoint.requests, "the call of the first worker")
        first.send_signal(signal.SIGKILL)
        first.wait()
        with worker(own_broker, "second", tmp_path, *arguments, llm=endpoint.url):
            online(app, "second")
            endpoint.go.set()
            final = app.wait(
                lambda m: m.correlation == correlation and b'"source":"cloud"' in m.payload
            )
            assert b"Ada was tired." in final[0].payload
    # the call of the first worker was made, and nobody can say any more what it cost
    assert len(endpoint.requests) == 2
    assert [each["calls"] for each in spent(tmp_path)] == [1]


@pytest.mark.parametrize("number", [1, 2, 4])
def test_workers_share_what_is_asked_and_each_is_answered_once(
    own_broker: Broker, tmp_path: Path, number: int
) -> None:
    asked = [escalation(f"question {each}") for each in range(40)]
    names = [f"w{each}" for each in range(number)]
    with NodeStandIn(own_broker) as node, contextlib.ExitStack() as stack:
        for name in names:
            # so many at once that none is refused
            options = ("--concurrency", "16")
            stack.enter_context(worker(own_broker, name, tmp_path / name, *options))
        for name in names:
            online(node, name)
        for each in asked:
            node.escalate(encode(each))
        replies = node.replies(len(asked))
        assert sorted(each.id for each in replies) == sorted(each.id for each in asked)
        assert all(each.error is None for each in replies)
        loads = [sum(each["calls"] for each in spent(tmp_path / name)) for name in names]
    assert sum(loads) == len(asked)
    # mosquitto deals them out one by one
    assert min(loads) >= len(asked) // number // 2


def test_a_worker_takes_what_its_files_say(
    own_broker: Broker, tmp_path: Path, endpoint: Endpoint
) -> None:
    (tmp_path / "prompt.jinja").write_text("{{ rules }} You are the house.")
    (tmp_path / "budget.toml").write_text("[node.day]\nrequests = 1\n")
    options = ("--prompt", str(tmp_path / "prompt.jinja"), "--model", "tiny", "--max-tokens", "99",
               "--budget", str(tmp_path / "budget.toml"), "--price-in", "1")  # fmt: skip
    for _ in range(2):  # what was spent survives a restart
        with (
            NodeStandIn(own_broker) as node,
            worker(own_broker, "w", tmp_path / "s", *options, llm=endpoint.url) as process,
        ):
            online(node, "w")
            node.escalate(encode(escalation()))
            (reply,) = node.replies()
            process.terminate()
            assert process.wait(DEADLINE_S) == 0
            node.status("offline")
    assert reply.error is not None
    assert reply.error.type == "budget"
    ((_, _, body),) = endpoint.requests
    assert body["messages"][0]["content"].endswith("You are the house.")
    assert body["max_tokens"] == 99
    (row,) = spent(tmp_path / "s")
    assert (row["node"], row["model"], row["calls"], row["cost_usd"]) == ("n", "tiny-1", 1, 0.0001)
    table = said("spend", "--state", str(tmp_path / "s")).splitlines()
    assert table[0].split() == ["day", "node", "model", "calls", "failed", "tokens", "in",
                                "tokens", "out", "USD"]  # fmt: skip
    assert table[1].split()[1:] == ["n", "tiny-1", "1", "0", "100", "10", "0.000100"]


@pytest.mark.parametrize(
    ("option", "text", "expected"),
    [
        ("--prompt", "{{ rules", "prompt template"),
        ("--prompt", "{{ guess.label }}", "prompt template"),
        ("--budget", "[day]\nrequets = 1", ":2: "),
    ],
)
def test_a_broken_file_is_refused_at_start(
    tmp_path: Path, option: str, text: str, expected: str
) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    line = said("serve", "--broker", "mqtt://localhost:1", "--llm", "inspect",
                "--state", str(tmp_path), option, str(path), code=1)  # fmt: skip
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    assert expected in line
    assert str(path) in line
