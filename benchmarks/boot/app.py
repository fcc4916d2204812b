"""An app on this machine that asks each question exactly once, and keeps what comes back.

It never asks again: what the node or the broker lose stays lost, and is seen.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

_CLIENT = "boot-test"
_FINAL = {"ok", "error"}


@dataclass
class Asked:
    """A request: ``taken`` when the broker had it, and every answer with the time it came."""

    task: str
    text: str
    taken: bool = False
    answers: list[dict[str, Any]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    @property
    def final(self) -> dict[str, Any] | None:
        """The first answer that is no promise of a later one."""
        return next((each for each in self.answers if each["status"] in _FINAL), None)


class App:
    """A client of one node on a broker at 127.0.0.1."""

    def __init__(self, port: int, node: str) -> None:
        self.asked: dict[str, Asked] = {}
        self.online = 0
        self._root = f"edge/v1/{node}"
        self._changed = threading.Condition()
        self._mids: dict[int, str] = {}
        self._mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=_CLIENT, protocol=mqtt.MQTTv5
        )
        self._mqtt.on_connect = self._connected
        self._mqtt.on_message = self._received
        self._mqtt.on_publish = self._published
        self._mqtt.connect("127.0.0.1", port)
        self._mqtt.loop_start()

    def stop(self) -> None:
        """Go offline."""
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def ask(self, task: str, text: str, **request: object) -> Asked:
        """Send a request; its answers are collected."""
        asked = Asked(task, text)
        with self._changed:
            identity = f"q{len(self.asked)}"
            self.asked[identity] = asked
            payload = json.dumps({"id": identity, "text": text, **request})
            topic = f"{self._root}/req/{task}/{_CLIENT}"
            self._mids[self._mqtt.publish(topic, payload, qos=1).mid] = identity
        return asked

    def wait_online(self, times: int, timeout_s: float) -> float:
        """Wait until the node has said so many times that it is online; return when it did.

        Raises:
            TimeoutError: it did not.
        """
        self._wait(lambda: self.online >= times, timeout_s, "the node does not come online")
        return time.monotonic()

    def wait_final(self, wanted: list[Asked], timeout_s: float) -> None:
        """Wait until all of these have a final answer.

        Raises:
            TimeoutError: some have none.
        """
        self._wait(lambda: all(each.final for each in wanted), timeout_s, "answers are missing")

    def _wait(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise TimeoutError(f"{what} within {timeout_s:.0f} s")

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(f"{self._root}/res/{_CLIENT}", 1), (f"{self._root}/status", 1)])

    def _published(self, _client: object, _data: object, mid: int, *_: object) -> None:
        with self._changed:
            if (identity := self._mids.pop(mid, None)) is not None:
                self.asked[identity].taken = True

    def _received(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            if message.topic.endswith("/status"):
                self.online += message.payload == b"online" and not message.retain
            else:
                answer = json.loads(message.payload)
                asked = self.asked[answer["id"]]
                asked.answers.append(answer)
                asked.at.append(time.monotonic())
            self._changed.notify_all()
