"""``python -m benchmarks.cluster.worker_rate``: how many escalations one worker can carry.

With ``inspect`` the worker itself is the limit; with an endpoint that answers at once, the OpenAI
client is; with one that takes its time, calls at once divided by seconds a call are.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from benchmarks.broker import Broker, broker
from benchmarks.harness import report
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import Escalation, encode

_TOPICS = NodeTopics("rate")
_TIMEOUT_S = 120.0
_TEXT = "why is the sky blue at noon and red in the evening?"
_BUDGET = "[node.day]\nrequests = 1000000\n"
_STAT_UTIME = 11  # after the name of the program; the next one is stime


class Node:
    """Keeps so many escalations in flight, and counts the answers."""

    def __init__(self, at: Broker) -> None:
        self._changed = threading.Condition()
        self._answers = self.errors = 0
        self.workers = 0
        self._connection = Connection(
            BrokerSettings.parse(at.url, environ={}),
            client_id="edge-rate",
            on_message=self._received,
            subscriptions={_TOPICS.replies: 1, "edge/workers/+/status": 1},
        )

    def __enter__(self) -> Self:
        self._connection.start(30.0)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.stop()

    def await_worker(self) -> None:
        """Wait until one is online; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.workers, _TIMEOUT_S):
                raise TimeoutError("the worker is not online")

    def ask(self, number: int, in_flight: int) -> float:
        """Ask so often; return the seconds that it took. Raises TimeoutError."""
        started = time.perf_counter()
        before = self._answers
        for sent in range(number):
            self._await(before + sent - in_flight + 1)
            asked = Escalation(id=secrets.token_hex(16), text=_TEXT)
            self._connection.publish(Message(topic=_TOPICS.escalations, payload=encode(asked)))
        self._await(before + number)
        return time.perf_counter() - started

    def _await(self, answers: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._answers >= answers, _TIMEOUT_S):
                raise TimeoutError("no answer from the worker")

    def _received(self, message: Message) -> None:
        self._connection.acknowledge(message)
        with self._changed:
            if message.topic != _TOPICS.replies:
                self.workers += b'"online"' in message.payload
            else:
                self._answers += 1
                self.errors += b'"error":{' in message.payload
            self._changed.notify_all()


@contextlib.contextmanager
def endpoint(seconds: float) -> Iterator[str]:
    """Run an OpenAI-compatible endpoint that answers after so long; yield its URL."""
    message = {"role": "assistant", "content": "Rayleigh scattering."}
    body = json.dumps(
        {"id": "x", "object": "chat.completion", "created": 0, "model": "m",
         "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
         "usage": {"prompt_tokens": 99, "completion_tokens": 4, "total_tokens": 103}}
    ).encode()  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def measure(llm: str, concurrency: int, number: int, budget: str = "") -> dict[str, Any]:
    """Return rate and CPU of one worker process; ``budget`` is TOML.

    Raises:
        OSError: there is no broker; TimeoutError is one.
    """
    with broker() as at, tempfile.TemporaryDirectory() as state, Node(at) as node:
        command = [sys.executable, "-m", "edge_runtime.cli.cloud", "serve", "--broker", at.url,
                   "--llm", llm, "--model", "m", "--state", state,
                   "--concurrency", str(concurrency)]  # fmt: skip
        if budget:
            path = Path(state) / "budget.toml"
            path.write_text(budget)
            command += ["--budget", str(path)]
        environment = {**os.environ, "EDGE_CONFIG": os.devnull, "EDGE_LOG": "error"}
        process = subprocess.Popen(command, env=environment)
        try:
            node.await_worker()
            node.ask(concurrency * 2, concurrency)
            before = _cpu_s(process.pid)
            took_s = node.ask(number, concurrency * 2)
            cpu_s = _cpu_s(process.pid) - before
            rss_mb = _rss_mb(process.pid)
        finally:
            process.terminate()
            process.wait()
    return {
        "concurrency": concurrency,
        "escalations": number,
        "per_s": round(number / took_s, 1),
        "worker_cpu_ms": round(cpu_s * 1e3 / number, 3),
        "worker_rss_mb": round(rss_mb, 1),
        "errors": node.errors,
    }


def main() -> None:
    """Print a table and, as the last line, JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster.worker_rate")
    parser.add_argument("--escalations", type=int, default=2000)
    parser.add_argument("--out", type=Path, help="write table and results here")
    given = parser.parse_args()
    document = report.begin("worker_rate", ("edge-runtime", "openai", "paho-mqtt"))
    few = max(64, given.escalations // 10)
    cases: dict[str, dict[str, Any]] = {
        "inspect": measure("inspect", 8, given.escalations),
        "inspect, with budgets": measure("inspect", 8, few, _BUDGET),
    }
    with endpoint(0.0) as url:
        cases["endpoint, at once"] = measure(url, 8, given.escalations)
    for concurrency in (4, 16):
        with endpoint(0.5) as url:
            name = f"endpoint, 0.5 s, {concurrency} at once"
            cases[name] = measure(url, concurrency, few * concurrency // 16)
    document["load_average_after"] = os.getloadavg()
    document["cases"] = cases
    rows = [
        (name, f"{each['per_s']:g}", f"{each['worker_cpu_ms']:g}", f"{each['worker_rss_mb']:g}")
        for name, each in cases.items()
    ]
    header = ("One worker", "escalations/s", "CPU ms each", "RSS MB")
    report.publish(report.markdown(header, rows), document, given.out)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[_STAT_UTIME]) + int(fields[_STAT_UTIME + 1])
    return ticks / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
