"""Pieces of an answer on their way to the node: not one message for each token."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY_S = 0.05


class Pieces:
    """Numbers the pieces of one answer, and joins those that follow fast.

    ``send`` gets the number, from 0, and the text.
    """

    def __init__(
        self, send: Callable[[int, str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._now = now
        self._next = 0
        self._held: list[str] = []
        self._due = now()  # the first one goes at once

    def add(self, piece: str) -> None:
        """Send a piece, now or together with the next ones."""
        self._held.append(piece)
        if self._now() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Send what is held back."""
        if self._held:
            self._send(self._next, "".join(self._held))
            self._next += 1
            self._held.clear()
            self._due = self._now() + _EVERY_S
