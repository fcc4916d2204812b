"""Acknowledgements: ours in the order of arrival (MQTT 5, section 4.6), and the broker's."""

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
        self._open: OrderedDict[int, tuple[int, bool]] = OrderedDict()

    def arrived(self, packet_id: int) -> int:
        """Note a message that wants an acknowledgement; return its ticket, never 0."""
        with self._lock:
            self._last += 1
            self._open[self._last] = (packet_id, False)
            return self._last

    def settle(self, ticket: int) -> None:
        """Acknowledge this message, as soon as all before it are.

        A ticket of an earlier connection is ignored: the broker sends that message again.
        """
        with self._lock:
            if ticket not in self._open:
                return
            self._open[ticket] = (self._open[ticket][0], True)
            while self._open:
                first, (packet_id, settled) = next(iter(self._open.items()))
                if not settled:
                    return
                del self._open[first]
                self._send(packet_id)

    def reset(self) -> None:
        """Forget what was open: the connection is gone."""
        with self._lock:
            self._open.clear()


class AwaitedAcks:
    """Calls back when the broker has taken what was published.

    The acknowledgement may overtake the thread that published: it is kept until that thread says
    whom to tell.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Callable[[int], None] | None] = {}
        self._early: dict[int, int] = {}

    def await_(self, packet_id: int, on_taken: Callable[[int], None] | None) -> None:
        """Call ``on_taken`` with the reason code once, perhaps now."""
        with self._lock:
            code = self._early.pop(packet_id, None)
            if code is None:
                self._waiting[packet_id] = on_taken
                return
        if on_taken is not None:
            on_taken(code)

    def taken(self, packet_id: int, code: int) -> None:
        """Note the broker's acknowledgement of a packet that was or will be awaited."""
        with self._lock:
            if packet_id not in self._waiting:
                self._early[packet_id] = code
                return
            on_taken = self._waiting.pop(packet_id)
        if on_taken is not None:
            on_taken(code)
