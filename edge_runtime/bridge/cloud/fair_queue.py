"""What waits for the LLM: bounded, and no node can take the places of the others."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from edge_runtime.bridge.cloud.asked import Asked, Key


class FairQueue:
    """Gives one escalation of each node in turn, within a node the oldest first.

    ``limit`` is for all that wait. When it is reached, the node with most in the queue gives way:
    its newest escalation is refused, which may be the one that has just come.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._nodes: OrderedDict[str, deque[Asked]] = OrderedDict()
        self._is_closed = False

    def __len__(self) -> int:
        with self._changed:
            return self._size()

    def put(self, asked: Asked) -> Asked | None:
        """Take an escalation; return the one that is refused for it, if one is."""
        with self._changed:
            if self._is_closed:
                return asked
            refused = None
            if self._size() >= self._limit:
                longest = max(self._nodes.values(), key=len)
                if len(longest) <= len(self._nodes.get(asked.node, ())) + 1:
                    return asked
                refused = longest.pop()
            self._nodes.setdefault(asked.node, deque()).append(asked)
            self._changed.notify()
            return refused

    def get(self) -> Asked | None:
        """Wait for an escalation, and return it; None once the queue is closed."""
        with self._changed:
            while not self._nodes and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return None
            node, waiting = self._nodes.popitem(last=False)
            asked = waiting.popleft()
            if waiting:
                self._nodes[node] = waiting
            return asked

    def remove(self, key: Key) -> bool:
        """Take an escalation out; False when it does not wait here."""
        node, _ = key
        with self._changed:
            waiting = self._nodes.get(node, deque())
            for asked in waiting:
                if asked.key == key:
                    waiting.remove(asked)
                    if not waiting:
                        del self._nodes[node]
                    return True
            return False

    def close(self) -> list[Asked]:
        """Take nothing more and let everyone who waits go; return what was left."""
        with self._changed:
            self._is_closed = True
            left = [asked for waiting in self._nodes.values() for asked in waiting]
            self._nodes.clear()
            self._changed.notify_all()
            return left

    def _size(self) -> int:
        return sum(map(len, self._nodes.values()))
