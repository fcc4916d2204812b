"""Counters and histograms of answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.messages import Answer
from edge_runtime.metrics.collector import PREFIX, HealthCollector

_OTHER = "other"
_CODES = {
    "200", "202", "400", "403", "408", "413", "429", "499", "500", "502", "503", "504",
}  # fmt: skip
_BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 3600.0,
)  # fmt: skip


class Metrics:
    """What one process of a node measures.

    Labels take no value that a client or worker made up: ``tasks`` are those that this node knows,
    any other is ``other``.
    """

    def __init__(self, node: str, version: str, tasks: Collection[str]) -> None:
        self.registry = CollectorRegistry()
        self._tasks = frozenset(tasks)
        Info(PREFIX, "The node.", registry=self.registry).info({"node": node, "version": version})
        ProcessCollector(registry=self.registry)
        self._answers = Counter(
            f"{PREFIX}_answers", "Answers sent; after 202, queued, a final one follows.",
            ["task", "source", "status"], registry=self.registry,
        )  # fmt: skip
        self._seconds = self._histogram(
            "answer", "From the arrival of a request to its final answer.", "source"
        )
        self._infer = self._histogram("inference", "The model's share of it.")
        self._cost = Counter(
            f"{PREFIX}_cost_usd", "What workers said their answers cost.", registry=self.registry
        )

    def follow(self, health: Callable[[], bytes]) -> None:
        """Show health as well; ``health`` gives the payload of the message, at each scrape."""
        self.registry.register(HealthCollector(health))

    def sent(self, message: Message) -> None:
        """Count a message to a client if it is an answer; any thread may call it."""
        if not message.properties or message.properties[0][0] != "status":
            return
        with contextlib.suppress(msgspec.MsgspecError):
            self._answered(msgspec.json.decode(message.payload, type=Answer))

    def _answered(self, answer: Answer) -> None:
        task = answer.task if answer.task in self._tasks else _OTHER
        code = answer.code if answer.code in _CODES else _OTHER
        self._answers.labels(task, answer.source, code).inc()
        if answer.status == "queued":
            return
        ms = answer.ms
        self._seconds.labels(task, answer.source).observe((ms.queue + ms.infer + ms.cloud) / 1000)
        if answer.source == "local":
            self._infer.labels(task).observe(ms.infer / 1000)
        if 0 < answer.cost_usd < float("inf"):
            self._cost.inc(answer.cost_usd)

    def _histogram(self, name: str, said: str, *labels: str) -> Histogram:
        return Histogram(
            f"{PREFIX}_{name}_seconds", said, ["task", *labels],
            registry=self.registry, buckets=_BUCKETS_S,
        )  # fmt: skip
