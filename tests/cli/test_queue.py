"""The owner looks at what waits for a large model, and decides about it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from tests.bridge.harness import App
from tests.cli.test_local_socket import Node, running

SECRET = "xylophone"
QUESTIONS = [f"Why would anybody write a novel about a {SECRET}, number {n}?" for n in "123"]


@pytest.fixture
def node(mosquitto: Broker, name: str, tmp_path: Path) -> Iterator[Node]:
    with running(mosquitto, tmp_path / name) as started:
        yield started


@pytest.fixture
def app(mosquitto: Broker, node: Node) -> Iterator[App]:
    with App(mosquitto, node.directory.name) as client:
        for question in QUESTIONS:
            correlation = client.send(json.dumps({"text": question}), correlation=question.encode())
            client.answers(correlation)
        yield client


def listed(node: Node) -> list[dict[str, Any]]:
    done = node.run("queue", "ls", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("is_running", [True, False])
def test_what_waits_is_listed_without_its_text_and_shown_with_it(
    node: Node, *, is_running: bool
) -> None:
    if not is_running:
        node.kill()
    rows = listed(node)
    assert [(row["client"], row["state"], row["priority"]) for row in rows] == [
        ("app", "waiting", 4)
    ] * 3
    assert all(0 <= row["age_s"] < 600 < row["expires_s"] <= 3600 for row in rows)
    table = node.run("queue", "ls").stdout.decode()
    assert rows[0]["id"][:8] in table
    assert SECRET not in table + json.dumps(rows)
    shown = node.run("queue", "show", rows[1]["id"][:12])
    assert QUESTIONS[1] in json.loads(shown.stdout)["pending"]["escalation"]["text"]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("is_running", [True, False])
def test_what_is_exported_is_private_and_complete(
    node: Node, tmp_path: Path, *, is_running: bool
) -> None:
    if not is_running:
        node.kill()
    file = tmp_path / "export.jsonl"
    file.write_text("of yesterday, and open to others\n")
    file.chmod(0o644)
    done = node.run("queue", "export", "export.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["pending"]["escalation"]["text"] for row in rows] == QUESTIONS


def test_what_is_dropped_is_answered(node: Node, app: App) -> None:
    first = listed(node)[0]["id"]
    assert node.run("queue", "drop", first[:12]).stdout == b"dropped: 1\n"
    final = app.answers(QUESTIONS[0].encode(), number=2)[1]
    assert final.error is not None
    assert (final.error.code, final.error.type) == ("499", "cancelled")
    assert first not in {row["id"] for row in listed(node) if row["state"] == "waiting"}
    done = node.run("queue", "drop", "--all", "--json")
    assert json.loads(done.stdout) == {"count": 2}


def test_what_was_dropped_while_the_node_did_not_run_is_answered_when_it_does(
    node: Node, app: App
) -> None:
    node.kill()
    assert node.run("queue", "drop", "--all").stdout == b"dropped: 3\n"
    assert {row["state"] for row in listed(node)} == {"answered"}
    node.start()
    for question in QUESTIONS:
        assert app.answers(question.encode(), number=2)[1].code == "499"


@pytest.mark.usefixtures("app")
def test_what_is_retried_is_due_now_as_if_never_tried(node: Node) -> None:
    assert node.run("queue", "retry", "--all").stdout == b"due now: 3\n"
    assert {row["attempts"] for row in listed(node)} == {0}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "zz"], b"no escalation begins with 'zz'"),
        (["show", ""], b"several escalations begin with ''"),
        (["drop"], b"drop which?"),
        (["drop", "a", "--all"], b"drop which?"),
        (["retry"], b"retry which?"),
    ],
)
def test_what_cannot_be_done_is_said(node: Node, arguments: list[str], said: bytes) -> None:
    done = node.run("queue", *arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_on_a_device_without_state_nothing_waits_and_nothing_is_made(
    edge_run: Any, tmp_path: Path
) -> None:
    assert edge_run("queue", "ls").out == "nothing waits\n"
    assert edge_run("queue", "ls", "--json").out == ""
    assert edge_run("queue", "drop", "--all").out == "dropped: 0\n"
    assert edge_run("queue", "show", "a").code == 1
    assert not (tmp_path / "s").exists()
