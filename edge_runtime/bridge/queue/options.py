"""Times, counts and retries of the queue, with defaults that suit a small board."""

from __future__ import annotations

import random
from typing import Literal

import msgspec

from edge_runtime.bridge.queue.file.schema import DEFAULT_PRIORITY
from edge_runtime.messages import Request

HIGHEST_PRIORITY = 9


class EscalationOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds, counts and sizes that rule the queue; the table ``[queue]`` of ``edge.toml``.

    ``in_flight`` is how many escalations are with workers at once, so that a long queue comes back
    at a pace; ``presence_wait_s`` how long the broker may take to say which workers are online.

    At most ``most_rows`` queries with ``most_bytes`` wait. When one more comes, a less important
    one is dropped for it, ``when_full`` says which of the least important: the one that came
    ``last`` or ``first``. Where none is less important, ``last`` refuses the new one, and ``first``
    drops the one that came first. Whoever asked gets an error with ``retry_after_s``.

    After ``most_attempts`` failures, or when the node died ``most_crashes`` times over it, a query
    is answered with an error and never tried again.

    Answers are kept for ``keep_answer_s`` for repeated requests, at most ``keep_rows`` with
    ``keep_bytes``, the newest; ``journal`` says where: in ``memory`` spares an SD card a write for
    each request, and a request that comes again after a restart is then answered anew. Escalations
    are on disk in any case.
    """

    cloud_timeout_s: float = 30.0
    retry_s: float = 2.0
    longest_retry_s: float = 300.0
    in_flight: int = 8
    presence_wait_s: float = 0.5
    most_rows: int = 10_000
    most_bytes: int = 64 * 1024 * 1024
    when_full: Literal["last", "first"] = "last"
    retry_after_s: float = 30.0
    most_attempts: int = 50
    most_crashes: int = 3
    keep_answer_s: float = 600.0
    keep_rows: int = 10_000
    keep_bytes: int = 16 * 1024 * 1024
    journal: Literal["disk", "memory"] = "disk"

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, str) and not value > 0:
                raise ValueError(f"{name} must be more than 0")

    @property
    def writes_journal(self) -> bool:
        """Whether answers are kept on disk."""
        return self.journal == "disk"

    def backoff_s(self, attempts: int) -> float:
        """Return the pause after so many failed attempts: doubled each time, with jitter."""
        longest_s = min(self.longest_retry_s, self.retry_s * 2 ** min(attempts, 20))
        return float(longest_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret


def priority_of(request: Request) -> int:
    """Return ``options.priority``, 0 to 9 as in JMS; anything else counts as the middle."""
    wanted = request.options.get("priority")
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        return DEFAULT_PRIORITY
    return wanted if 0 <= wanted <= HIGHEST_PRIORITY else DEFAULT_PRIORITY
