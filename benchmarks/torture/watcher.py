"""Whoever watches the node: counts its events, and asks how much it has dropped."""

from __future__ import annotations

import json
import threading
from collections import Counter

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message

_PATIENCE_S = 10.0


class Watcher:
    """Counts events by kind, and the drops that they tell of by reason.

    Its session outlasts the broker's end.
    """

    def __init__(self, url: str, node: str) -> None:
        self.events: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self._root = f"edge/v1/{node}"
        self._health: dict[str, int] = {}
        self._is_new = threading.Event()
        self._connection = Connection(
            BrokerSettings.parse(url, environ={}),
            client_id="torture-watcher",
            on_message=self._received,
            subscriptions={f"{self._root}/evt/+": 1, f"{self._root}/health": 0},
            session_expiry_s=3600,
        )

    def start(self) -> None:
        """Go online."""
        self._connection.start()

    def stop(self) -> None:
        """Go offline."""
        self._connection.stop()

    def counted(self) -> dict[str, int]:
        """Return how many queries the node has dropped, by reason, as its health says now.

        Raises:
            OSError: it says nothing.
        """
        self._is_new.clear()
        # every command is followed by a report
        self._connection.publish(Message(topic=f"{self._root}/cmd/flush"))
        if not self._is_new.wait(_PATIENCE_S):
            raise OSError("the node does not say how it is doing")
        return self._health

    def _received(self, message: Message) -> None:
        self._connection.acknowledge(message)
        kind = message.topic.rpartition("/")[2]
        if kind == "health":
            self._health = json.loads(message.payload)["dropped"]
            self._is_new.set()
            return
        self.events[kind] += 1
        if kind == "dropped":
            fields = json.loads(message.payload)
            self.told[fields["reason"]] += fields["count"]
