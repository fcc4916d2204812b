"""Whether a thread that does one job after the other still gets anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_SILENT_S = 60.0  # a job that waits for nothing computes all the time, also on a slow board
_LONGEST_S = 3600.0  # longer than any deadline: it turns in a circle
_LEAST_CPU_S = 0.005


@dataclass
class _Job:
    began: float
    thread: threading.Thread
    clock: int | None
    cpu_s: float = -1.0
    progressed: float = 0.0


class LoopWatch:
    """Follows the jobs of one thread by the CPU time that they use.

    A job that uses none for ``silent_s`` hangs; one that is at work for ``longest_s`` never ends.
    How long a good answer takes says nothing: a small board writes for minutes. ``now`` is a clock
    in seconds that never goes back.
    """

    def __init__(
        self,
        *,
        silent_s: float = _SILENT_S,
        longest_s: float = _LONGEST_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silent_s = silent_s
        self._longest_s = longest_s
        self._now = now
        self._job: _Job | None = None
        self._thread: threading.Thread | None = None
        self._clock: int | None = None

    def __enter__(self) -> None:
        """Begin a job; called by the thread that is watched."""
        began = self._now()
        if self._thread is None or self._thread.ident != threading.get_ident():
            self._thread = threading.current_thread()
            self._clock = _cpu_clock()
        self._job = _Job(began, self._thread, self._clock, progressed=began)

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._job = None

    def why_stuck(self) -> str | None:
        """Return what is wrong with the thread, None if nothing is; any thread may ask."""
        job, now = self._job, self._now()
        if self._thread is not None and not self._thread.is_alive():
            return f"the thread {self._thread.name} has ended"
        if job is None:
            return None
        if now - job.began > self._longest_s:
            return f"a job of the thread {job.thread.name} takes {now - job.began:.0f} s"
        cpu_s = _read(job.clock)
        if cpu_s is None or cpu_s - job.cpu_s >= _LEAST_CPU_S:
            job.cpu_s, job.progressed = cpu_s or 0.0, now
        elif now - job.progressed > self._silent_s:
            silent_s = now - job.progressed
            return f"a job of the thread {job.thread.name} hangs for {silent_s:.0f} s"
        return None


def _cpu_clock() -> int | None:
    read = getattr(time, "pthread_getcpuclockid", None)  # not on every system
    return None if read is None else int(read(threading.get_ident()))


def _read(clock: int | None) -> float | None:
    if clock is None:
        return None
    try:
        return time.clock_gettime(clock)
    except OSError:  # the thread has just ended
        return None
