"""What the node needs from an assistant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from edge_runtime.assistant.pending import Pending
from edge_runtime.messages import Answer, Reply, Request

if TYPE_CHECKING:
    from edge_runtime.tasks.text_output import Limits


class Handler(Protocol):
    """Answers requests; ``edge_runtime.assistant.pipeline.Assistant`` is the one on a device.

    ``expect``, ``stream`` and ``finish`` are called from one thread, never at the same time.
    """

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that can be asked for."""

    def expect(self, requests: Sequence[Request]) -> None:
        """Take note that these are begun next; what they share may be done once."""

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer | Pending]:
        """Yield the text as it is written, and at the end the answer, or what has to be asked.

        What is not written comes as a whole. ``limits`` end the writing early. Raises EdgeError.
        """

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Return the final answer, given what the large model said; raises EdgeError."""

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what happened since the last call: kind and content, without anybody's text."""

    def info(self) -> dict[str, Any]:
        """Return what the node says about itself."""
