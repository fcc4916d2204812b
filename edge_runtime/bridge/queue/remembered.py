"""Answers that are remembered in memory, the newest of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from edge_runtime.bridge.queue.kept import Kept, Key


class Remembered:
    """At most so many answers, with so many bytes in all, for so long; any thread may ask."""

    def __init__(
        self,
        most_rows: int,
        most_bytes: int,
        keep_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._keep_s = keep_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, tuple[float, Kept]] = OrderedDict()
        self._size_bytes = 0

    def get(self, key: Key) -> Kept | None:
        """Return an answer that is remembered."""
        with self._lock:
            found = self._answers.get(key)
        return None if found is None or found[0] <= self._monotonic() else found[1]

    def put(self, key: Key, kept: Kept) -> None:
        """Remember an answer, the last one to a request."""
        with self._lock:
            self._remove(key)
            self._answers[key] = self._monotonic() + self._keep_s, kept
            self._size_bytes += len(kept.payload)
            self._purge()

    def forget(self, client: str | None) -> int:
        """Forget what is known of a client, of all where None is named; return how many."""
        with self._lock:
            found = [key for key in self._answers if client in {None, key[0]}]
            for key in found:
                self._remove(key)
        return len(found)

    def _purge(self) -> None:
        while self._answers:
            key, (until, _) = next(iter(self._answers.items()))
            is_much = len(self._answers) > self._most_rows or self._size_bytes > self._most_bytes
            if not is_much and self._monotonic() < until:
                return
            self._remove(key)

    def _remove(self, key: Key) -> None:
        found = self._answers.pop(key, None)
        if found is not None:
            self._size_bytes -= len(found[1].payload)
