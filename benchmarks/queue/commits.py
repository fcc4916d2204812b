"""What the journal keeps in a second while so many answers wait for the disk at a time."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import Self

from benchmarks.harness.alternation import Case
from benchmarks.harness.process import Measured
from benchmarks.harness.statistics import spread
from benchmarks.harness.timing import Stopwatch
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.messages import Answer, Request


class Waiting:
    """A contestant: a journal with so many answers on their way to the disk."""

    def __init__(self, waiting: int, directory: Path) -> None:
        self.name = f"{waiting} waiting"
        self._waiting = waiting
        file = QueueFile(directory / f"waiting-{waiting}.db")
        outlet = Outlet()
        self._thread = QueueThread(file, lambda: None)
        self._journal = Journal(
            file, self._thread, outlet, Events(file, self._thread, outlet, NodeTopics("n")),
            EscalationOptions(), time.time,
        )  # fmt: skip
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._journal.close()
        self._thread.stop()

    def measure(self, case: Case) -> Measured:
        """Look for and keep ``answers`` answers; the facts are the milliseconds until on disk."""
        rows = [_incoming() for _ in range(case["answers"])]
        kept = Kept.of(Answer(id="0123456789abcdef", task="ask", result={"text": "because"}))
        room = threading.Semaphore(self._waiting)
        took_s: list[float] = []
        watch = Stopwatch()
        for each in rows:
            room.acquire()
            self._journal.find(each)
            began = time.perf_counter()
            self._journal.keep(each, kept, lambda began=began: _on_disk(took_s, began, room))  # type: ignore[misc]
        for _ in range(self._waiting):
            room.acquire()
        timing = watch.lap(len(rows))
        each_ms = spread([seconds * 1000 for seconds in took_s])
        facts = {"on_disk_ms": each_ms.median, "on_disk_ms_q3": each_ms.q3}
        return Measured({"find and keep": timing}, facts)


def _on_disk(took_s: list[float], began: float, room: threading.Semaphore) -> None:
    took_s.append(time.perf_counter() - began)
    room.release()


def _incoming() -> Incoming:
    correlation = secrets.token_bytes(8)
    request = Request(text="turn on the light", id=correlation.hex(), client="app")
    route = Route("app", "edge/v1/n/res/app", correlation.hex(), correlation)
    return Incoming(Message(topic="edge/v1/n/req/ask/app"), route, request, 0.0)
