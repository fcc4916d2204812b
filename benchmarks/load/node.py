"""``python -m benchmarks.load.node URL NAME OUTBOX MS [journal]``: a node with a plain handler.

Each request takes so many milliseconds, in which other threads run, as inference lets them.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, Reply, Request, Timing
from edge_runtime.tasks.text_output import Limits


class Sleeping:
    """Answers everything after the same time."""

    tasks = ("ask",)

    def __init__(self, infer_ms: float) -> None:
        self._infer_s = infer_ms / 1e3

    def begin(self, request: Request) -> Answer | Pending:
        """Answer after a while."""
        started = time.perf_counter()
        if self._infer_s:
            time.sleep(self._infer_s)
        infer_ms = (time.perf_counter() - started) * 1e3
        return Answer(
            id=request.id,
            task=request.task,
            result={"intent": "light_on"},
            confidence=0.99,
            model="sleeping",
            ms=Timing(infer=infer_ms),
        )

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer | Pending]:
        """Answer after a while."""
        del limits
        yield self.begin(request)

    def expect(self, requests: Sequence[Request]) -> None:
        """Take no note."""

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Fail: nothing is escalated here."""
        raise EdgeError(f"nothing was escalated as {reply.id}, of client {pending.client}")

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return nothing."""
        return []

    def info(self) -> dict[str, Any]:
        """Return that there is no bundle."""
        return {"bundles": []}


def main(url: str, name: str, outbox: str, infer_ms: str, journal: str = "disk") -> None:
    """Run until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    node = Node(
        BrokerSettings.parse(url, environ={}),
        Sleeping(float(infer_ms)),
        name=name,
        outbox=Path(outbox),
        options=NodeOptions(
            queue_limit=100_000,
            escalations=EscalationOptions(journal="memory" if journal == "memory" else "disk"),
        ),
    )
    node.start(30.0)
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    node.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
