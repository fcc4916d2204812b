"""The processes of one run, and what each of them used."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.broker import Broker, broker

_STOP_TIMEOUT_S = 30.0
_RUN_TIMEOUT_S = 600.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# what mosquitto does when nobody has configured it
_DEFAULT = "set_tcp_nodelay false"


class Seen(msgspec.Struct, frozen=True):
    """What one client saw.

    Milliseconds of each request, and of those how many the node says that it waited for the model
    and computed; how many were refused; when its last answer came.
    """

    name: str
    total_ms: list[float]
    model_ms: list[float]
    refused: int
    ended_s: float


class Load(msgspec.Struct, frozen=True):
    """What all clients saw, the seconds it took, and the CPU seconds of the clients' process."""

    seconds: float
    cpu_s: float
    clients: list[Seen]

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return sum(len(each.total_ms) for each in self.clients)


@dataclass(frozen=True)
class Used:
    """CPU seconds of node and broker, and resident MiB of the node before and after."""

    node_s: float
    broker_s: float
    rss_before_mb: float
    rss_after_mb: float


class Bench:
    """A broker and a node that clients can be let loose on."""

    def __init__(self, running: Broker, node: subprocess.Popen[str], name: str) -> None:
        self._broker = running
        self._node = node
        self._name = name

    def load(
        self, *, clients: int, requests: int, window: int = 1, flood: int = 0
    ) -> tuple[Load, Used]:
        """Let clients ask, each so many requests, and return what was seen and used."""
        command = [
            sys.executable, "-m", "benchmarks.load.clients", "--port", str(self._broker.port),
            "--node", self._name, "--clients", str(clients), "--requests", str(requests),
            "--window", str(window), "--flood", str(flood),
        ]  # fmt: skip
        before = self._cpu_s(), self._broker_cpu_s(), self.rss_mb()
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, timeout=_RUN_TIMEOUT_S
        )
        used = Used(
            self._cpu_s() - before[0], self._broker_cpu_s() - before[1], before[2], self.rss_mb()
        )
        return msgspec.json.decode(done.stdout, type=Load), used

    def rss_mb(self) -> float:
        """Return the node's resident memory."""
        pages = int(Path(f"/proc/{self._node.pid}/statm").read_text().split()[1])
        return pages * _PAGE_BYTES / 2**20

    def _cpu_s(self) -> float:
        return cpu_s(self._node.pid)

    def _broker_cpu_s(self) -> float:
        return 0.0 if self._broker.pid is None else cpu_s(self._broker.pid)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


@contextlib.contextmanager
def bench(*, infer_ms: float = 0.0, tuned: bool = True, journal: str = "disk") -> Iterator[Bench]:
    """Run mosquitto, tuned or as it comes, and a node whose handler takes so long."""
    name = f"load-{uuid.uuid4().hex[:8]}"
    with (
        tempfile.TemporaryDirectory(prefix="edge-load-") as directory,
        broker(config_extra="" if tuned else _DEFAULT) as running,
    ):
        command = [
            sys.executable, "-m", "benchmarks.load.node", running.url, name,
            str(Path(directory) / "outbox.db"), str(infer_ms), journal,
        ]  # fmt: skip
        node = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "EDGE_LOG": "error"}
        )
        try:
            assert node.stdout is not None  # noqa: S101 - a pipe, by the argument above
            if node.stdout.readline() != "ready\n":
                raise OSError("the node does not start")
            yield Bench(running, node, name)
        finally:
            node.terminate()
            try:
                node.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                node.kill()
                node.wait()
            if node.stdout is not None:
                node.stdout.close()


def alone_ms(infer_ms: float, clients: int, requests: int) -> list[float]:
    """Return the milliseconds of each request when as many threads share the handler directly."""
    command = [
        sys.executable, "-m", "benchmarks.load.alone", str(infer_ms), str(clients), str(requests),
    ]  # fmt: skip
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=_RUN_TIMEOUT_S
    )
    found: list[float] = json.loads(done.stdout)
    return found
