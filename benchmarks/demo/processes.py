"""The node and the worker as processes of their own, started by the commands a user types."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.broker import Broker

_STOP_TIMEOUT_S = 10.0


@contextlib.contextmanager
def node_process(broker: Broker, name: str, state: Path) -> Iterator[None]:
    """Run ``edge-run serve``."""
    command = ["edge_runtime.cli.app", "serve", "--node", name]
    with _process(command, broker, {"EDGE_STATE": str(state)}):
        yield


@contextlib.contextmanager
def worker_process(broker: Broker, name: str, llm: str) -> Iterator[None]:
    """Run ``edge-cloud serve``."""
    command = ["edge_runtime.cli.cloud", "serve", "--id", name, "--llm", llm]
    with _process(command, broker, {}):
        yield


@contextlib.contextmanager
def _process(command: list[str], broker: Broker, environment: dict[str, str]) -> Iterator[None]:
    options = ["--broker", broker.url, "--protocol", broker.protocol]
    process = subprocess.Popen(
        [sys.executable, "-m", *command, *options],
        env={"EDGE_LOG": "warning", **os.environ, **environment},
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
