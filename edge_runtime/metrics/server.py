"""The metrics as a service that Prometheus scrapes."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from edge_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edge_runtime.metrics.metrics import Metrics

_log = logging.getLogger(__name__)


class MetricsServer:
    """Answers ``GET /metrics`` on an address; port 0 is any free one."""

    def __init__(self, host: str, port: int, metrics: Metrics) -> None:
        self._host, self._port = host, port
        self.metrics = metrics
        self._running: tuple[WSGIServer, threading.Thread] | None = None

    @property
    def url(self) -> str:
        """Where it is found; with the real port once it has started."""
        port = self._port if self._running is None else self._running[0].server_port
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{port}/metrics"

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address cannot be used.
        """
        from prometheus_client import start_http_server  # noqa: PLC0415 - an extra

        try:
            self._running = start_http_server(
                self._port, self._host, registry=self.metrics.registry
            )
        except OSError as exc:
            raise ConfigError(
                f"the metrics address {self._host}:{self._port} cannot be used: {exc.strerror}; "
                "choose another --metrics"
            ) from exc
        _log.info("metrics at %s", self.url)

    def stop(self) -> None:
        """Stop listening."""
        if self._running is not None:
            server, thread = self._running
            server.shutdown()
            server.server_close()
            thread.join()
            self._running = None
