"""What was published and not taken by the broker yet: so many at once, the rest in line."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import UnavailableError

OnTaken = Callable[[int], None]

_OK = 0


@dataclass(eq=False, slots=True)
class _Entry:
    message: Message
    on_taken: OnTaken | None
    give_up_at: float | None


class Window:
    """Messages of QoS 1 on their way; threads may share it.

    ``send`` gets a message, its packet id and whether it may have been sent before; ``new_id``
    gives packet ids. Of those that wait there are at most ``most`` with ``most_bytes``. ``clock``
    is in seconds that never go back: what expires while it waits is not sent, and counts as taken.
    """

    def __init__(
        self,
        send: Callable[[Message, int, bool], None],
        new_id: Callable[[], int],
        *,
        most: int,
        most_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._new_id = new_id
        self._most = most
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._size = 0
        self._under_way: dict[int, _Entry] = {}
        self._waiting: deque[_Entry] = deque()
        self._waiting_bytes = 0

    def publish(self, message: Message, on_taken: OnTaken | None) -> None:
        """Send a message, now or when its turn comes; ``on_taken`` gets the reason code.

        Raises:
            UnavailableError: too many wait already.
        """
        expiry_s = message.expiry_s
        give_up_at = None if expiry_s is None else self._clock() + expiry_s
        entry = _Entry(message, on_taken, give_up_at)
        with self._lock:
            if len(self._under_way) < self._size and not self._waiting:
                self._start(entry)
                return
            size_bytes = self._waiting_bytes + len(message.payload)
            if len(self._waiting) >= self._most or size_bytes > self._most_bytes:
                raise UnavailableError("too many messages wait for the broker")
            self._waiting.append(entry)
            self._waiting_bytes = size_bytes

    def taken(self, packet_id: int, code: int) -> None:
        """Note the broker's acknowledgement; what waits may follow."""
        expired: list[_Entry] = []
        with self._lock:
            entry = self._under_way.pop(packet_id, None)
            if self._waiting:
                expired = self._fill()
        if entry is not None and entry.on_taken is not None:
            entry.on_taken(code)
        _tell(expired)

    def open(self, size: int) -> None:
        """The broker is there and takes so many at once; those of an earlier connection go again.

        A packet id is not used for another message before the broker has taken the first.
        """
        with self._lock:
            self._size = size
            again = list(self._under_way.items())
            for packet_id, entry in again[:size]:
                self._send(self._lasting(entry), packet_id, True)  # noqa: FBT003 - as in MQTT: dup
            # a broker that takes fewer than the one before: the rest waits in front
            for packet_id, entry in reversed(again[size:]):
                del self._under_way[packet_id]
                self._waiting.appendleft(entry)
                self._waiting_bytes += len(entry.message.payload)
            expired = self._fill()
        _tell(expired)

    def close(self) -> None:
        """The broker is gone: everything waits."""
        with self._lock:
            self._size = 0

    def _fill(self) -> list[_Entry]:
        """Send what waits as far as there is room; return what has expired meanwhile."""
        expired = []
        while self._waiting and len(self._under_way) < self._size:
            entry = self._waiting.popleft()
            self._waiting_bytes -= len(entry.message.payload)
            if entry.give_up_at is not None and self._clock() >= entry.give_up_at:
                expired.append(entry)
            else:
                self._start(entry)
        return expired

    def _start(self, entry: _Entry) -> None:
        packet_id = self._new_id()
        while packet_id in self._under_way:
            packet_id = self._new_id()
        self._send(self._lasting(entry), packet_id, False)  # noqa: FBT003 - as above
        self._under_way[packet_id] = entry

    def _lasting(self, entry: _Entry) -> Message:
        """Return the message with what is left of its expiry."""
        message = entry.message
        if entry.give_up_at is None:
            return message
        left_s = max(1, round(entry.give_up_at - self._clock()))
        if left_s == message.expiry_s:
            return message
        return msgspec.structs.replace(message, expiry_s=left_s)


def _tell(expired: list[_Entry]) -> None:
    for entry in expired:
        if entry.on_taken is not None:
            entry.on_taken(_OK)
