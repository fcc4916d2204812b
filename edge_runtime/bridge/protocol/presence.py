"""Which workers are online, as their retained status says."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec


class Presence:
    """The set of workers that are online.

    After each connect the broker sends every worker's retained status. Nothing marks the end of
    them: after ``wait_s`` all are known, and whoever was not confirmed is gone.
    """

    def __init__(self, wait_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_s = wait_s
        self._clock = clock
        self._known_at: float | None = None
        self._online: set[str] = set()
        self._confirmed: set[str] = set()

    def connected(self) -> None:
        """The broker has confirmed the subscription."""
        self._known_at = self._clock() + self._wait_s

    def lost(self) -> None:
        """The broker is gone: whoever was online probably still is, but has to be confirmed."""
        self._known_at = None
        self._confirmed.clear()

    def update(self, worker: str, *, online: bool) -> bool:
        """Note a status; return whether the worker has just come online."""
        if not online:
            self._online.discard(worker)
            self._confirmed.discard(worker)
            return False
        is_new = worker not in self._online
        self._online.add(worker)
        self._confirmed.add(worker)
        return is_new

    def is_known(self) -> bool:
        """Whether an empty set means that there is no worker."""
        return self._known_at is not None and self._clock() >= self._known_at

    def unknown_for_s(self) -> float | None:
        """Return the seconds until ``is_known``; None when it is, or when there is no broker."""
        if self._known_at is None or self.is_known():
            return None
        return self._known_at - self._clock()

    def workers(self) -> set[str]:
        """Return who is online."""
        return self._online & self._confirmed if self.is_known() else self._online


class _Status(msgspec.Struct):
    status: str = "offline"


def is_online(payload: bytes) -> bool:
    """Whether a worker's status message says that it is online; an empty one removes it."""
    try:
        return msgspec.json.decode(payload, type=_Status).status == "online"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
