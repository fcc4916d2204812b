"""``python -m benchmarks.cluster``: exit status 0 only if no request was lost."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cluster.balancer import balanced
from benchmarks.cluster.load import LoadApp
from benchmarks.cluster.rabbitmq import RabbitNode, rabbit_cluster
from benchmarks.harness import report
from edge_runtime.errors import EdgeError

_NODE = "cluster"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_FINAL_TIMEOUT_S = 120.0
_REPOSITORY = Path(__file__).parents[2]


def main() -> int:
    """Run the cluster under load; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument(
        "--no-mirrors", action="store_true", help="show what is lost without mirrored queues"
    )
    parser.add_argument("--out", type=Path, help="write table and results here")
    given = parser.parse_args()
    document = report.begin("cluster", ("edge-runtime", "paho-mqtt", "onnxruntime"))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edge-cluster-") as name:
        directory = Path(name)
        try:
            with rabbit_cluster(directory, is_mirrored=not given.no_mirrors) as nodes:
                document["cluster_start_s"] = round(time.monotonic() - started, 1)
                document |= _run(nodes, directory, given.requests, given.rate)
        except (OSError, EdgeError) as exc:
            print(f"error: {exc}", file=sys.stderr)
            return 1
    document["mirrored_sessions"] = not given.no_mirrors
    document["duration_s"] = round(time.monotonic() - started, 1)
    report.publish(_table(document), document, given.out)
    return 1 if document["missing"] or document["two_different"] else 0


def _run(nodes: list[RabbitNode], directory: Path, number: int, rate: float) -> dict[str, Any]:
    with balanced([each.port for each in nodes]) as port, contextlib.ExitStack() as stack:
        # in turn: app, edge node and worker are on one RabbitMQ node each. The app comes first, as
        # what is retained stays on the RabbitMQ node that it was sent to.
        app = LoadApp(port, _NODE)
        app.start()
        stack.callback(app.stop)
        stack.enter_context(_edge("app", port, directory, "serve", "--node", _NODE))
        app.await_online(1, _START_TIMEOUT_S)
        worker = ("serve", "--id", "w", "--llm", "inspect", "--announce-s", "2",
                  "--concurrency", "16")  # fmt: skip
        stack.enter_context(_edge("cloud", port, directory, *worker))
        app.await_online(2, _START_TIMEOUT_S)
        hosting_the_edge_node = nodes[1]
        begun = time.monotonic()
        for each in range(number):
            if each == number // 3:
                before = app.latency_ms()
                hosting_the_edge_node.kill()
            app.send(each)
            app.resend()
            time.sleep(max(0.0, begun + (each + 1) / rate - time.monotonic()))
        app.await_finals(_FINAL_TIMEOUT_S)
        return {
            "broker": "RabbitMQ 3.10 (Debian 12), MQTT 3.1.1",
            "broker_nodes": len(nodes),
            "killed": hosting_the_edge_node.name,
            "killed_at_request": number // 3,
            "requests_per_s": rate,
            **app.counts(),
            "latency_before_the_kill_ms": before,
            "latency_ms": app.latency_ms(),
        }


@contextlib.contextmanager
def _edge(command: str, port: int, directory: Path, *arguments: str) -> Iterator[None]:
    """Run ``edge-run`` (app) or ``edge-cloud`` (cloud) through the balancer."""
    broker = ("--broker", f"mqtt://127.0.0.1:{port}", "--protocol", "3.1.1")
    environment = {
        "EDGE_STATE": str(directory / "state"),
        "EDGE_CONFIG": os.devnull,
        "EDGE_SOCKET": "off",
        "EDGE_LOG": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", f"edge_runtime.cli.{command}", *arguments, *broker],
        cwd=_REPOSITORY,
        env={**os.environ, **environment},
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _table(document: dict[str, Any]) -> str:
    names = ("requests", "answered", "missing", "two_different", "from_cloud", "errors",
             "repeated", "sent_again")  # fmt: skip
    rows = [(name.replace("_", " "), str(document[name])) for name in names]
    for name in ("latency_before_the_kill_ms", "latency_ms"):
        found = document[name]
        rows.append((name.replace("_", " "), f"{found['p50']} / {found['p95']} / {found['max']}"))
    return report.markdown(["One of three RabbitMQ nodes killed under load", ""], rows)


if __name__ == "__main__":
    sys.exit(main())
