"""No faster than the owner wants: a pause after each piece that came too fast."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pacer:
    """Lets ``bytes_per_s`` through on average, 0: any number.

    ``now`` is in seconds of a clock that never goes back. What was not used while nothing came is
    lost: after a stop nothing comes faster.
    """

    def __init__(
        self,
        bytes_per_s: float,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._now = now
        self._sleep = sleep
        self._free_at = now()

    def passed(self, size_bytes: int) -> None:
        """Take note of a piece, and wait until the next one may come."""
        if not self._bytes_per_s:
            return
        now = self._now()
        self._free_at = max(self._free_at, now - 1.0) + size_bytes / self._bytes_per_s
        if self._free_at > now:
            self._sleep(self._free_at - now)
