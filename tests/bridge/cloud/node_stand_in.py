"""A node as workers see it, and a model that waits."""

from __future__ import annotations

import json
import secrets
import threading

import msgspec

from benchmarks.broker import Broker
from edge_runtime.bridge.protocol.cancels import cancel_message
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.messages import Escalation, Reply
from tests.bridge.harness import DEADLINE_S, App


def escalation(text: str = "why?") -> Escalation:
    return Escalation(id=secrets.token_hex(16), text=text)


class Holding:
    """A model that writes when it may."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, asked: Escalation) -> Reply:
        self.go.wait(DEADLINE_S)
        return Reply(id=asked.id, text="done")


class NodeStandIn(App):
    """Sees what a node sees of the workers."""

    def __init__(self, at: Broker, node: str = "n") -> None:
        root = f"edge/v1/{node}"
        super().__init__(
            at, node, topics=(f"{root}/esc/res", f"{root}/esc/part", "edge/workers/+/status")
        )

    def escalate(
        self, payload: bytes, correlation: bytes | None = None, expiry_s: int | None = None
    ) -> None:
        self.connection.publish(
            Message(
                topic=f"{self.root}/esc/req",
                payload=payload,
                correlation=correlation,
                expiry_s=expiry_s,
            )
        )

    def cancel(self, escalation_id: str) -> None:
        self.connection.publish(cancel_message(NodeTopics(self.root.split("/")[2]), escalation_id))

    def replies(self, number: int = 1) -> list[Reply]:
        got = self.wait(lambda m: m.topic.endswith("/esc/res"), number)
        return [msgspec.json.decode(message.payload, type=Reply) for message in got]

    def status(self, status: str) -> dict[str, object]:
        def fits(message: Message) -> bool:
            return (
                message.topic.startswith("edge/workers/")
                and json.loads(message.payload)["status"] == status
            )

        fields: dict[str, object] = json.loads(self.wait(fits)[-1].payload)
        return fields
