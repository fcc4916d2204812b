"""The requests that have no final answer yet: each once, however often it comes."""

from __future__ import annotations

import threading
from typing import NamedTuple

from edge_runtime.bridge.node.asked import Asked
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.queue.kept import Key, key_of

_MOST_REPEATS = 16


class Added(NamedTuple):
    """The request if it is new; ``is_kept``: its message is acknowledged with the answer.

    A repeat that brings nothing new is not kept: the broker has the first one, or the journal.
    """

    asked: Asked | None
    is_kept: bool


class UnderWay:
    """Threads may share it; whoever is first decides what the final answer is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[Key, Asked] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, incoming: Incoming, *, gone_s: float = 0.0) -> Added:
        """Note a request; one that is under way already gets the same answer."""
        key = key_of(incoming)
        with self._lock:
            there = self._asked.get(key)
            if there is None:
                asked = self._asked[key] = Asked(incoming, gone_s=gone_s)
                return Added(asked, is_kept=True)
            is_kept = len(there.repeats) < _MOST_REPEATS and there.has_use_for(incoming)
            if is_kept:
                there.repeats.append(incoming)
            return Added(None, is_kept=is_kept)

    def decide(self, asked: Asked) -> bool:
        """Whether the caller may give the final answer: nobody else has."""
        with self._lock:
            is_first = not asked.is_over
            asked.is_over = True
            return is_first

    def release(self, asked: Asked) -> list[Incoming]:
        """Forget a request; return all messages that have asked, to be acknowledged."""
        with self._lock:
            self._asked.pop(key_of(asked.incoming), None)
            return asked.everybody()

    def cancel(self, client: str, request_id: str | None, key: bytes | None) -> list[Asked]:
        """Mark what a client has asked under an id or a correlation, and return it.

        What the model works on is marked as unwanted only: it ends at its next token.
        """
        with self._lock:
            found = [
                asked
                for asked in self._asked.values()
                if asked.incoming.route.client == client
                and (
                    asked.incoming.route.key == key or asked.incoming.route.request_id == request_id
                )
            ]
            for asked in found:
                asked.is_unwanted = True
            return found
