"""An app that asks a node over MQTT 3.1.1 and keeps account of every answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, Request, decode, encode

_CLIENT = "cluster-app"
_RESEND_S = 15.0
_LOCAL, _ESCALATED = "turn on the kitchen light", "why is the sky blue number {number}"


@dataclass
class Asked:
    """A request and what came of it; times are in seconds of one clock, 0 for not yet."""

    payload: bytes
    sent: float
    resent: int = 0
    answered: float = 0.0
    answers: list[Answer] = field(default_factory=list)

    @property
    def finals(self) -> list[Answer]:
        """The answers that are not only a word that it takes longer."""
        return [each for each in self.answers if each.status != "queued"]


class LoadApp:
    """Sends at a steady rate; sends again, under the same id, what has no final answer in time."""

    def __init__(self, port: int, node: str) -> None:
        self._root = f"edge/v1/{node}"
        self._lock = threading.Lock()
        self.asked: dict[str, Asked] = {}
        self.online: set[str] = set()
        self._connection = Connection(
            BrokerSettings.parse(f"mqtt://127.0.0.1:{port}", protocol="3.1.1", environ={}),
            client_id=_CLIENT,
            on_message=self._received,
            subscriptions={
                f"{self._root}/res/{_CLIENT}": 1,
                f"{self._root}/status": 1,
                "edge/workers/+/status": 1,
            },
            session_expiry_s=3600,
        )

    def start(self) -> None:
        """Connect; raises UnavailableError."""
        self._connection.start(30.0)

    def stop(self) -> None:
        """Disconnect."""
        self._connection.stop()

    def await_online(self, number: int, timeout_s: float) -> None:
        """Wait until so many nodes and workers say that they are there; raises TimeoutError."""
        give_up_at = time.monotonic() + timeout_s
        while len(self.online) < number:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"only {sorted(self.online)} are online")
            time.sleep(0.05)

    def send(self, number: int) -> None:
        """Send a request; every second one is more than the device knows."""
        text = _LOCAL if number % 2 else _ESCALATED.format(number=number)
        request_id = f"request-{number}"
        payload = encode(Request(text=text, id=request_id))
        with self._lock:
            self.asked[request_id] = Asked(payload, time.monotonic())
        self._publish(payload)

    def resend(self) -> None:
        """Send again what waits for long; call it now and then."""
        now = time.monotonic()
        with self._lock:
            late = [
                each
                for each in self.asked.values()
                if not each.finals and now - each.sent > _RESEND_S * (each.resent + 1)
            ]
        for each in late:
            each.resent += 1
            self._publish(each.payload)

    def await_finals(self, timeout_s: float) -> None:
        """Wait until every request has a final answer, or for so long."""
        give_up_at = time.monotonic() + timeout_s
        while self.missing() and time.monotonic() < give_up_at:
            self.resend()
            time.sleep(0.2)

    def missing(self) -> int:
        """Return how many requests have no final answer."""
        with self._lock:
            return sum(not each.finals for each in self.asked.values())

    def counts(self) -> dict[str, int]:
        """Return what the app saw of each request."""
        with self._lock:
            asked = list(self.asked.values())
        finals = [each.finals for each in asked]
        answered = [each for each in finals if each]
        return {
            "requests": len(asked),
            "answered": len(answered),
            "missing": len(asked) - len(answered),
            "from_cloud": sum(each[0].source == "cloud" for each in answered),
            "errors": sum(each[0].error is not None for each in answered),
            "two_different": sum(
                any(other != each[0] for other in each) for each in finals if each
            ),
            "repeated": sum(len(each) - 1 for each in answered),
            "sent_again": sum(each.resent for each in asked),
        }

    def latency_ms(self) -> dict[str, float]:
        """Return quantiles of the time until the final answer."""
        with self._lock:
            took = [(a.answered - a.sent) * 1e3 for a in self.asked.values() if a.answered]
        p50, p95, most = np.percentile(took, [50, 95, 100])
        return {"p50": round(p50, 1), "p95": round(p95, 1), "max": round(most, 1)}

    def _publish(self, payload: bytes) -> None:
        topic = f"{self._root}/req/ask/{_CLIENT}"
        try:
            self._connection.publish(Message(topic=topic, payload=payload))
        except EdgeError as exc:
            print(f"not sent: {exc}")

    def _received(self, message: Message) -> None:
        self._connection.acknowledge(message)
        if message.topic.endswith("/status"):
            change = self.online.add if b"online" in message.payload else self.online.discard
            change(message.topic)
            return
        answer = decode(message.payload, Answer)
        with self._lock:
            asked = self.asked.get(answer.id)
            if asked is None:
                return
            asked.answers.append(answer)
            if answer.status != "queued" and not asked.answered:
                asked.answered = time.monotonic()
