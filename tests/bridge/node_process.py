"""Runs a node with the handler of the tests until SIGTERM: URL, name, outbox."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from tests.bridge.harness import FAST, Echo


def main(url: str, name: str, outbox: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    node = Node(
        BrokerSettings.parse(url, environ={}),
        Echo(),
        name=name,
        outbox=Path(outbox),
        options=NodeOptions(escalations=FAST),
    )
    node.start()
    signal.sigwait({signal.SIGTERM})
    node.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
