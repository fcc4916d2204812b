"""The endpoint as a process of its own, and its accounts."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit


@contextlib.contextmanager
def running_endpoint(seed: int) -> Iterator[str]:
    """Run it, and give its URL."""
    command = [sys.executable, "-m", "benchmarks.torture.endpoint", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe, by the argument above
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.communicate()


def calls(url: str) -> dict[str, Any]:
    """Return what the endpoint tells: how calls ended, and what was answered in full."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request("GET", "/calls")
        told: dict[str, Any] = json.load(connection.getresponse())
    finally:
        connection.close()
    return told
