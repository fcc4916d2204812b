"""``serve --metrics``: what the node measures, for Prometheus."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import edge_runtime
from edge_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edge_runtime.metrics.server import MetricsServer


def open_metrics(address: str, node: str, tasks: Collection[str]) -> MetricsServer:
    """Return the service for an address ``[HOST]:PORT``; without a host it is 127.0.0.1.

    Raises:
        ConfigError: the address is wrong, or the extra ``metrics`` is not installed.
    """
    from edge_runtime.http.address import HttpSettings

    try:
        from edge_runtime.metrics.metrics import Metrics
        from edge_runtime.metrics.server import MetricsServer
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "the metrics are missing; run: pip install 'edge-runtime[metrics]'"
        ) from exc
    # nothing secret is in them: whoever names an address of the network means it
    where = HttpSettings.parse(address, allow_open=True)
    return MetricsServer(where.host, where.port, Metrics(node, edge_runtime.__version__, tasks))
