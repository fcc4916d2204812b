"""``python -m benchmarks.load``: what the bridge costs; exit status 1 if a goal is missed.

The table and, as the last line of stdout, a JSON document with every figure and what it depends on;
progress on stderr. Clients, broker and node share this machine: CPU per request is what other
machines can be judged by.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.harness import machine
from benchmarks.harness.report import begin, publish
from benchmarks.load.figures import Fairness, Latency, Memory, Throughput
from benchmarks.load.processes import Load, alone_ms, bench
from benchmarks.load.results import goals_met, to_markdown

_PACKAGES = ("edge-runtime", "msgspec", "paho-mqtt")
_CLIENTS = (1, 10, 50)
_INFER_MS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("load", _PACKAGES)
    parts = set(options.parts)
    latencies = (
        [
            latency
            for tuned in (True, False)
            for clients in _CLIENTS
            for latency in _latency(clients, options.requests, tuned=tuned, rounds=options.rounds)
        ]
        if "latency" in parts
        else []
    )
    throughputs = (
        [
            _throughput(clients, options.requests * 10, journal, rounds=options.rounds)
            for journal in options.journals
            for clients in _CLIENTS
        ]
        if "throughput" in parts
        else []
    )
    fairness = _fairness() if "fairness" in parts else None
    memory = _memory(options.memory_requests) if "memory" in parts else None
    goals = goals_met(latencies, throughputs, fairness, memory)
    document |= {
        "load_average_after": machine.load_average(),
        "infer_ms": _INFER_MS,
        "latency": msgspec.to_builtins(latencies),
        "throughput": msgspec.to_builtins(throughputs),
        "fairness": msgspec.to_builtins(fairness),
        "memory": msgspec.to_builtins(memory),
        "goals": msgspec.to_builtins(goals),
    }
    publish(to_markdown(latencies, throughputs, fairness, memory, goals), document, options.out)
    return 1 if any(each.is_met is False for each in goals) else 0


def _latency(clients: int, requests: int, *, tuned: bool, rounds: int) -> list[Latency]:
    """Measure alternately with the handler alone, and return one latency of all rounds."""
    total: list[float] = []
    model: list[float] = []
    alone: list[float] = []
    node_s, each = 0.0, max(20, requests // clients)
    with bench(infer_ms=_INFER_MS, tuned=tuned) as running:
        running.load(clients=clients, requests=5)
        for _ in range(rounds):
            alone += alone_ms(_INFER_MS, clients, each)
            load, used = running.load(clients=clients, requests=each)
            total += _all(load, "total_ms")
            model += _all(load, "model_ms")
            node_s += used.node_s
    _say(f"latency, {clients} clients, {'tuned' if tuned else 'default'} broker")
    through, without = np.asarray(total), np.asarray(alone)
    return [
        Latency(
            clients=clients,
            broker="tuned" if tuned else "default",
            p50_ms=_percentile(through, 50),
            p95_ms=_percentile(through, 95),
            p99_ms=_percentile(through, 99),
            alone_p50_ms=_percentile(without, 50),
            outside_p50_ms=_percentile(through - np.asarray(model), 50),
            node_cpu_us=round(node_s / len(total) * 1e6, 1),
        )
    ]


def _throughput(clients: int, requests: int, journal: str, *, rounds: int) -> Throughput:
    found = []
    with bench(journal=journal) as running:
        running.load(clients=clients, requests=100)
        for _ in range(rounds):
            load, used = running.load(clients=clients, requests=max(1, requests // clients))
            found.append((load.answered / load.seconds, load, used))
    _say(f"throughput, {clients} clients, journal {journal}")
    answered = sum(load.answered for _, load, _ in found)
    return Throughput(
        clients=clients,
        journal=journal,
        per_s=round(float(np.median([rate for rate, _, _ in found])), 1),
        best_per_s=round(max(rate for rate, _, _ in found), 1),
        node_cpu_us=round(sum(used.node_s for _, _, used in found) / answered * 1e6, 1),
        broker_cpu_us=round(sum(used.broker_s for _, _, used in found) / answered * 1e6, 1),
        clients_cpu_us=round(sum(load.cpu_s for _, load, _ in found) / answered * 1e6, 1),
    )


def _fairness() -> Fairness:
    """Return how 50 clients fare alone, and beside one that has asked 500 things at once."""
    with bench(infer_ms=_INFER_MS) as running:
        alone, _ = running.load(clients=50, requests=10)
        beside, _ = running.load(clients=50, requests=10, flood=500)
    _say("fairness")
    medians = [float(np.median(each.total_ms)) for each in alone.clients]
    flood, *others = beside.clients
    return Fairness(
        slowest_to_fastest=round(max(medians) / min(medians), 2),
        p95_ms=_percentile(np.asarray(_all(alone, "total_ms")), 95),
        beside_p95_ms=_percentile(np.concatenate([each.total_ms for each in others]), 95),
        beside_flood_p50_ms=_percentile(np.asarray(flood.total_ms), 50),
        refused=sum(each.refused for each in beside.clients),
    )


def _memory(requests: int) -> Memory:
    with bench() as running:
        running.load(clients=10, requests=2000)
        _, used = running.load(clients=10, requests=requests // 10)
    _say("memory")
    return Memory(requests, round(used.rss_before_mb, 1), round(used.rss_after_mb, 1))


def _all(load: Load, name: str) -> list[float]:
    return [value for client in load.clients for value in getattr(client, name)]


def _percentile(values: np.ndarray, percent: float) -> float:
    return round(float(np.percentile(values, percent)), 3)


def _say(what: str) -> None:
    print(f"measured: {what}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="of all clients in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--journals", nargs="+", choices=("disk", "memory"), default=("disk", "memory")
    )
    parser.add_argument("--memory-requests", type=int, default=100_000)
    parser.add_argument(
        "--parts", nargs="+", choices=("latency", "throughput", "fairness", "memory"),
        default=("latency", "throughput", "fairness", "memory"),
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="directory for table.md and results.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
