"""Waits for a socket, and is woken by other threads; a thread that is awake costs nobody a call."""

from __future__ import annotations

import contextlib
import select
import socket
from typing import Any


class Wakeup:
    """``asleep`` has to be called before the last look at what there is to do, then ``wait``."""

    def __init__(self) -> None:
        self._ends: tuple[socket.socket, socket.socket] | None = None
        self._is_awake = True

    def open(self) -> None:
        """Make what ``wait`` needs; it is freed by ``close``."""
        self._ends = socket.socketpair()
        for end in self._ends:
            end.setblocking(False)  # noqa: FBT003 - it has no name there

    def asleep(self) -> None:
        """From here on, ``wake`` ends the next ``wait``."""
        self._is_awake = False

    def wake(self) -> None:
        """End the wait; any thread may call."""
        if self._is_awake or self._ends is None:
            return
        self._is_awake = True
        with contextlib.suppress(OSError):  # full of calls that were not heard yet, or closed
            self._ends[0].send(b"\0")

    def wait(self, sock: Any, timeout_s: float, *, is_writing: bool) -> tuple[bool, bool]:  # noqa: ANN401 - paho's own kind of socket
        """Return whether the socket can be read, and whether it can be written as asked."""
        assert self._ends is not None, "it is open while its thread waits"  # noqa: S101
        calls = self._ends[1]
        writing = [sock] if is_writing else []
        readable, writable, _ = select.select([sock, calls], writing, [], timeout_s)
        self._is_awake = True
        if calls in readable:
            calls.recv(4096)
        return sock in readable, bool(writable)

    def close(self) -> None:
        """Free it; ``wake`` does nothing any more."""
        self._is_awake = True
        if self._ends is not None:
            for end in self._ends:
                end.close()
