"""When the endpoint asks for patience, it is asked by nobody until then."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import msgspec

from edge_runtime.messages import ErrorInfo

_SPREAD = 0.1


class EndpointPause:
    """Remembers the Retry-After of a 429 or 503, for all nodes; threads may share it.

    ``now`` is in seconds of a clock that never goes back; ``jitter`` gives a number from 0 to 1,
    which spreads those that come back over a tenth of the pause.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._now = now
        self._jitter = jitter
        self._lock = threading.Lock()
        self._until = now()
        self._why: ErrorInfo | None = None

    def note(self, error: ErrorInfo | None) -> None:
        """Take note of how a call ended; a success or another failure changes nothing."""
        if error is None or not error.retry_after_s or not _pauses(error):
            return
        with self._lock:
            until = self._now() + error.retry_after_s
            if until > self._until:
                self._until, self._why = until, error

    def refusal(self) -> ErrorInfo | None:
        """Return what to answer instead of a call, with what is left; None when it may be made."""
        with self._lock:
            left_s = self._until - self._now()
            if self._why is None or left_s <= 0:
                return None
            left_s *= 1 + _SPREAD * self._jitter()
            return msgspec.structs.replace(self._why, retry_after_s=round(left_s, 3))


def _pauses(error: ErrorInfo) -> bool:
    return error.type in {"rate_limited", "llm_overloaded"}
