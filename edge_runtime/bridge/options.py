"""How a node works: limits, times and retries, with defaults that suit a small board."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from edge_runtime.bridge.topics import RESPONSE_PREFIXES


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


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """How a node works.

    ``queue_limit`` counts requests that wait for the model; those past it are told to come back.
    mosquitto 2.0.11 sends far more than the Receive Maximum in a burst, so this is the only bound.
    ``commands_topic`` is where home commands are published that the device is sure of; ``{node}``
    in it is filled in. None: nowhere.
    """

    queue_limit: int = 1000
    session_expiry_s: int = 86_400
    response_prefixes: tuple[str, ...] = RESPONSE_PREFIXES
    commands_topic: str | None = None
    escalations: EscalationOptions = field(default_factory=EscalationOptions)
