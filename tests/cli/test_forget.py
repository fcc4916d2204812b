"""A secret goes through the real pipeline, and is in no file afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from tests.bridge.harness import App
from tests.cli.test_local_socket import Node, running
from tests.endpoint import COMPLETION, Endpoint

SECRET = "quux.zyxwvut@example.org"
ANSWER = "sesquipedalian"
QUESTION = f"Why would anybody write the novel Moby Dick to {SECRET}?"
KNOWN = "who wrote the novel Moby Dick?"
POLICY = "[policy.cache]\non = true\n"


@pytest.fixture
def node(mosquitto: Broker, name: str, tmp_path: Path, endpoint: Endpoint) -> Iterator[Node]:
    """A node with sessions and a cache, whose local commands have a large model."""
    reply = {**COMPLETION, "choices": [
        {"index": 0, "finish_reason": "stop",
         "message": {"role": "assistant", "content": f"That is {ANSWER}."}}
    ]}  # fmt: skip
    endpoint.body = json.dumps(reply).encode()
    config = tmp_path / "edge.toml"
    config.write_text(POLICY)
    environment = {"EDGE_CONFIG": str(config), "EDGE_LLM_URL": endpoint.url, "EDGE_LLM_MODEL": "m"}
    with running(mosquitto, tmp_path / name, **environment) as started:
        yield started


def state(node: Node) -> Path:
    return node.directory / "state"


def holds(node: Node, text: str) -> list[str]:
    """Return the files with a text; what stands in a journal is the file's."""
    return sorted(
        each.name.removesuffix("-wal")
        for each in state(node).rglob("*")
        if each.is_file() and text.encode() in each.read_bytes()
    )


def ask(node: Node, text: str, *arguments: str) -> dict[str, Any]:
    done = node.forwarded("ask", text, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def fill(broker: Broker, node: Node) -> bytes:
    """Let the secret into sessions, the cache and the outbox; return who waits."""
    assert ask(node, QUESTION, "--session", "s")["source"] == "cloud"
    assert ask(node, QUESTION, "--session", "t")["source"] == "cache"
    assert ask(node, KNOWN)["source"] == "cloud"
    assert ask(node, KNOWN)["source"] == "cache"
    with App(broker, node.directory.name) as app:
        correlation = app.send(json.dumps({"text": QUESTION, "session": "s"}))
        app.answers(correlation)
    assert holds(node, SECRET) == ["memory.db", "outbox.db"]
    assert "memory.db" in holds(node, ANSWER)
    return correlation


def test_a_session_goes_on_from_one_command_to_the_next(node: Node, endpoint: Endpoint) -> None:
    ask(node, QUESTION, "--session", "s")
    ask(node, "why did it end like that?", "--session", "s")
    ask(node, "why did it end like that?", "--session", "t")
    last, other = (body["messages"][1:] for _, _, body in endpoint.requests[-2:])
    assert [turn["role"] for turn in last] == ["user", "assistant", "user"]
    assert "<EMAIL_1>" in last[0]["content"]
    assert last[1]["content"] == f"That is {ANSWER}."
    assert [turn["role"] for turn in other] == ["user"]
    assert SECRET not in json.dumps([body for _, _, body in endpoint.requests])


def test_forgetting_everything_through_the_node_leaves_no_byte(
    mosquitto: Broker, node: Node
) -> None:
    fill(mosquitto, node)
    done = node.run("forget", "--all", "--json")
    assert json.loads(done.stdout) == {"queries": 1, "sessions": 3, "answers": 2}
    for text in (SECRET, ANSWER, "Moby"):
        assert holds(node, text) == []
    assert node.process.poll() is None
    assert ask(node, KNOWN)["source"] == "cloud"


def test_forgetting_everything_after_the_node_was_killed_leaves_no_byte(
    mosquitto: Broker, node: Node
) -> None:
    fill(mosquitto, node)
    node.kill()
    done = node.run("forget", "--all")
    assert done.stdout == b"forgotten: 1 queries, 3 sessions, 2 answers\n"
    for text in (SECRET, ANSWER, "Moby"):
        assert holds(node, text) == []


def test_a_session_and_a_client_are_forgotten_alone(mosquitto: Broker, node: Node) -> None:
    fill(mosquitto, node)
    done = node.run("forget", "--session", "s", "--json")
    assert json.loads(done.stdout) == {"queries": 0, "sessions": 1, "answers": 2}
    assert holds(node, SECRET) == ["memory.db", "outbox.db"]
    done = node.run("forget", "--client", "app", "--session", "s", "--json")
    assert json.loads(done.stdout) == {"queries": 1, "sessions": 1, "answers": 0}
    assert holds(node, SECRET) == ["memory.db"]
    done = node.run("forget", "--client", "local", "--json")
    assert json.loads(done.stdout) == {"queries": 0, "sessions": 1, "answers": 0}
    assert holds(node, SECRET) == []


def test_the_outbox_of_a_node_that_cannot_be_reached_is_not_touched(
    mosquitto: Broker, node: Node
) -> None:
    fill(mosquitto, node)
    done = node.run("forget", "--all", EDGE_SOCKET="off")
    assert done.returncode == 1
    assert b"nothing is forgotten: another node owns" in done.stderr
    assert holds(node, SECRET) == ["memory.db", "outbox.db"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "forget what?"),
        (["--all", "--client", "app"], "--all is everything"),
        (["--all", "--session", "s"], "--all is everything"),
    ],
)
def test_what_is_to_be_forgotten_has_to_be_said(
    edge_run: Any, arguments: list[str], said: str
) -> None:
    done = edge_run("forget", *arguments)
    assert done.code == 1
    assert said in done.err


def test_on_a_device_without_state_nothing_is_made(edge_run: Any, tmp_path: Path) -> None:
    done = edge_run("forget", "--all")
    assert (done.code, done.out) == (0, "forgotten: 0 queries, 0 sessions, 0 answers\n")
    assert not (tmp_path / "s").exists()
