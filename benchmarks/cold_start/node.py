"""A running ``edge-run serve`` whose socket other ``edge-run`` find."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.broker import broker

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0


@contextlib.contextmanager
def serving(edge_run: Path, directory: Path) -> Iterator[dict[str, str]]:
    """Run a node on a broker of its own; yield the variables that lead a client to it.

    Raises:
        OSError: there is no broker, or the node does not open its socket.
    """
    socket = directory / "edge.sock"
    variables = {"EDGE_SOCKET": str(socket), "EDGE_STATE": str(directory / "state")}
    with broker() as running, (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(edge_run), "serve", "--node", "cold-start", "--broker", running.url,
             "--protocol", running.protocol],
            env={**os.environ, **variables},
            stdout=log,
            stderr=log,
        )  # fmt: skip
        try:
            _wait(process, socket, directory / "log")
            yield variables
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    give_up_at = time.monotonic() + _START_TIMEOUT_S
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > give_up_at:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise OSError(f"edge-run serve has no socket: {lines[-1] if lines else 'no output'}")
        time.sleep(0.05)
