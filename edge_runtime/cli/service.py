"""What the long-running commands share: logging to stderr, and ending cleanly on a signal."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from edge_runtime.cli.supervision import supervised
from edge_runtime.errors import ConfigError

_SIGNALS = {signal.SIGINT, signal.SIGTERM}


class Service(Protocol):
    """Something that goes online and offline."""

    def start(self) -> None:
        """Go online, or keep trying."""

    def stop(self) -> None:
        """Go offline cleanly."""


class Together:
    """Several services as one: started in order, stopped in reverse, also when one fails."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services
        self._running: list[Service] = []

    def start(self) -> None:
        """Start one after the other."""
        try:
            for service in self._services:
                service.start()
                self._running.append(service)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop those that were started, the last one first."""
        while self._running:
            self._running.pop().stop()


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM in this and all threads that start within."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def run_until_signalled(
    service: Service, why_stuck: Callable[[], str | None] = lambda: None
) -> None:
    """Start, wait for SIGINT or SIGTERM, stop; call within ``signals_held``.

    A service manager gets signs of life until ``why_stuck`` returns a reason.
    """
    service.start()
    try:
        with supervised(why_stuck):
            signal.sigwait(_SIGNALS)
    finally:
        service.stop()


def log_to_stderr() -> None:
    """One line per event, at the level that ``EDGE_LOG`` names (default: info).

    Raises:
        ConfigError: no such level.
    """
    level = os.environ.get("EDGE_LOG", "info").upper()
    if level not in logging.getLevelNamesMapping():
        raise ConfigError(f"EDGE_LOG={level.lower()} is not one of debug, info, warning, error")
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(message)s")
