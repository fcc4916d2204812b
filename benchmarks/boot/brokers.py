"""A mosquitto on the port that stands in an image."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.broker import Broker


@contextlib.contextmanager
def fixed_broker(work: Path, port: int) -> Iterator[Broker]:
    """Run it, with no limit to what it keeps for a node whose power is off.

    Raises:
        OSError: it is not installed, or the port is taken.
    """
    directory = work / "broker"
    directory.mkdir()
    running = Broker("mosquitto", directory, persistence=True, config_extra="max_queued_messages 0")
    running.port = port
    running.start()
    try:
        yield running
    finally:
        running.stop()
