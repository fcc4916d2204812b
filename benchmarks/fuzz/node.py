"""``python -m benchmarks.fuzz.node URL NAME DIRECTORY``: a node with all that can be steered.

Its handler is plain, so that messages count and not models: it asks a worker for "why", refuses
"refuse", and streams what begins with "write".
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.node.control import Steering
from edge_runtime.bridge.node.discovery import Discovery
from edge_runtime.bridge.node.hermes import Hermes
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.protocol.home_assistant import Device
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Answer, Escalation, Reply, Request
from edge_runtime.settings import load_settings
from edge_runtime.tasks.text_output import Limits

_SHOWN = 1000


class Plain:
    """Answers with the beginning of the text."""

    tasks = ("ask", "write", "classify")

    def expect(self, requests: Sequence[Request]) -> None:
        """Take no note."""

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer | Pending]:
        """Answer, stream, ask or refuse, as the text says."""
        text = request.text[:_SHOWN]
        if "refuse" in text:
            raise BadRequestError("refused by the handler")
        answer = Answer(id=request.id, task=request.task, result={"text": text}, confidence=0.5)
        if text.startswith("write"):
            for word in text.split():
                if not limits.interrupted():
                    yield word
        if "why" not in text:
            yield answer
            return
        policy = request.policy
        yield Pending(
            escalation=Escalation(id=secrets.token_hex(16), text=text),
            guess=answer,
            placeholders={},
            when_offline=policy.when_offline or "queue",
            deadline_ms=policy.deadline_ms or 60_000,
        )

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Take what the worker said."""
        return msgspec.structs.replace(
            pending.guess, source="cloud", result={"text": reply.text}, model=reply.model
        )

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return nothing."""
        return []

    def info(self) -> dict[str, Any]:
        """Return that there is no bundle."""
        return {"bundles": []}


def main(url: str, name: str, directory: str) -> None:
    """Run until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s %(message)s")
    settings = load_settings({"EDGE_CONFIG": os.devnull}, state=directory)
    policies = settings.policy_desk(lambda: settings)
    topics = NodeTopics(name)
    node = Node(
        BrokerSettings.parse(url, environ={}),
        Plain(),
        name=name,
        outbox=Path(directory) / "outbox.db",
        options=NodeOptions(
            escalations=EscalationOptions(cloud_timeout_s=5.0, keep_rows=2000, most_rows=2000)
        ),
        companions=[Discovery(topics, Device("0")), Hermes(topics)],
        steering=Steering(policies),
    )
    node.start(30.0)
    signal.sigwait({signal.SIGTERM})
    node.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
