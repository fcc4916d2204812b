"""How often each client may ask: a bucket of tokens for each, and a bounded number of them."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from edge_runtime.errors import ConfigError, RateLimitError

_OTHERS = ""  # no client has this name


def rate_limits(per_s: float | None, burst: int) -> Callable[[str], RateLimitError | None]:
    """Return the limits of these settings; without a rate everybody may ask as often as they like.

    Raises:
        ConfigError: as ``RateLimits``.
    """
    return _no_limit if per_s is None else RateLimits(per_s, burst)


def _no_limit(_client: str) -> None:
    """Take nothing and refuse nobody."""


class RateLimits:
    """Called for each request of a client; returns why it is too early, None if it is not.

    ``burst`` requests may come at once, and ``per_s`` more in each second after that. At most
    ``most_clients`` are told apart. Past that, a client that has not asked for long enough to have
    its whole burst again is forgotten for a new one; when there is none, all new ones share a
    bucket: names cost nothing, so a flood of them must not be a way round. One thread.

    Raises:
        ConfigError: the rate is not above 0, or the burst below 1.
    """

    def __init__(
        self,
        per_s: float,
        burst: int,
        *,
        most_clients: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < per_s < math.inf or burst < 1:
            raise ConfigError(
                f"requests_per_s must be above 0 and request_burst 1 or more, not {per_s:g} and "
                f"{burst}; leave requests_per_s out for no limit"
            )
        self._per_s = per_s
        self._burst = burst
        self._most_clients = most_clients
        self._clock = clock
        # when each bucket was empty, or would have been; the client that has asked last stands last
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def __call__(self, client: str) -> RateLimitError | None:
        """Take a token of a client, or say when there will be one."""
        now = self._clock()
        bucket = self._bucket(client, now)
        full_s = self._burst / self._per_s
        empty_at = max(self._empty_at.get(bucket, -math.inf), now - full_s)
        wait_s = empty_at + 1 / self._per_s - now
        if wait_s > 0:
            return RateLimitError(
                f"client {client} asks more than {self._per_s:g} times a second; ask again later",
                math.ceil(wait_s * 1000) / 1000,
            )
        self._empty_at[bucket] = empty_at + 1 / self._per_s
        self._empty_at.move_to_end(bucket)
        return None

    def __len__(self) -> int:
        """Return the number of buckets."""
        return len(self._empty_at)

    def _bucket(self, client: str, now: float) -> str:
        """Return the name of a client's bucket, after making room for it if need be."""
        if client in self._empty_at or len(self._empty_at) < self._most_clients:
            return client
        oldest = next(iter(self._empty_at))
        if self._empty_at[oldest] + self._burst / self._per_s > now:
            return _OTHERS
        del self._empty_at[oldest]
        return client
