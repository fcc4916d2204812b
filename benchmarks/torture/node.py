"""``python -m benchmarks.torture.node URL NAME OUTBOX``: a node with a quick handler."""

from __future__ import annotations

import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.torture.questions import number_in, said
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.node.node import Node
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.cli.service import log_to_stderr
from edge_runtime.messages import Answer, Escalation, Reply, Request
from edge_runtime.tasks.text_output import Limits

_DEADLINE_MS = 3_600_000
_OPTIONS = EscalationOptions(
    cloud_timeout_s=4.0, retry_s=0.2, longest_retry_s=2.0, in_flight=16, presence_wait_s=0.3
)


class Quick:
    """Answers ``say`` itself, and escalates ``why``."""

    tasks = ("ask",)

    def expect(self, requests: Sequence[Request]) -> None:
        """Take no note."""

    def begin(self, request: Request) -> Answer | Pending:
        """Answer, or ask."""
        number = number_in(request.text)
        answer = Answer(
            id=request.id,
            task=request.task,
            result={"text": said(-1 if number is None else number)},
            confidence=0.9,
            model="quick",
        )
        if not request.text.startswith("why"):
            return answer
        escalation = Escalation(
            id=secrets.token_hex(16),
            text=request.text,
            stream=bool(request.options.get("stream")),
        )
        deadline_ms = request.policy.deadline_ms or _DEADLINE_MS
        return Pending(
            escalation=escalation, guess=answer, when_offline="queue", deadline_ms=deadline_ms
        )

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer | Pending]:
        """Yield the answer, or what has to be asked."""
        del limits
        yield self.begin(request)

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Return what the large model said."""
        return msgspec.structs.replace(
            pending.guess, source="cloud", result={"text": reply.text}, model=reply.model
        )

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return nothing."""
        return []

    def info(self) -> dict[str, Any]:
        """Return nothing."""
        return {"bundles": []}


def main(url: str, name: str, outbox: str) -> None:
    """Run until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    log_to_stderr()
    node = Node(
        BrokerSettings.parse(url, environ={}),
        Quick(),
        name=name,
        outbox=Path(outbox),
        options=NodeOptions(escalations=_OPTIONS),
    )
    node.start()
    signal.sigwait({signal.SIGTERM})
    node.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
