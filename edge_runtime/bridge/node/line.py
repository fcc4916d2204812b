"""The line before the model: one request of each client in turn."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict, deque

from edge_runtime.bridge.node.asked import Asked


class Line:
    """At most ``limit`` requests with ``most_bytes`` wait; threads may share it.

    When that is full, a client that has less than its share of it still finds room, up to as much
    again: one that asks for very much at once cannot keep the others out.
    """

    def __init__(self, limit: int, most_bytes: int) -> None:
        self._limit = limit
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._clients: OrderedDict[str, deque[Asked]] = OrderedDict()
        self._count = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._count

    @property
    def size_bytes(self) -> int:
        """How many bytes wait."""
        return self._bytes

    def add(self, asked: Asked, *, always: bool = False) -> bool:
        """Let a request wait; False when there is no room for it, unless it has to be taken."""
        client, size_bytes = asked.incoming.route.client, len(asked.incoming.message.payload)
        with self._lock:
            own = self._clients.get(client)
            if not always and not self._has_room(0 if own is None else len(own), size_bytes):
                return False
            if own is None:
                own = self._clients[client] = deque()
            own.append(asked)
            self._count += 1
            self._bytes += size_bytes
            return True

    def next(self) -> Asked | None:
        """Return whose turn it is, None if nobody waits."""
        with self._lock:
            if not self._clients:
                return None
            client, own = self._clients.popitem(last=False)
            asked = own.popleft()
            if own:
                self._clients[client] = own
            self._count -= 1
            self._bytes -= len(asked.incoming.message.payload)
            return asked

    def coming(self, count: int) -> list[Asked]:
        """Return whose turn it will be, if nobody else comes."""
        with self._lock:
            rounds = itertools.zip_longest(*self._clients.values())
            waiting = (asked for each in rounds for asked in each if asked is not None)
            return list(itertools.islice(waiting, count))

    def oldest_at(self) -> float | None:
        """Return when the oldest one arrived."""
        with self._lock:
            return min((own[0].arrived_at for own in self._clients.values()), default=None)

    def _has_room(self, own: int, size_bytes: int) -> bool:
        if self._count < self._limit and self._bytes + size_bytes <= self._most_bytes:
            return True
        share = self._limit // (len(self._clients) + (own == 0))
        return (
            own < share
            and self._count < 2 * self._limit
            and self._bytes + size_bytes <= 2 * self._most_bytes
        )
