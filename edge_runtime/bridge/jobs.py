"""Threads for everything that takes time, so that the network thread never waits for it."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable

from edge_runtime.bridge.failures import log_failure

_log = logging.getLogger(__name__)

Job = Callable[[], None]

_URGENT, _NORMAL, _LAST = range(3)


class Jobs:
    """Runs jobs on its threads: urgent ones first, else in the order of arrival.

    ``limit`` is for normal jobs that wait; urgent ones are always taken.
    """

    def __init__(self, name: str, *, limit: int, threads: int = 1) -> None:
        self._limit = limit
        self._number = itertools.count()
        self._waiting: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=name, daemon=True) for _ in range(threads)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """Take a job; False when too many wait already."""
        if not urgent and self._waiting.qsize() >= self._limit:
            return False
        self._waiting.put((_URGENT if urgent else _NORMAL, next(self._number), job))
        return True

    def stop(self, timeout_s: float) -> None:
        """Drop what waits, and give what is under way so long to finish."""
        self._stopping = True
        give_up_at = time.monotonic() + timeout_s
        for _ in self._threads:
            self._waiting.put((_LAST, next(self._number), None))
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, give_up_at - time.monotonic()))

    def _run(self) -> None:
        while True:
            _, _, job = self._waiting.get()
            if job is None or self._stopping:
                return
            try:
                job()
            except Exception as exc:  # noqa: BLE001 - the next job is not to blame
                log_failure(_log, "a job failed", exc)
