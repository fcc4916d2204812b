"""A command on the device that asks over the node's own connection."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.broker import Broker, broker
from edge_runtime.bridge.node.node import Node
from edge_runtime.errors import ExpiredError, UnavailableError
from edge_runtime.messages import Escalation, Reply
from tests.bridge.harness import (
    DEADLINE_S,
    App,
    Echo,
    Scripted,
    running_node,
    running_worker,
    settings,
    until,
)


def escalation(text: str = "why?") -> Escalation:
    return Escalation(id=secrets.token_hex(16), text=text)


def asked(node: Node, text: str = "why?") -> Reply | None:
    try:
        return node.ask_workers(escalation(text), DEADLINE_S)
    except UnavailableError:
        return None


def test_a_worker_is_asked_and_its_reply_returned(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with running_node(mosquitto, name, tmp_path) as node, running_worker(mosquitto, Scripted()):
        until(lambda: asked(node), "a reply")
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda n: asked(node, f"why {n}?"), range(12)))
        assert [reply and reply.text for reply in replies] == [
            f"because why {number}?" for number in range(12)
        ]


def test_without_a_worker_the_answer_is_no_at_once(name: str, tmp_path: Path) -> None:
    def refusal() -> str:
        with pytest.raises(UnavailableError) as caught:
            node.ask_workers(escalation(), 3600.0)  # longer than a test may take
        return str(caught.value)

    with broker() as own, running_node(own, name, tmp_path) as node:
        until(lambda: "not connected" not in refusal(), "the connection")
        assert "no worker is online" in refusal()


def test_without_a_broker_the_answer_is_no_at_once(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    node = Node(settings(mosquitto), Echo(), name=name, outbox=tmp_path / "outbox.db")
    with pytest.raises(UnavailableError, match="not connected"):
        node.ask_workers(escalation(), DEADLINE_S)
    node.start(DEADLINE_S)
    node.stop()


def test_a_worker_that_says_nothing_is_waited_for_until_the_deadline(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    go = threading.Event()

    def slow(sent: Escalation) -> Reply:
        if "wait" in sent.text:
            go.wait(DEADLINE_S)
        return Reply(id=sent.id, text="late")

    with (
        running_node(mosquitto, name, tmp_path) as node,
        running_worker(mosquitto, Scripted(slow)),
    ):
        until(lambda: asked(node), "a reply")
        with pytest.raises(ExpiredError, match="no answer from a worker"):
            node.ask_workers(escalation("wait"), 0.5)
        with pytest.raises(UnavailableError, match="gone"):
            node.ask_workers(escalation("wait"), DEADLINE_S, lambda: True)
        go.set()
        assert asked(node) is not None, "late replies disturb nobody"


def test_requests_over_mqtt_are_escalated_as_before(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with (
        App(mosquitto, name) as app,
        running_node(mosquitto, name, tmp_path) as node,
        running_worker(mosquitto, Scripted()),
    ):
        until(lambda: asked(node), "a reply")
        correlation = app.send("why is it so?")
        answer = app.answers(correlation)[-1]
        until(lambda: app.answers(correlation)[-1].source == "cloud", "the final answer")
        assert answer.result is not None
        assert asked(node) is not None
