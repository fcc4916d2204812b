from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.node.health import HealthReports, Sources
from edge_runtime.bridge.node.line import Line
from edge_runtime.bridge.node.tally import Tally
from edge_runtime.bridge.protocol import health as protocol
from edge_runtime.bridge.protocol.health import Budget, Counts
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.depth import Depth
from edge_runtime.errors import UnavailableError
from edge_runtime.routing.budget import ALL, Account, Limits, Spent
from tests.bridge.harness import App, running_node

NOTHING_ELSE = Sources()


class Queue:
    def __init__(self, depth: Depth | None = None) -> None:
        self._depth = depth or Depth()

    def depth(self) -> Depth:
        return self._depth


class Budgets:
    def __init__(self, accounts: list[Account] | None) -> None:
        self._accounts = accounts

    def accounts(self, client: str) -> list[Account]:
        assert client
        if self._accounts is None:
            raise UnavailableError("no ledger")
        return self._accounts


def health(queue: Queue | None = None, sources: Sources = NOTHING_ELSE) -> HealthReports:
    return HealthReports(NodeTopics("n"), Line(10, 1000), Tally(), queue or Queue(), sources)


def test_health_is_told_at_once_and_says_what_the_node_did(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    topic = f"edge/v1/{name}/health"
    with App(mosquitto, name, topics=(topic,)) as app:
        with running_node(mosquitto, name, tmp_path):
            app.wait(lambda m: m.topic == topic)
            app.ask("hi", "echo")
            app.ask("crash")
        with running_node(mosquitto, name, tmp_path):
            (_, message) = app.wait(lambda m: m.topic == topic, number=2)[:2]
    assert (message.retain, message.ticket) == (False, 0)
    assert message.expiry_s is not None
    assert 80 <= message.expiry_s <= 90
    content = json.loads(message.payload)
    assert content["v"] == 1
    assert content["queue"] == {"requests": 0, "escalations": 0, "bytes": content["queue"]["bytes"],
                                "oldest_s": None}  # fmt: skip
    assert content["counts"] == {"answered": 0, "escalated": 0, "failed": 0, "expired": 0}
    assert content["coverage"] is None
    assert set(content["board"]) == {
        "temperature_c", "rss_mb", "battery_percent", "on_battery", "link"
    }  # fmt: skip
    assert content["pace"] is None, "nobody has said what the board stands"
    assert (content["workers"], content["paused"]) == (0, False)


def test_counts_and_latencies_are_by_what_happened(
    mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    with running_node(mosquitto, name, tmp_path) as node, App(mosquitto, name) as app:
        for text in ("hi", "ho", "crash", "why?"):
            app.ask(text)
        app.ask("hi", "echo")
        late = app.send(json.dumps({"text": "slow", "policy": {"deadline_ms": 50}}))
        app.answers(late)
        content = node.health.now()
    assert content.counts == Counts(answered=3, escalated=1, failed=1, expired=1)
    assert content.coverage == 0.75
    latency = content.latency["ask"]
    assert latency.count == 2
    assert latency.p50_ms is not None
    assert latency.p95_ms is not None
    assert 0 < latency.p50_ms <= latency.p95_ms


def test_what_is_left_of_the_budget_is_the_least_of_all_periods() -> None:
    month = Account(ALL, "month", Limits(requests=100, cost_usd=5.0), Spent(0.0, 40, 0, 1.5), 0.0)
    day = Account(ALL, "day", Limits(requests=10), Spent(0.0, 4, 0, 0.0), 0.0)
    client = Account("app", "day", Limits(tokens=1), Spent(), 0.0)
    content = health(sources=Sources(Budgets([month, day, client]))).now()
    assert content.budget == Budget(requests_left=6, tokens_left=None, usd_left=3.5)


@pytest.mark.parametrize("budgets", [None, Budgets(None), Budgets([])])
def test_without_a_budget_or_its_ledger_nothing_is_known(budgets: Budgets | None) -> None:
    content = health(sources=Sources(budgets)).now()
    assert content.budget == Budget()


def test_the_queue_is_told_with_its_drops() -> None:
    depth = Depth(3, 1000, 12.5, {"rows": 2}, 1, is_paused=True)
    content = health(Queue(depth)).now()
    assert content.queue == protocol.Queue(escalations=3, bytes=1000, oldest_s=12.5)
    assert (content.dropped, content.workers, content.paused) == ({"rows": 2}, 1, True)


def test_whoever_reads_the_message_knows_what_was_told() -> None:
    told = health(Queue(Depth(3, 1000, 12.5, {"rows": 2}, 1, is_paused=True))).now()
    message = protocol.health_message(NodeTopics("n"), told)
    assert protocol.read_health(message.payload) == told
    assert protocol.read_health(b"no JSON") == protocol.Health()
