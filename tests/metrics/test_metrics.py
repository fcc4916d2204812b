from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="needs the extra `metrics`")

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.broker import Broker
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import part_message
from edge_runtime.bridge.protocol.route import Route, response
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Answer, ErrorInfo, Timing
from edge_runtime.metrics.metrics import Metrics
from edge_runtime.metrics.server import MetricsServer
from tests.bridge.harness import DEADLINE_S, App, Echo, Scripted, running_worker, settings, until

DASHBOARD = Path(__file__).parents[2] / "devices/edge_devices/assets/grafana/nodes.json"
ROUTE = Route(client="app", topic="edge/v1/n/res/app")
HEALTH: dict[str, Any] = {
    "v": 1, "uptime_s": 60.0,
    "queue": {"requests": 1, "escalations": 2, "bytes": 4096, "oldest_s": 3.5},
    "dropped": {"ttl": 2}, "coverage": 0.625,
    "counts": {"answered": 10, "escalated": 4, "failed": 1, "expired": 0},
    "board": {"temperature_c": 48.5, "rss_mb": 120.0, "battery_percent": 50, "on_battery": True,
              "link": "metered"},
    "pace": {"level": "slow", "reason": "temperature 75 °C >= 74 °C"},
    "budget": {"requests_left": 7, "tokens_left": None, "usd_left": 0.25},
    "workers": 1, "paused": True,
}  # fmt: skip

Samples = dict[str, dict[tuple[str, ...], float]]


class Scraped:
    def __init__(self) -> None:
        self.metrics = Metrics("n", "1.2", ("ask", "echo"))
        self.server = MetricsServer("127.0.0.1", 0, self.metrics)

    def families(self) -> list[Metric]:
        with urllib.request.urlopen(self.server.url, timeout=10) as page:  # noqa: S310 - http
            assert page.headers["Content-Type"].startswith("text/plain")
            return list(text_string_to_metric_families(page.read().decode()))

    def __call__(self) -> Samples:
        """Return the values by name and labels, as Prometheus reads them."""
        found: Samples = {}
        for family in self.families():
            for sample in family.samples:
                labels = tuple(sample.labels[name] for name in sorted(sample.labels))
                found.setdefault(sample.name, {})[labels] = sample.value
        return found


@pytest.fixture
def scrape() -> Iterator[Scraped]:
    scraped = Scraped()
    scraped.server.start()
    yield scraped
    scraped.server.stop()


def test_answers_are_counted_by_task_source_and_status_and_timed(scrape: Scraped) -> None:
    local = Answer(id="1", task="ask", ms=Timing(1.0, 4.0, 0.0))
    cloud = Answer(id="2", task="ask", source="cloud", ms=Timing(0.0, 4.0, 2000.0), cost_usd=0.5)
    queued = Answer(id="2", task="ask", status="queued")
    for answer in (local, local, queued, cloud):
        scrape.metrics.sent(response(answer, ROUTE, 0.0))
    found = scrape()
    assert found["edge_runtime_answers_total"] == {
        ("local", "200", "ask"): 2, ("local", "202", "ask"): 1, ("cloud", "200", "ask"): 1,
    }  # fmt: skip
    assert found["edge_runtime_answer_seconds_count"] == {
        ("local", "ask"): 2, ("cloud", "ask"): 1,
    }  # fmt: skip
    assert found["edge_runtime_answer_seconds_sum"][("cloud", "ask")] == pytest.approx(2.004)
    assert found["edge_runtime_answer_seconds_bucket"][("0.005", "local", "ask")] == 2
    assert found["edge_runtime_inference_seconds_sum"][("ask",)] == pytest.approx(0.008)
    assert found["edge_runtime_cost_usd_total"][()] == 0.5


def test_no_label_is_made_up_by_a_client_or_a_worker(scrape: Scraped) -> None:
    error = ErrorInfo("4711", "strange", "what Ada wrote")
    made_up = Answer(id="1", task="what Ada wrote", status="error", error=error,
                     cost_usd=float("-1"))  # fmt: skip
    scrape.metrics.sent(response(made_up, ROUTE, 0.0))
    found = scrape()
    assert found["edge_runtime_answers_total"] == {("local", "other", "other"): 1}
    assert "edge_runtime_cost_usd_total" in found
    assert "Ada" not in str(found)


