"""One thread for everything that computes, so that the network thread never waits for it."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)

Job = Callable[[], None]

_URGENT, _NORMAL, _LAST = range(3)


class InferenceThread:
    """Runs jobs one after the other: urgent ones first, else in the order of arrival.

    ``limit`` is for normal jobs that wait; urgent ones are always taken.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._number = itertools.count()
        self._jobs: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """Take a job; False when too many wait already."""
        if not urgent and self._jobs.qsize() >= self._limit:
            return False
        self._jobs.put((_URGENT if urgent else _NORMAL, next(self._number), job))
        return True

    def stop(self) -> None:
        """Finish the job at hand and end; what waits is dropped."""
        self._stopping = True
        self._jobs.put((_LAST, next(self._number), None))
        self._thread.join()

    def _run(self) -> None:
        while True:
            _, _, job = self._jobs.get()
            if job is None or self._stopping:
                return
            try:
                job()
            except Exception:  # noqa: BLE001 - the next request is not to blame
                _log.exception("a job failed")
