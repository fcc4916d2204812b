"""Times, counts and retries of the queue, with defaults that suit a small board."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EscalationOptions:
    """Seconds and counts that rule the queue.

    ``in_flight`` is how many escalations are with workers at once, so that a long queue comes back
    at a pace; ``presence_wait_s`` how long the broker may take to say which workers are online;
    ``keep_answer_s`` how long a delivered answer is kept for repeated requests.
    """

    cloud_timeout_s: float = 30.0
    retry_s: float = 2.0
    longest_retry_s: float = 300.0
    in_flight: int = 8
    presence_wait_s: float = 0.5
    keep_answer_s: float = 600.0

    def backoff_s(self, attempts: int) -> float:
        """Return the pause after so many failed attempts: doubled each time, with jitter."""
        longest_s = min(self.longest_retry_s, self.retry_s * 2 ** min(attempts, 20))
        return float(longest_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
