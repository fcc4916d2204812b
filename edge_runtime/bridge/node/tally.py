"""What the node has done since it was started, counted as it happens."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

from edge_runtime.bridge.protocol.health import Latency
from edge_runtime.messages import Answer

_REMEMBERED = 512  # of the latest requests of a task
_WEIGHT = 0.1  # of the latest one, in the mean


@dataclass
class _Task:
    count: int = 0
    latest_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Tally:
    """Threads may share it. ``infer_s`` is how long the model lately took for a request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._tasks: dict[str, _Task] = {}
        self._refused = 0
        self.infer_s = 0.0

    def answered(self, answer: Answer, took_s: float) -> None:
        """A request has its final answer, from this device."""
        kind = "answered"
        if answer.error is not None:
            kind = "expired" if answer.error.code == "408" else "failed"
        with self._lock:
            self._counts[kind] += 1
            if kind == "answered":
                task = self._tasks.get(answer.task)
                if task is None:
                    task = self._tasks[answer.task] = _Task()
                task.count += 1
                task.latest_ms.append(took_s * 1e3)

    def escalated(self) -> None:
        """A request is for a worker."""
        with self._lock:
            self._counts["escalated"] += 1

    def worked(self, seconds: float) -> None:
        """The model has worked so long on a request."""
        self.infer_s += (seconds - self.infer_s) * _WEIGHT

    def refused(self) -> bool:
        """A request found no room; whether it is the first since ``newly_refused`` was called."""
        with self._lock:
            self._counts["refused"] += 1
            self._refused += 1
            return self._refused == 1

    def newly_refused(self) -> int:
        """Return how many were refused since the last call."""
        with self._lock:
            refused, self._refused = self._refused, 0
            return refused

    def count(self, kind: str) -> int:
        """Return how many are ``answered``, ``escalated``, ``failed``, ``expired``, ``refused``."""
        return self._counts[kind]

    def coverage(self) -> float | None:
        """Return the share of queries that the device has answered itself; None without any."""
        own, escalated = self._counts["answered"], self._counts["escalated"]
        return None if own + escalated == 0 else round(own / (own + escalated), 4)

    def latencies(self) -> dict[str, Latency]:
        """Return how long the answers of each task took, from the arrival of the request."""
        with self._lock:
            tasks = {name: (each.count, sorted(each.latest_ms)) for name, each in
                     self._tasks.items()}  # fmt: skip
        return {
            name: Latency(count, _at(latest_ms, 0.5), _at(latest_ms, 0.95))
            for name, (count, latest_ms) in tasks.items()
        }


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)
