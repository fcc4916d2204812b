"""Wall time and CPU time of a piece of work; imports nothing that a peer's Python may lack."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """``cpu_s`` is that of all threads; ``units`` says how much was done: tokens, texts, runs."""

    wall_s: float
    cpu_s: float
    units: int = 1


class Stopwatch:
    """Runs from the moment that it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def lap(self, units: int = 1) -> Timing:
        """Return the time since the last lap, and begin the next one."""
        wall, cpu = time.perf_counter(), time.process_time()
        timing = Timing(wall - self._wall, cpu - self._cpu, units)
        self._wall, self._cpu = wall, cpu
        return timing
