"""The goals of the bridge under load, and its tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.report import markdown
from benchmarks.load.figures import Fairness, Goal, Latency, Memory, Throughput

_MOST_OVERHEAD_MS = 0.3
_LEAST_PER_S = 9000.0
_MOST_RATIO = 1.5  # of the medians of clients that ask alike
_MOST_FLOOD_RATIO = 2.5  # a client more is one in line more, and no backlog
_MOST_GROWTH_MB = 8.0


def goals_met(
    latencies: Sequence[Latency],
    throughputs: Sequence[Throughput],
    fairness: Fairness | None,
    memory: Memory | None,
) -> list[Goal]:
    """Return each goal that was measured, and whether it is met."""
    goals = [
        Goal(
            f"overhead at most {_MOST_OVERHEAD_MS} ms p50, {each.clients} clients, "
            f"{each.broker} broker",
            f"{each.overhead_ms:.2f} ms",
            each.overhead_ms <= _MOST_OVERHEAD_MS,
        )
        for each in latencies
    ]
    if throughputs:
        best = max(throughputs, key=lambda each: each.per_s)
        said = f"{best.per_s:.0f}/s, {best.clients} clients, journal in {best.journal}"
        goals.append(
            Goal(f"at least {_LEAST_PER_S:.0f} requests/s", said, best.per_s >= _LEAST_PER_S)
        )
    if fairness is not None:
        ratio = fairness.slowest_to_fastest
        flooded = fairness.beside_p95_ms / fairness.p95_ms
        goals += [
            Goal(f"clients' medians within {_MOST_RATIO}", f"{ratio}", ratio <= _MOST_RATIO),
            Goal(
                f"p95 beside a flood at most {_MOST_FLOOD_RATIO} times",
                f"{flooded:.2f}",
                flooded <= _MOST_FLOOD_RATIO,
            ),
        ]
    if memory is not None:
        growth_mb = memory.after_mb - memory.before_mb
        goals.append(
            Goal(
                f"at most {_MOST_GROWTH_MB:.0f} MiB more after {memory.requests} requests",
                f"{growth_mb:.1f} MiB",
                growth_mb <= _MOST_GROWTH_MB,
            )
        )
    return goals


def to_markdown(
    latencies: Sequence[Latency],
    throughputs: Sequence[Throughput],
    fairness: Fairness | None,
    memory: Memory | None,
    goals: Sequence[Goal],
) -> str:
    """Return the tables for people."""
    tables = []
    if latencies:
        header = ["Broker", "Clients", "p50 ms", "p95", "p99", "alone p50", "overhead",
                  "outside p50", "node CPU us"]  # fmt: skip
        rows = [
            [each.broker, f"{each.clients}", f"{each.p50_ms:.2f}", f"{each.p95_ms:.2f}",
             f"{each.p99_ms:.2f}", f"{each.alone_p50_ms:.2f}", f"{each.overhead_ms:.2f}",
             f"{each.outside_p50_ms:.2f}", f"{each.node_cpu_us:.0f}"]
            for each in latencies
        ]  # fmt: skip
        tables.append(markdown(header, rows))
    if throughputs:
        header = ["Journal", "Clients", "requests/s", "best", "node CPU us", "broker", "clients"]
        rows = [
            [each.journal, f"{each.clients}", f"{each.per_s:.0f}", f"{each.best_per_s:.0f}",
             f"{each.node_cpu_us:.0f}", f"{each.broker_cpu_us:.0f}", f"{each.clients_cpu_us:.0f}"]
            for each in throughputs
        ]  # fmt: skip
        tables.append(markdown(header, rows))
    if fairness is not None:
        header = ["50 clients", "p95 ms", "slowest to fastest", "flood's p50", "refused"]
        tables.append(
            markdown(
                header,
                [
                    ["alone", f"{fairness.p95_ms:.1f}", f"{fairness.slowest_to_fastest:.2f}", "",
                     ""],
                    ["beside a flood of 500", f"{fairness.beside_p95_ms:.1f}", "",
                     f"{fairness.beside_flood_p50_ms:.1f}", f"{fairness.refused}"],
                ],
            )
        )  # fmt: skip
    if memory is not None:
        row = [f"{memory.requests}", f"{memory.before_mb}", f"{memory.after_mb}"]
        tables.append(markdown(["Requests", "RSS before, MiB", "after"], [row]))
    rows = [[each.wanted, "met" if each.is_met else "MISSED", each.measured] for each in goals]
    tables.append(markdown(["Goal", "", "Measured"], rows, text_columns=2))
    return "\n\n".join(tables)
