"""``python -m benchmarks.load.alone MS CLIENTS REQUESTS``: the handler without bridge or broker.

Threads stand in line for it, first come, first served, as clients do for the one model of a node.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from queue import SimpleQueue

from benchmarks.load.node import Sleeping
from edge_runtime.messages import Request


def measure(infer_ms: float, clients: int, requests: int) -> list[float]:
    """Return the milliseconds of each request."""
    handler = Sleeping(infer_ms)
    line: SimpleQueue[tuple[SimpleQueue[None], float] | None] = SimpleQueue()
    total_ms: list[float] = []

    def serve() -> None:
        while (asked := line.get()) is not None:
            answered, begun = asked
            handler.begin(Request(text="turn on the light in the kitchen"))
            total_ms.append((time.perf_counter() - begun) * 1e3)
            answered.put(None)

    def ask() -> None:
        answered: SimpleQueue[None] = SimpleQueue()
        for _ in range(requests):
            line.put((answered, time.perf_counter()))
            answered.get()

    server = threading.Thread(target=serve)
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in (server, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    line.put(None)
    server.join()
    return total_ms


if __name__ == "__main__":
    json.dump(measure(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
