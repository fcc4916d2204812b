"""Health as metrics, read at every scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_runtime.bridge.protocol.health import Health, read_health

PREFIX = "edge_runtime"

_LINKS = ("up", "down", "metered")
_PACES = ("full", "slow", "shed")


class HealthCollector(Collector):
    """Turns a node's health into gauges and counters; ``health`` gives the message's payload."""

    def __init__(self, health: Callable[[], bytes]) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Yield the families; what is not known is left out."""
        found = read_health(self._health())
        yield from _queue(found)
        yield from _counters(found)
        yield from _gauges(found)
        yield _one_of("link", "The state of the link is 1.", "state", _LINKS, found.board.link)
        if found.pace is not None:
            said = "How fast the board lets the node work: that level is 1."
            yield _one_of("pace", said, "level", _PACES, found.pace.level)

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: names are known once there is health."""
        yield from ()


def _queue(found: Health) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        f"{PREFIX}_queue_waiting", "Requests and escalations that wait.", labels=["kind"]
    )
    waiting.add_metric(["request"], found.queue.requests)
    waiting.add_metric(["escalation"], found.queue.escalations)
    yield waiting
    yield _gauge("queue_bytes", "Size of the durable queue.", found.queue.bytes)
    yield _gauge("queue_oldest_seconds", "Age of what waits longest.", found.queue.oldest_s or 0.0)


def _counters(found: Health) -> Iterator[Metric]:
    dropped = CounterMetricFamily(
        f"{PREFIX}_dropped", "What a cap, a deadline or a failure removed.", labels=["reason"]
    )
    for reason, count in found.dropped.items():
        dropped.add_metric([reason], count)
    yield dropped
    outcomes = CounterMetricFamily(
        f"{PREFIX}_requests", "Requests by what became of them.", labels=["outcome"]
    )
    for outcome in ("answered", "escalated", "failed", "expired"):
        outcomes.add_metric([outcome], getattr(found.counts, outcome))
    yield outcomes


def _gauges(found: Health) -> Iterator[Metric]:
    board, budget = found.board, found.budget
    percent = board.battery_percent
    for name, said, value in (
        ("uptime_seconds", "Time since the node started.", found.uptime_s),
        ("workers", "Workers that are online.", found.workers),
        ("paused", "Whether escalations are held back.", found.paused),
        ("coverage_ratio", "Share of answers given on the device.", found.coverage),
        ("temperature_celsius", "The hottest zone of the board.", board.temperature_c),
        ("battery_ratio", "Charge of the battery.", None if percent is None else percent / 100),
        ("on_battery", "Whether the board runs on its battery.", board.on_battery),
        ("budget_left_requests", "Escalations that may still be made.", budget.requests_left),
        ("budget_left_tokens", "Tokens that may still be used.", budget.tokens_left),
        ("budget_left_usd", "Money that may still be spent.", budget.usd_left),
    ):
        if value is not None:
            yield _gauge(name, said, float(value))


def _one_of(name: str, said: str, label: str, values: tuple[str, ...], now: str | None) -> Metric:
    gauge = GaugeMetricFamily(f"{PREFIX}_{name}", said, labels=[label])
    for each in values:
        gauge.add_metric([each], float(each == now))
    return gauge


def _gauge(name: str, said: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", said, value=value)
