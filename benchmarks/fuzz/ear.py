"""Hears every topic of the broker, and knows what a node may publish where."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Self

import msgspec

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message

_ALLOWED = ("status", "info", "health", "policy/state", "esc/req", "esc/cancel")
_STEERING = ("edge/", "homeassistant/", "hermes/", "home/")


class _Named(msgspec.Struct):
    id: str = ""


class Ear:
    """Keeps the keys that were answered and where, and topics on which nobody should speak."""

    def __init__(self, url: str, node: str) -> None:
        self.escalation = "00" * 16
        self.offline = 0
        self.events: list[str] = []
        self._root = f"edge/v1/{node}"
        self._answered: dict[str, str] = {}
        self._spoken: set[str] = set()
        self._changed = threading.Condition()
        self._connection = Connection(
            BrokerSettings.parse(url, environ={}),
            client_id="fuzz-ear",
            on_message=self._heard,
            subscriptions={"#": 1},
        )

    def __enter__(self) -> Self:
        self._connection.start(30.0)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.stop()

    def publish(self, message: Message) -> None:
        """Say something, as no case."""
        self._connection.publish(message)

    def await_answers(self, keys: Collection[str], timeout_s: float) -> dict[str, str | None]:
        """Return the topic of the first answer to each key, None where there is none in time."""
        give_up_at = time.monotonic() + timeout_s
        with self._changed:
            self._changed.wait_for(
                lambda: all(key in self._answered for key in keys),
                max(0.0, give_up_at - time.monotonic()),
            )
            return {key: self._answered.pop(key, None) for key in keys}

    def await_event(self, kind: str, timeout_s: float) -> bool:
        """Return whether an event is heard in time."""
        with self._changed:
            return self._changed.wait_for(lambda: kind in self.events, timeout_s)

    def strays(self, sent: Collection[str], wanted: Collection[str]) -> set[str]:
        """Return the topics on which the node spoke where it should not have.

        ``sent`` are the topics of the fuzzer's own messages, ``wanted`` those that it named in
        them. On others a broken packet may have ended.
        """
        with self._changed:
            return {
                topic
                for topic in self._spoken
                if topic not in sent and (topic in wanted or topic.startswith(_STEERING))
            }

    def _heard(self, message: Message) -> None:
        self._connection.acknowledge(message)
        topic = message.topic
        rest = topic.removeprefix(f"{self._root}/")
        with self._changed:
            if rest.startswith("res/") or topic.startswith("edge/clients/"):
                self._note(message)
            elif rest.startswith("evt/"):
                self.events = [*self.events[-99:], rest.removeprefix("evt/")]
                self._changed.notify_all()
            elif rest == "esc/req" and message.correlation is not None:
                self.escalation = message.correlation.hex()
            elif rest == "status":
                self.offline += message.payload == b"offline"
            elif rest not in _ALLOWED and not self._is_of_others(topic):
                self._spoken.add(topic)

    def _note(self, message: Message) -> None:
        if message.topic.endswith("/part"):
            return
        if message.correlation is not None:
            key = message.correlation.decode(errors="replace")
        else:
            try:
                key = msgspec.json.decode(message.payload, type=_Named).id
            except msgspec.MsgspecError:
                return
        self._answered.setdefault(key, message.topic)
        self._changed.notify_all()

    def _is_of_others(self, topic: str) -> bool:
        """Whether it is of discovery, Hermes, or MQTT itself, as the node may speak there."""
        node = self._root.rpartition("/")[2]
        own = (f"homeassistant/device/{node}/config", f"{self._root}/req/ask/hermes")
        allowed = ("hermes/nlu/intent", "hermes/error/nlu", "hermes/intent/", "$SYS/")
        return topic in own or topic.startswith(allowed)
