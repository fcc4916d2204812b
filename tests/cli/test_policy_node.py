"""The policy of a node that runs on while its owner edits the file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.messages import Request, encode
from tests.bridge.harness import App
from tests.cli.test_local_socket import Node
from tests.cli.test_services import worker

QUESTION = "who wrote the novel Moby Dick?"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text("[budget.client.day]\nrequests = 2\n")
    return path


@pytest.fixture
def node(own_broker: Broker, tmp_path: Path, policy: Path) -> Iterator[Node]:
    running = Node(tmp_path, "--broker", own_broker.url)
    running.environment["EDGE_POLICY_FILE"] = str(policy)
    running.environment["EDGE_QUERY_LOG"] = str(tmp_path / "queries.jsonl")
    running.start()
    yield running
    running.kill()


@contextlib.contextmanager
def with_worker(broker: Broker, directory: Path) -> Iterator[App]:
    """Run a worker and give an app of the node that knows that it is online."""
    topic = "edge/workers/w/status"
    with worker(broker, directory / "w"), App(broker, directory.name, topics=(topic,)) as app:
        app.wait(lambda m: m.topic == topic and b'"online"' in m.payload)
        yield app


def test_an_edit_holds_for_the_next_query_and_a_broken_one_for_none(
    node: Node, own_broker: Broker, policy: Path, tmp_path: Path
) -> None:
    with with_worker(own_broker, tmp_path) as app:
        assert app.ask(QUESTION).source == "cloud"
        policy.write_text('privacy = "local"')
        answer = app.ask(QUESTION)
        assert answer.source == "local"
        assert "privacy local" in answer.reason[-1]
        policy.write_text('privacy = "cluod"')
        assert app.ask(QUESTION).source == "local"
        assert app.ask(QUESTION).source == "local"
        assert node.log.read_text().count(f"{policy}:1: privacy") == 1
        policy.write_text('[[rules]]\nname = "no apps"\nclient = ["app"]\ndeny = true\n')
        denied = app.ask(QUESTION)
        assert denied.error is not None
        assert (denied.error.code, denied.error.type) == ("403", "policy_denied")
        [event] = app.wait(lambda m: m.topic.endswith("/evt/policy-denied"))
        assert json.loads(event.payload)["by"] == "rule 'no apps'"
        assert b"Moby" not in event.payload


def test_apps_and_commands_have_a_budget_each_and_one_ledger(
    node: Node, own_broker: Broker, tmp_path: Path
) -> None:
    with with_worker(own_broker, tmp_path) as app:
        asked = encode(Request(text=QUESTION))
        assert [app.ask(asked).source for _ in range(2)] == ["cloud", "cloud"]
        waits = app.ask(asked)
        assert (waits.status, waits.reason[-1].startswith("the budget of client app")) == (
            "queued",
            True,
        )
        said = json.loads(node.forwarded("ask", "--json", QUESTION).stdout)
        assert said["source"] == "cloud"
        # in a process of its own, on the same account
        own = node.run("ask", "--json", "--llm", "inspect", QUESTION)
        assert json.loads(own.stdout)["source"] == "cloud"
        spent = json.loads(node.forwarded("ask", "--json", QUESTION).stdout)
        assert "the budget of client local, day is spent: requests" in spent["reason"]
        shown = node.run("policy", "show", "--client", "app").stdout.decode()
        assert "budget of client app, day: 2 of 2 requests" in shown
    found = node.run("policy", "simulate", "--json", str(tmp_path / "queries.jsonl"))
    totals = json.loads(found.stdout)["in force"]
    assert totals["queries"] == 6
    assert totals["escalated"] + totals["held"] == 6
