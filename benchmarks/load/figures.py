"""What is measured, and what is wanted of it."""

from __future__ import annotations

import msgspec


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from a request to its answer, beside those of the handler alone.

    ``outside_p50_ms`` is the median of what is neither waiting for the model nor computing, as the
    node says of each answer; ``node_cpu_us`` the CPU microseconds of the node per request.
    """

    clients: int
    broker: str
    p50_ms: float
    p95_ms: float
    p99_ms: float
    alone_p50_ms: float
    outside_p50_ms: float
    node_cpu_us: float

    @property
    def overhead_ms(self) -> float:
        """What the bridge adds, in the median.

        For one client, how much longer it takes than the handler alone. Several wait for one
        another, so that each request's share would count as often as there are clients: there it is
        what is outside of waiting and computing.
        """
        return self.p50_ms - self.alone_p50_ms if self.clients == 1 else self.outside_p50_ms


class Throughput(msgspec.Struct, frozen=True):
    """Requests per second with a handler that does nothing: median and best of the rounds."""

    clients: int
    journal: str
    per_s: float
    best_per_s: float
    node_cpu_us: float
    broker_cpu_us: float
    clients_cpu_us: float


class Fairness(msgspec.Struct, frozen=True):
    """How clients fare that ask one thing at a time.

    ``slowest_to_fastest`` is the ratio of their medians; ``beside_p95_ms`` is theirs while another
    one has asked very many things at once, ``beside_flood_p50_ms`` that one's.
    """

    slowest_to_fastest: float
    p95_ms: float
    beside_p95_ms: float
    beside_flood_p50_ms: float
    refused: int


class Memory(msgspec.Struct, frozen=True):
    """Resident MiB of the node before and after so many requests."""

    requests: int
    before_mb: float
    after_mb: float


class Goal(msgspec.Struct, frozen=True):
    """What is wanted, what was measured, and whether that is enough."""

    wanted: str
    measured: str
    is_met: bool