def test_only_answers_count(scrape: Scraped) -> None:
    scrape.metrics.sent(part_message(ROUTE, 0, "a piece"))
    scrape.metrics.sent(Message(topic="edge/v1/n/evt/drift", payload=b"{}"))
    scrape.metrics.sent(Message(topic="x", payload=b"not json", properties=(("status", "200"),)))
    assert "edge_runtime_answers_total" not in scrape()


def test_health_is_read_at_each_scrape(scrape: Scraped) -> None:
    health = dict(HEALTH)
    scrape.metrics.follow(lambda: json.dumps(health).encode())
    found = scrape()
    assert found["edge_runtime_queue_waiting"] == {("request",): 1, ("escalation",): 2}
    assert found["edge_runtime_dropped_total"] == {("ttl",): 2}
    assert found["edge_runtime_requests_total"][("escalated",)] == 4
    assert found["edge_runtime_link"] == {("up",): 0, ("down",): 0, ("metered",): 1}
    assert found["edge_runtime_pace"] == {("full",): 0, ("slow",): 1, ("shed",): 0}
    values = {
        "queue_bytes": 4096, "queue_oldest_seconds": 3.5, "uptime_seconds": 60, "workers": 1,
        "paused": 1, "coverage_ratio": 0.625, "temperature_celsius": 48.5, "battery_ratio": 0.5,
        "on_battery": 1, "budget_left_requests": 7, "budget_left_usd": 0.25,
    }  # fmt: skip
    assert {name: found[f"edge_runtime_{name}"][()] for name in values} == values
    assert "edge_runtime_budget_left_tokens" not in found, "there is no limit"
    health["workers"] = 3
    assert scrape()["edge_runtime_workers"][()] == 3


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"queue": null}', b"\xff"])
def test_health_that_cannot_be_read_breaks_no_scrape(scrape: Scraped, payload: bytes) -> None:
    scrape.metrics.follow(lambda: payload)
    found = scrape()
    assert found["edge_runtime_queue_bytes"] == {(): 0}
    assert "edge_runtime_coverage_ratio" not in found
    assert "edge_runtime_pace" not in found


def test_names_and_units_are_those_of_prometheus(scrape: Scraped) -> None:
    scrape.metrics.follow(lambda: json.dumps(HEALTH).encode())
    scrape.metrics.sent(response(Answer(id="1", task="ask"), ROUTE, 0.0))
    ours = [each for each in scrape.families() if each.name.startswith("edge_runtime")]
    assert len(ours) == len({each.name for each in ours})
    for each in ours:
        assert each.documentation.endswith("."), each.name
        assert not each.name.endswith(("_ms", "_mb", "_percent", "_s")), each.name


def test_the_dashboard_asks_for_metrics_that_there_are(scrape: Scraped) -> None:
    scrape.metrics.follow(lambda: json.dumps(HEALTH).encode())
    answer = Answer(id="1", task="ask", ms=Timing(1.0, 4.0, 0.0), cost_usd=0.5)
    scrape.metrics.sent(response(answer, ROUTE, 0.0))
    known = set(scrape())
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [each["expr"] for panel in dashboard["panels"] for each in panel["targets"]]
    assert expressions
    for expression in expressions:
        names = set(re.findall(r"\b(?:edge_runtime|process)_\w+", expression))
        assert names
        assert names <= known, expression


def test_a_live_node_is_measured_whatever_it_answers(
    scrape: Scraped, mosquitto: Broker, name: str, tmp_path: Path
) -> None:
    node = Node(
        settings(mosquitto),
        Echo(),
        name=name,
        outbox=tmp_path / "outbox.db",
        observe=scrape.metrics.sent,
    )
    node.start(DEADLINE_S)
    try:
        with running_worker(mosquitto, Scripted()), App(mosquitto, name) as app:
            app.ask("hello")
            app.ask("hello", "nonsense")
            correlation = app.send("why?")
            until(lambda: any(each.source == "cloud" for each in app.answers(correlation)))
    finally:
        node.stop()
    answers = scrape()["edge_runtime_answers_total"]
    assert answers[("local", "200", "ask")] == 1
    assert answers[("local", "400", "other")] == 1
    assert answers[("cloud", "200", "ask")] == 1


def test_an_address_in_use_is_an_error_that_names_it(scrape: Scraped) -> None:
    port = int(scrape.server.url.split(":")[2].split("/")[0])
    second = MetricsServer("127.0.0.1", port, scrape.metrics)
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"):
        second.start()
