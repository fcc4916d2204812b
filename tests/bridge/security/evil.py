"""A worker that answers with whatever it is told to, and an ear on every topic of the broker."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any, Self

import msgspec

from benchmarks.broker import Broker
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from tests.bridge.harness import DEADLINE_S, settings

COMMANDS = "home/commands"  # where the owner of a test's node has home commands

Forge = Callable[[str], bytes | Message]
"""Returns the payload of the reply to an escalation id, or a whole message."""


def reply(**fields: Any) -> Forge:
    """A reply with these fields, whatever they are."""
    return lambda escalation_id: msgspec.json.encode({"v": 1, "id": escalation_id, **fields})


class EvilWorker:
    """Answers each escalation with all forgeries in turn; ``heard`` is what every topic carried."""

    def __init__(self, broker: Broker, *forgeries: Forge) -> None:
        self.forgeries = list(forgeries)
        self.asked: list[dict[str, Any]] = []
        self.heard: list[Message] = []
        self._lock = threading.Lock()
        self._worker = Connection(
            settings(broker),
            client_id=f"evil-{secrets.token_hex(4)}",
            on_message=self._asked,
            subscriptions={"edge/v1/+/esc/req": 1},
        )
        self._ear = Connection(
            settings(broker),
            client_id=f"ear-{secrets.token_hex(4)}",
            on_message=self._heard,
            subscriptions={"#": 1},
        )

    def __enter__(self) -> Self:
        self._ear.start(DEADLINE_S)
        self._worker.start(DEADLINE_S)
        status = Message(
            topic="edge/workers/evil/status", payload=b'{"status":"online"}', retain=True
        )
        self._worker.publish(status)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._worker.publish(Message(topic="edge/workers/evil/status", retain=True))
        self._worker.stop()
        self._ear.stop()

    def topics(self) -> set[str]:
        """Return the topics of all messages that were no request and not of this worker."""
        with self._lock:
            return {
                message.topic
                for message in self.heard
                if "/req/" not in message.topic
                and not message.topic.endswith(("/esc/res", "/esc/part"))
                and not message.topic.startswith("edge/workers/evil/")
            }

    def commanded(self) -> list[str]:
        """Return which requests have led to a home command."""
        with self._lock:
            told = [message.payload for message in self.heard if message.topic == COMMANDS]
        return [msgspec.json.decode(payload)["id"] for payload in told]

    def _heard(self, message: Message) -> None:
        self._ear.acknowledge(message)
        with self._lock:
            self.heard.append(message)

    def _asked(self, message: Message) -> None:
        self._worker.acknowledge(message)
        asked = msgspec.json.decode(message.payload)
        self.asked.append(asked)
        for forge in self.forgeries:
            forged = forge(asked["id"])
            if isinstance(forged, bytes):
                topic = message.response_topic or ""
                forged = Message(topic=topic, payload=forged, correlation=message.correlation)
            self._worker.publish(forged)
