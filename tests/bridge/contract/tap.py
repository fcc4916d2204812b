"""A listener on a broker, for all that nodes send but what is for workers.

To that it would be a subscriber, and the broker would no longer tell a node that no worker is
there.
"""

from __future__ import annotations

import secrets
import threading

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from benchmarks.broker import Broker
from edge_runtime.bridge.protocol.message import Message

_PATIENCE_S = 5.0
_MOST = 20_000  # a test under load is judged by its beginning
_NODE = ("status", "info", "health", "req/#", "res/#", "evt/#", "policy/state")
_FILTERS = (
    *(f"edge/v1/+/{each}" for each in _NODE),
    *("edge/clients/#", "homeassistant/#", "hermes/#"),
)


class Tap:
    """One listener; ``heard`` is what came since it was last emptied.

    Raises:
        OSError: the broker does not let it in.
    """

    def __init__(self, broker: Broker) -> None:
        self.heard: list[Message] = []
        self.is_v5 = broker.protocol == "5"
        self._changed = threading.Condition()
        self._marks: set[str] = set()
        self._is_in = threading.Event()
        self._mark = f"wire/{secrets.token_hex(4)}"
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5 if self.is_v5 else paho.MQTTv311
        )
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._is_in.set()
        self._client.on_message = self._received
        properties = None
        if self.is_v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = 65_535
        self._client.connect(broker.host, broker.port, properties=properties)
        self._client.loop_start()
        if not self._is_in.wait(_PATIENCE_S):
            self.close()
            raise OSError("the broker does not let the listener in")

    def catch_up(self) -> None:
        """Return once everything has come that was published before."""
        mark = secrets.token_hex(8)
        self._client.publish(self._mark, mark)
        with self._changed:
            self._changed.wait_for(lambda: mark in self._marks, _PATIENCE_S)

    def close(self) -> None:
        """End it."""
        self._client.disconnect()
        self._client.loop_stop()
        # paho closes its wake-up pipe only when it is collected
        self._client._reset_sockets()  # noqa: SLF001

    def _connected(self, client: paho.Client, *_: object) -> None:
        if self.is_v5:
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            client.subscribe([(each, options) for each in (*_FILTERS, self._mark)])
        else:
            client.subscribe([(each, 1) for each in (*_FILTERS, self._mark)])

    def _received(self, _client: paho.Client, _: object, received: paho.MQTTMessage) -> None:
        if received.topic == self._mark:
            with self._changed:
                self._marks.add(received.payload.decode())
                self._changed.notify_all()
        elif len(self.heard) < _MOST:
            properties = received.properties
            self.heard.append(
                Message(
                    topic=received.topic,
                    payload=bytes(received.payload),
                    qos=0 if received.qos == 0 else 1,
                    retain=received.retain,
                    correlation=getattr(properties, "CorrelationData", None),
                    content_type=getattr(properties, "ContentType", None),
                    properties=tuple(getattr(properties, "UserProperty", ())),
                )
            )
