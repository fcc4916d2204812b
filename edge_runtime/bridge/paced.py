"""A handler that works as fast as the board stands it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edge_runtime.assistant.governing.pacer import Pacer
from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.handler import Handler
from edge_runtime.messages import Answer, Reply, Request

if TYPE_CHECKING:
    from edge_runtime.tasks.text_output import Limits


class Paced:
    """Passes everything on, but rests between answers and refuses long tasks as ``pacer`` says.

    The rest comes before the next request, so that no answer waits for it; time without work counts
    as rest.
    """

    def __init__(
        self, handler: Handler, pacer: Pacer, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._handler = handler
        self._pacer = pacer
        self._now = now
        self._worked_s = 0.0
        self._ended = now()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that can be asked for."""
        return self._handler.tasks

    def expect(self, requests: Sequence[Request]) -> None:
        """Take note that these are begun next."""
        self._handler.expect(requests)

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer | Pending]:
        """Yield what the handler yields, after a rest; raises EdgeError."""
        self._pacer.rest(max(0.0, self._worked_s - (self._now() - self._ended)))
        self._worked_s = 0.0
        self._pacer.admit(request.task)
        begun = self._now()
        for found in self._handler.stream(request, limits):
            self._ended = self._now()
            self._worked_s = self._ended - begun
            yield found

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Return the final answer, given what the large model said; raises EdgeError."""
        return self._handler.finish(pending, reply)

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what happened since the last call."""
        return self._handler.facts()

    def info(self) -> dict[str, Any]:
        """Return what the node says about itself."""
        return self._handler.info()
