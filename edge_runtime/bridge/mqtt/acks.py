"""Acknowledgements in the order of arrival (MQTT 5, section 4.6)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable


class OrderedAcks:
    """Holds an acknowledgement back until all earlier ones of the connection were sent.

    ``send`` gets the packet identifier; it may be called from any thread that settles.
    """

    def __init__(self, send: Callable[[int], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._last = 0
        self._open: OrderedDict[int, int] = OrderedDict()
        self._settled: set[int] = set()  # of the open ones

    def arrived(self, packet_id: int) -> int:
        """Note a message that wants an acknowledgement; return its ticket, never 0."""
        with self._lock:
            self._last += 1
            self._open[self._last] = packet_id
            return self._last

    def settle(self, ticket: int) -> None:
        """Acknowledge this message, as soon as all before it are.

        A ticket of an earlier connection is ignored: the broker sends that message again.
        """
        with self._lock:
            if ticket not in self._open:
                return
            self._settled.add(ticket)
            while self._settled:
                first = next(iter(self._open))
                if first not in self._settled:
                    return
                self._settled.discard(first)
                self._send(self._open.pop(first))

    def reset(self) -> None:
        """Forget what was open: the connection is gone."""
        with self._lock:
            self._open.clear()
            self._settled.clear()
