"""Threads for everything that takes time, so that the network thread never waits for it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from edge_devices.loop_watch import LoopWatch
from edge_runtime.bridge.failures import log_failure

_log = logging.getLogger(__name__)

Job = Callable[[], None]


class Jobs:
    """Runs jobs on its threads: urgent ones first, else in the order of arrival.

    ``limit`` is for normal jobs that wait, None for no limit; urgent ones are always taken.
    """

    def __init__(self, name: str, *, limit: int | None = None, threads: int = 1) -> None:
        self._limit = limit
        self._urgent: deque[Job] = deque()
        self._normal: deque[Job] = deque()
        # one token for each job, so that whoever has taken one finds one
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stopping = False
        self._watch = LoopWatch()
        self._threads = [
            threading.Thread(target=self._run, name=name, daemon=True) for _ in range(threads)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """Take a job; False when too many wait already."""
        if urgent:
            self._urgent.append(job)
        elif self._limit is not None and len(self._normal) >= self._limit:
            return False
        else:
            self._normal.append(job)
        self._tokens.put(None)
        return True

    def stop(self, timeout_s: float) -> None:
        """Drop what waits, and give what is under way so long to finish."""
        self._stopping = True
        give_up_at = time.monotonic() + timeout_s
        for _ in self._threads:
            self._tokens.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, give_up_at - time.monotonic()))

    def why_stuck(self) -> str | None:
        """Return why the one thread gets nowhere, None if it does."""
        return self._watch.why_stuck()

    def _run(self) -> None:
        while True:
            self._tokens.get()
            if self._stopping:
                return
            try:
                job = self._urgent.popleft() if self._urgent else self._normal.popleft()
            except IndexError:  # another thread has taken the urgent one that was there just now
                self._tokens.put(None)
                continue
            try:
                with self._watch:
                    job()
            except Exception as exc:  # noqa: BLE001 - the next job is not to blame
                log_failure(_log, "a job failed", exc)
