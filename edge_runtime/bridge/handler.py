"""What the node needs from an assistant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from edge_runtime.assistant.pending import Pending
from edge_runtime.messages import Answer, Reply, Request


class Handler(Protocol):
    """Answers requests; ``edge_runtime.assistant.pipeline.Assistant`` is the one on a device.

    ``expect``, ``begin`` and ``finish`` are called from one thread, never at the same time.
    """

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that can be asked for."""

    def expect(self, requests: Sequence[Request]) -> None:
        """Take note that these are begun next, in this order; what they share may be done once."""

    def begin(self, request: Request) -> Answer | Pending:
        """Answer on the device, or say what has to be asked; raises EdgeError."""

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Return the final answer, given what the large model said; raises EdgeError."""

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what happened since the last call: kind and content, without anybody's text."""

    def info(self) -> dict[str, Any]:
        """Return what the node says about itself."""
