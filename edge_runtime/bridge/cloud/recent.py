"""Answers that a worker has just given: one that is asked for again is not paid again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from edge_runtime.bridge.cloud.asked import Key
from edge_runtime.messages import Reply

_MOST_CHARS = 4 * 1024 * 1024
_KEPT_S = 600.0


class RecentReplies:
    """The replies of the last minutes, in memory only; threads may share it."""

    def __init__(
        self, *, most_chars: int = _MOST_CHARS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_chars = most_chars
        self._now = now
        self._lock = threading.Lock()
        self._replies: OrderedDict[Key, tuple[float, Reply]] = OrderedDict()
        self._chars = 0

    def keep(self, key: Key, reply: Reply) -> None:
        """Keep a reply without an error: a failed call is made again."""
        if reply.error is not None:
            return
        with self._lock:
            self._forget(key)
            self._replies[key] = (self._now() + _KEPT_S, reply)
            self._chars += len(reply.text)
            while self._chars > self._most_chars or self._is_over():
                self._forget(next(iter(self._replies)))

    def find(self, key: Key) -> Reply | None:
        """Return the reply that was given, if it is still kept."""
        with self._lock:
            while self._is_over():
                self._forget(next(iter(self._replies)))
            found = self._replies.get(key)
            return None if found is None else found[1]

    def _is_over(self) -> bool:
        return bool(self._replies) and next(iter(self._replies.values()))[0] <= self._now()

    def _forget(self, key: Key) -> None:
        found = self._replies.pop(key, None)
        if found is not None:
            self._chars -= len(found[1].text)
